import { readFile } from 'node:fs/promises';
import { run } from '../../../../tasks/lib/exec.js';
import { writeAtomic } from '../../../../tasks/lib/files.js';
import type { Target } from '../../../../tasks/provision/types.js';

/** This machine below a folder, with a shell of the test's choice; counts round trips. */
export function folderTarget(root: string, shell: [string, ...string[]] = ['sh'], kind: Target['kind'] = 'local'): Target & { trips: number } {
  return {
    name: 'test',
    kind,
    root,
    trips: 0,
    async sh(script, args = [], options = {}) {
      this.trips += 1;
      return run([...shell, '-s', '--', ...args], { input: script, ok: options.ok ?? [0], ...(options.timeout === undefined ? {} : { timeout: options.timeout }) });
    },
    async put(path, data, mode) {
      await writeAtomic(root + path, Buffer.isBuffer(data) ? data : await readFile(data.file), mode ?? 0o600);
    },
    async get(path) {
      return readFile(root + path).catch(() => undefined);
    },
    waitUp: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
}
