import { defineConfig } from 'vitest/config';

/** Two projects: `fast` needs no network, no root and seconds; `slow` runs real rpmbuild, gcc, sshd and needs minutes. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'fast', include: ['test/fast/**/*.test.ts'], globalSetup: ['test/support/compiled.ts'], setupFiles: ['test/support/seed.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'slow',
          include: ['test/slow/**/*.test.ts'],
          globalSetup: ['test/support/compiled.ts', 'test/support/slow-setup.ts'],
          testTimeout: 1_800_000,
          hookTimeout: 600_000,
          // Two at a time: a guest that is emulated uses one processor.
          maxWorkers: 2,
        },
      },
    ],
  },
});
