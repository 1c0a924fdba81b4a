import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, remove, writeAtomic } from '../../lib/files.js';
import { withLock } from '../../lib/lock.js';

/**
 * Makes a folder of the cache once, for all builds: filled beside, under a lock, and renamed when it is whole. What
 * `fill` returns is kept in its meta.json and given back from then on.
 * @param what for messages: "the pristine tree of debian-6.1"
 */
export async function once<T extends object>(folder: string, what: string, fill: (part: string) => Promise<T>): Promise<T> {
  const stored = (): Promise<T | undefined> => readJson(join(folder, 'meta.json')) as Promise<T | undefined>;
  const before = await stored();
  if (before) return before;
  return withLock(
    `${folder}.lock`,
    what,
    async () => {
      const other = await stored();
      if (other) return other;
      const part = `${folder}.part`;
      await remove(part);
      await mkdir(part, { recursive: true });
      try {
        const made = await fill(part);
        await writeAtomic(join(part, 'meta.json'), `${JSON.stringify(made, null, 2)}\n`);
        await remove(folder);
        await rename(part, folder);
        return made;
      } catch (error) {
        // A wrong or damaged source must not fill the disk.
        await remove(part);
        throw error;
      }
    },
    600_000,
  );
}
