import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../digest.js';
import { ExpectedError, errno } from '../errors.js';
import { writeAtomic } from '../files.js';
import { withLock } from '../lock.js';
import { sha256Hex } from '../sources.js';
import { patienceOf, type FetchContext } from './context.js';

/**
 * Trust on first use, for files whose digest nobody publishes: the lock file remembers what was seen first, and a
 * later difference is an error. It is meant to be committed beside the project, so that a team shares one first sight.
 */

const lockSchema = z.record(z.string(), z.object({ sha256: sha256Hex, firstSeen: z.string() }));
type LockData = z.output<typeof lockSchema>;
export type LockEntry = LockData[string];

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(path: string, text: string | undefined): LockData {
  if (text === undefined) return {};
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    data = undefined;
  }
  const parsed = lockSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  // An unreadable lock must never be taken for an empty one: that would trust anything again.
  throw new ExpectedError({
    code: 'trust',
    what: `The trust lock ${path} cannot be read.`,
    why: data === undefined ? 'It is not JSON.' : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'),
    fix: 'Restore it from version control; or remove it, and the files without a published digest are looked at anew.',
  });
}

/**
 * What the lock knows of a source.
 * @throws ExpectedError trust when the lock file is damaged
 */
export async function lockEntry(ctx: FetchContext, key: string): Promise<LockEntry | undefined> {
  return parse(ctx.lockFile, await readText(ctx.lockFile))[key];
}

/**
 * Compares with the lock, or enters the first sight.
 * @returns the entry that was there before, or undefined at first sight
 * @throws ExpectedError trust on a difference, naming both digests and the lock's line
 */
export async function checkLock(ctx: FetchContext, key: string, name: string, digest: string, from: string): Promise<LockEntry | undefined> {
  const guard = join(ctx.cacheDir, 'locks', `trust-${sha256(ctx.lockFile).slice(0, 16)}.lock`);
  return withLock(
    guard,
    'the trust lock',
    async () => {
      const text = await readText(ctx.lockFile);
      const data = parse(ctx.lockFile, text);
      const known = data[key];
      if (!known) {
        data[key] = { sha256: digest, firstSeen: new Date().toISOString().slice(0, 10) };
        const sorted = Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
        await writeAtomic(ctx.lockFile, `${JSON.stringify(sorted, null, 2)}\n`);
        return undefined;
      }
      if (known.sha256 !== digest) {
        const line = (text ?? '').split('\n').findIndex((each) => each.includes(JSON.stringify(key))) + 1;
        throw new ExpectedError({
          code: 'trust',
          what: `${name} is not the file that was seen first.`,
          why: `expected sha256 ${known.sha256} (first seen ${known.firstSeen}, ${ctx.lockFile}:${String(line)})\ngot      sha256 ${digest}\nfrom     ${from}`,
          fix: `Find out why it changed. If the new file is right, remove the entry at ${ctx.lockFile}:${String(line)} and run the command again.`,
        });
      }
      return known;
    },
    patienceOf(ctx).lockWaitMs,
  );
}
