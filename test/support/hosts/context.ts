import { mkdir, rename } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { exists, remove } from '../../../tasks/lib/files.js';
import type { Fetch } from '../../../tasks/lib/fetch/alternatives.js';
import { fetchSource } from '../../../tasks/lib/fetch/index.js';
import { fetchContext } from '../../../tasks/lib/fetch/for-run.js';
import { withLock } from '../../../tasks/lib/lock.js';
import { StageLog } from '../../../tasks/lib/log.js';
import { defaultCacheDir } from '../../../tasks/lib/paths.js';

/** Where test hosts are made: what is slow to make is made once and kept in the cache, between test runs too. */
export interface HostsContext {
  cacheDir: string;
  fetch: Fetch;
  log: StageLog;
  jobs: number;
  say: (text: string) => void;
}

/**
 * @param folder scratch of the test; gets the log and the lock file of sources
 * @param cacheDir by default the user's own cache
 */
export function hostsContext(folder: string, options: { cacheDir?: string; say?: (text: string) => void } = {}): HostsContext {
  const cacheDir = options.cacheDir ?? defaultCacheDir();
  const log = new StageLog(join(folder, 'hosts.log'));
  const context = fetchContext(
    { cache: cacheDir, lockFile: join(folder, 'hosts.lock.json'), offline: false, mirrors: [], allowUnsigned: false, allowSha1: false },
    { log, progress: { note: () => undefined, progress: () => undefined } },
    () => undefined,
  );
  return { cacheDir, fetch: (source) => fetchSource(source, context), log, jobs: cpus().length, say: options.say ?? ((): void => undefined) };
}

/**
 * A folder of the cache that `build` fills; it appears whole or not at all, and one process makes it.
 * @param key what it is made of
 */
export async function cachedFolder(context: HostsContext, name: string, key: string, build: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(context.cacheDir, 'hosts', `${name}-${key.slice(0, 16)}`);
  if (await exists(folder)) return folder;
  return withLock(
    join(context.cacheDir, 'locks', `hosts-${name}.lock`),
    `${name} for test hosts in the cache`,
    async () => {
      if (await exists(folder)) return folder;
      context.say(`making ${name} (once)`);
      const part = `${folder}.part`;
      await remove(part);
      await mkdir(part, { recursive: true });
      await build(part);
      await rename(part, folder);
      return folder;
    },
    3_600_000,
  );
}
