import { chmod, mkdir, rename, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { sha256, sha256File } from '../digest.js';
import { fromSystem } from '../errors.js';
import { readJson, remove, writeAtomic } from '../files.js';
import { sha256Hex } from '../sources.js';
import { say, type FetchContext } from './context.js';

/**
 * Files by content: downloads/sha256/AB/ABCD… with a small note beside each. A file is hashed again when its size or
 * time is not what the note says (or always, with `verify`), so a damaged entry is noticed before it is used.
 */

const noteSchema = z.object({ name: z.string(), from: z.string(), size: z.number(), mtimeMs: z.number() });
export type StoreNote = z.output<typeof noteSchema>;

export function storeFolder(cacheDir: string): string {
  return join(cacheDir, 'downloads', 'sha256');
}

/** Path of a digest's file in the cache. */
export function storePath(cacheDir: string, digest: string): string {
  return join(storeFolder(cacheDir), digest.slice(0, 2), digest);
}

/** What is known about a file of the cache. */
export async function storeNote(path: string): Promise<StoreNote | undefined> {
  const parsed = noteSchema.safeParse(await readJson(`${path}.json`));
  return parsed.success ? parsed.data : undefined;
}

/** True when a cached file still has the digest it is named after. */
export async function storeIntact(path: string, digest: string, always = false): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return false;
  const note = await storeNote(path);
  if (!always && note?.size === found.size && note.mtimeMs === found.mtimeMs) return true;
  return (await sha256File(path)) === digest;
}

/** Notes the use of an item of the cache, on the small file that stands for it: what was not used for long can be pruned. */
export async function markUsed(stamp: string): Promise<void> {
  const now = new Date();
  await utimes(stamp, now, now).catch(() => undefined);
}

/** A file of the cache, checked; undefined when it is not there (any more). A damaged one is removed, and that is said. */
export async function fromStore(ctx: FetchContext, digest: string): Promise<{ path: string; note?: StoreNote } | undefined> {
  const path = storePath(ctx.cacheDir, digest);
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const note = await storeNote(path);
  if (await storeIntact(path, digest, ctx.verify)) {
    await markUsed(`${path}.json`);
    return { path, note };
  }
  say(ctx, `The cached ${note?.name ?? 'file'} (sha256 ${digest.slice(0, 12)}…) is damaged; fetching it again.`);
  await remove(path);
  await remove(`${path}.json`);
  return undefined;
}

/**
 * Moves a whole, trusted file into the cache; it becomes read-only.
 * @throws ExpectedError space, environment
 */
export async function intoStore(ctx: FetchContext, file: string, digest: string, name: string, from: string): Promise<string> {
  const path = storePath(ctx.cacheDir, digest);
  try {
    await mkdir(dirname(path), { recursive: true });
    await rename(file, path);
    // Afterwards: a read-only part file left by a kill in between could not be taken up again.
    await chmod(path, 0o444);
    const { size, mtimeMs } = await stat(path);
    await writeAtomic(`${path}.json`, `${JSON.stringify({ name, from, size, mtimeMs })}\n`);
  } catch (error) {
    throw fromSystem(error, `moving ${name} into the cache`);
  }
  return path;
}

/** Where the digest of a source without a published one is kept, so that a shared cache serves every project. */
function pointer(cacheDir: string, key: string): string {
  return join(cacheDir, 'downloads', 'by-source', `${sha256(key)}.json`);
}

const pointerSchema = z.object({ key: z.string(), sha256: sha256Hex });

/** The digest a source last had in this cache. No ground for trust, only for not downloading again. */
export async function lastDigest(ctx: FetchContext, key: string): Promise<string | undefined> {
  const parsed = pointerSchema.safeParse(await readJson(pointer(ctx.cacheDir, key)));
  return parsed.success ? parsed.data.sha256 : undefined;
}

export async function rememberDigest(ctx: FetchContext, key: string, digest: string): Promise<void> {
  await writeAtomic(pointer(ctx.cacheDir, key), JSON.stringify({ key, sha256: digest }));
}

export async function forgetDigest(ctx: FetchContext, key: string): Promise<void> {
  await remove(pointer(ctx.cacheDir, key));
}
