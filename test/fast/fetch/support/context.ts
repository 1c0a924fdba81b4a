import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import type { Patience } from '../../../../tasks/lib/fetch/context.js';
import type { FetchContext } from '../../../../tasks/lib/fetch/index.js';
import { StageLog } from '../../../../tasks/lib/log.js';
import { onCleanup } from './cleanup.js';

/** What the fetch tests share: scratch folders, impatient contexts, and bytes with known digests. */

/** A folder that is gone after the test file. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bk-fetch-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestContext extends FetchContext {
  notices: string[];
}

/**
 * Attempts follow quickly. Silence counts only after a minute, as a busy machine may be silent for a while: tests of
 * servers that stall say STALLS.
 */
const PATIENCE: Partial<Patience> = { stallSeconds: 60, connectSeconds: 10, attempts: 3, backoffMs: 10, maxRetryAfterSeconds: 2, lockWaitMs: 120_000 };
export const STALLS: Partial<Patience> = { ...PATIENCE, stallSeconds: 3 };

/** A context with a cache of its own and little patience. */
export function context(options: Partial<FetchContext> = {}): TestContext {
  const folder = scratch();
  const notices: string[] = [];
  return {
    cacheDir: join(folder, 'cache'),
    lockFile: join(folder, 'build-kernel.lock.json'),
    offline: false,
    mirrors: [],
    allowUnsigned: false,
    allowSha1: false,
    notice: (text) => notices.push(text),
    notices,
    log: new StageLog(join(folder, 'fetch.log')),
    patience: PATIENCE,
    ...options,
  };
}

export const hex = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** Bytes nothing can guess, and their digest. */
export function sample(size = 1_500_000): { body: Buffer; sha256: string } {
  const body = randomBytes(size);
  return { body, sha256: hex(body) };
}

/** The ExpectedError a promise ends with. */
export async function failure(promise: Promise<unknown>): Promise<ExpectedError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ExpectedError) return error;
  throw error ?? new Error('it did not fail');
}
