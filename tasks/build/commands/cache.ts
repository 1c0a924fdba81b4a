import { resolve } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { cachePrune, cacheUsage, cacheVerify, type CacheItem } from '../../lib/fetch/index.js';
import { table, type Io } from '../../lib/io.js';
import { defaultCacheDir } from '../../lib/paths.js';
import { formatBytes } from '../../lib/ui/format.js';
import type { BuildOptions } from '../options.js';

function rows(items: readonly CacheItem[]): string {
  return table(items.map(({ kind, name, bytes }) => [`  ${formatBytes(bytes).padStart(10)}`, kind, name]));
}

/**
 * `build-kernel cache`: what it holds; `--prune` removes what can be made again without a network (unpacked trees,
 * libraries, half-fetched files), `--prune --downloads` all of it, Debian roots too; `--verify` hashes every download again.
 * @throws ExpectedError usage (options that do not go together), trust when --verify finds damage
 */
export async function cache(io: Io, options: BuildOptions & { prune: boolean; downloads: boolean; verify: boolean }): Promise<void> {
  if (options.downloads && !options.prune) throw new ExpectedError({ code: 'usage', what: '--downloads goes with --prune.', fix: 'Give both to remove the downloads too.' });
  if (options.verify && options.prune) throw new ExpectedError({ code: 'usage', what: '--verify looks, --prune removes: give one of them.' });
  const folder = resolve(options.cache || defaultCacheDir());
  const total = (items: readonly CacheItem[]): string => formatBytes(items.reduce((sum, { bytes }) => sum + bytes, 0));
  if (options.verify) {
    const damaged = await cacheVerify(folder);
    if (damaged.length > 0) {
      throw new ExpectedError({
        code: 'trust',
        what: `${String(damaged.length)} entries of the cache are damaged.`,
        why: damaged.map(({ name, path }) => `${name}: ${path}`).join('\n'),
        fix: 'Remove them (rm -r, and the .json beside each); the next build fetches them again.',
      });
    }
    io.result({ folder, damaged: [] });
    io.print(`Every download in ${folder} is what it was when it was fetched.`);
    return;
  }
  if (options.prune) {
    const { removed, busy } = await cachePrune(folder, { unusedDays: 0, ...(options.downloads ? {} : { keep: ['file', 'git', 'apt', 'root'] }) });
    io.result({ folder, removed, busy });
    io.print(removed.length > 0 ? `Removed ${total(removed)} from ${folder}:\n${rows(removed)}` : `Nothing to remove in ${folder}.`);
    if (busy.length > 0) io.print(`In use, left alone:\n${rows(busy)}`);
    return;
  }
  const items = await cacheUsage(folder);
  io.result({ folder, items });
  io.print(items.length > 0 ? `${folder} holds ${total(items)}:\n${rows(items)}` : `${folder} holds nothing.`);
}
