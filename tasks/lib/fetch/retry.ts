import { join } from 'node:path';
import { checkInterrupted } from '../exec.js';
import { withLock } from '../lock.js';
import { patienceOf, say, type FetchContext } from './context.js';

/** Works under a lock of the cache, waiting for another build-kernel that has it, and saying so. */
export function withCacheLock<T>(ctx: FetchContext, name: string, what: string, work: () => Promise<T>): Promise<T> {
  const lock = join(ctx.cacheDir, 'locks', `${name}.lock`);
  return withLock(lock, what, work, patienceOf(ctx).lockWaitMs, (holder) => say(ctx, `${what} is in use (${holder}); waiting for it.`));
}

/** Waits, but not longer than it takes to notice that the run was told to stop. */
export async function pause(milliseconds: number): Promise<void> {
  const until = Date.now() + milliseconds;
  for (let left = milliseconds; left > 0; left = until - Date.now()) {
    checkInterrupted();
    await new Promise((resolve) => setTimeout(resolve, Math.min(left, 500)));
  }
  checkInterrupted();
}

/**
 * The pause before attempt `attempt` + 1: doubling, at most 30 s, and a random part so that many hosts do not come
 * back at one moment.
 * @param atLeast milliseconds the server asked for (Retry-After)
 */
export async function backoff(ctx: FetchContext, name: string, attempt: number, why: string, atLeast = 0): Promise<void> {
  const grown = Math.min(patienceOf(ctx).backoffMs * 2 ** (attempt - 1), 30_000);
  const wait = Math.max(atLeast, grown * (0.75 + Math.random() / 2));
  ctx.log?.line(`${name}: ${why}; attempt ${String(attempt + 1)} in ${(wait / 1000).toFixed(1)} s`);
  await pause(wait);
}
