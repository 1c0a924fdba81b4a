import { defineConfig } from 'vitest/config';

/** Milliseconds after which a fast test hangs. They take seconds, but a machine with other work to do has taken twenty times what it takes alone. */
const PATIENCE = 300_000;

/** Two projects: `fast` needs no network, no root and seconds; `slow` runs real rpmbuild, gcc, sshd and needs minutes. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'fast', include: ['test/fast/**/*.test.ts'], globalSetup: ['test/support/compiled.ts'], setupFiles: ['test/support/seed.ts'], testTimeout: PATIENCE, hookTimeout: PATIENCE } },
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
