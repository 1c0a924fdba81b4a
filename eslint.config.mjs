import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'artifacts/', 'node_modules/'] },
  ...tseslint.configs.strict,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'error',
      // One gateway for processes (lib/exec): nothing else may start one.
      'no-restricted-imports': ['error', { paths: ['child_process', 'node:child_process', 'execa'] }],
    },
  },
  { files: ['tasks/lib/exec.ts', 'test/**', 'ci/**'], rules: { 'no-restricted-imports': 'off', 'no-console': 'off' } },
);
