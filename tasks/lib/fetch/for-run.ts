import { resolve } from 'node:path';
import type { StageLog } from '../log.js';
import { defaultCacheDir } from '../paths.js';
import { formatBytes, formatDuration } from '../ui/format.js';
import type { StageProgress } from '../ui/stages.js';
import type { FetchContext } from './context.js';

/** The options of a command that say where sources may come from. */
export type FetchOptions = Pick<FetchContext, 'lockFile' | 'offline' | 'mirrors' | 'keyring' | 'allowUnsigned' | 'allowSha1'> & {
  /** Folder of the cache; empty: the default one. */
  cache: string;
};

/** How the fetch library is to behave for these options. */
export function fetchContext(
  options: FetchOptions,
  stage: { log: StageLog; progress: Pick<StageProgress, 'note' | 'progress'> },
  warn: (text: string) => void,
): FetchContext {
  return {
    cacheDir: resolve(options.cache || defaultCacheDir()),
    lockFile: resolve(options.lockFile),
    offline: options.offline,
    mirrors: options.mirrors,
    ...(options.keyring ? { keyring: resolve(options.keyring) } : {}),
    allowUnsigned: options.allowUnsigned,
    allowSha1: options.allowSha1,
    log: stage.log,
    notice: (text) => {
      stage.progress.note(text);
      warn(text);
    },
    progress: ({ name, received, total, bytesPerSecond, etaSeconds }) => {
      const share = total ? `${String(Math.floor((received / total) * 100))} % of ${formatBytes(total)}` : formatBytes(received);
      const eta = etaSeconds === undefined ? '' : `, ${formatDuration(etaSeconds * 1000)} left`;
      stage.progress.progress(`${name}: ${share}, ${formatBytes(bytesPerSecond)}/s${eta}`);
    },
  };
}
