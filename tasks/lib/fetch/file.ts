import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { sha256, sha256File } from '../digest.js';
import { ExpectedError } from '../errors.js';
import { remove } from '../files.js';
import type { Fetched, FileSource, Trust } from '../sources.js';
import { isLocal, say, withoutCredentials, type FetchContext } from './context.js';
import { download, forgetPart, partPath, type Received } from './download.js';
import { indexedDigest } from './mirrorindex.js';
import { withCacheLock } from './retry.js';
import { checkRpmSignature, requireKeys } from './rpmsig.js';
import { forgetDigest, fromStore, intoStore, lastDigest, rememberDigest } from './store.js';
import { copyInto, localPath } from './transfer.js';
import { checkLock, lockEntry } from './trustlock.js';

/** Single files: archives, SRPMs, patches. Looked for in the cache, then in the mirrors, then at their own URLs. */

/** Name of a file in the trust lock: the URL it is published at. */
export function lockKey(spec: FileSource): string {
  return withoutCredentials(spec.urls[0] ?? spec.name);
}

/**
 * Decides whether a file may be used.
 * @throws ExpectedError trust
 */
async function judge(path: string, digest: string, from: string, spec: FileSource, ctx: FetchContext): Promise<Trust> {
  if (spec.sha256 !== undefined) {
    if (spec.sha256 === digest) return { how: 'pinned-sha256' };
    throw new ExpectedError({
      code: 'trust',
      what: `${spec.name} is not the file that is pinned.`,
      why: `expected sha256 ${spec.sha256}\ngot      sha256 ${digest}\nfrom     ${from}`,
      fix: 'The transfer was damaged or the file was changed at its source: try another mirror (--mirror).',
    });
  }
  const signature = spec.signedBy === undefined ? undefined : await checkRpmSignature(path, spec.name, spec.signedBy, ctx);
  // The lock holds for signed files too: an older package of the same vendor is signed just as well.
  const known = await checkLock(ctx, lockKey(spec), spec.name, digest, from);
  if (signature) return signature;
  if (known) return { how: 'lock-file', firstSeen: known.firstSeen };
  say(ctx, `${spec.name}: nobody publishes its digest; ${digest.slice(0, 12)}… is remembered in ${ctx.lockFile}.`);
  return { how: 'first-seen' };
}

function fetchedOf(spec: FileSource, path: string, digest: string, from: string, trust: Trust): Fetched {
  return { name: spec.name, kind: 'file', path, digest, from, trust };
}

/** The file from the cache, if its digest is known beforehand and it may be used. */
async function fromCache(spec: FileSource, ctx: FetchContext): Promise<Fetched | undefined> {
  const digest = spec.sha256 ?? (await lockEntry(ctx, lockKey(spec)))?.sha256 ?? (await lastDigest(ctx, lockKey(spec)));
  const found = digest === undefined ? undefined : await fromStore(ctx, digest);
  if (!found || digest === undefined) return undefined;
  const from = found.note?.from ?? 'the cache';
  return fetchedOf(spec, found.path, digest, from, await judge(found.path, digest, from, spec, ctx));
}

/** Places for a file: mirrors first (folders only when they have it), then its own URLs. */
async function placesOf(spec: FileSource, ctx: FetchContext): Promise<string[]> {
  const places: string[] = [];
  for (const mirror of ctx.mirrors) {
    const place = `${mirror.replace(/\/+$/, '')}/${spec.name}`;
    if (!isLocal(mirror) || (await stat(localPath(place)).catch(() => undefined))?.isFile()) places.push(place);
  }
  return [...places, ...spec.urls];
}

/** A mirror's own index must agree with what it gives: a folder copied badly is noticed even when nothing else would. */
async function checkMirror(received: Received, spec: FileSource, ctx: FetchContext): Promise<void> {
  const mirror = ctx.mirrors.find((each) => isLocal(each) && received.from === `${each.replace(/\/+$/, '')}/${spec.name}`);
  const indexed = mirror === undefined ? undefined : await indexedDigest(localPath(mirror), spec.name);
  if (indexed === undefined || indexed === received.sha256) return;
  throw new ExpectedError({
    code: 'trust',
    what: `${spec.name} in the mirror ${mirror ?? ''} is not what its index says.`,
    why: `expected sha256 ${indexed}\ngot      sha256 ${received.sha256}`,
    fix: 'Write the mirror again with `build-kernel fetch --into DIR`.',
  });
}

/**
 * Fetches a file.
 * @throws ExpectedError trust, network, offline, space, busy
 */
export async function fetchFile(spec: FileSource, ctx: FetchContext): Promise<Fetched> {
  const key = lockKey(spec);
  return withCacheLock(ctx, `file-${sha256(key).slice(0, 16)}`, `The download of ${spec.name}`, async () => {
    const cached = await fromCache(spec, ctx);
    if (cached) return cached;
    if (spec.sha256 === undefined && spec.signedBy) await requireKeys(spec.name, spec.signedBy, ctx);
    const provable = spec.sha256 !== undefined || spec.signedBy !== undefined || (await lockEntry(ctx, key)) !== undefined;
    return download({ name: spec.name, key, places: await placesOf(spec, ctx), provable }, ctx, async (received) => {
      await checkMirror(received, spec, ctx);
      const trust = await judge(received.path, received.sha256, received.from, spec, ctx).catch(async (error: unknown) => {
        // Whoever then clears the lock's entry wants to see the new file, not the old one from the cache.
        await forgetDigest(ctx, key);
        throw error;
      });
      const path = await intoStore(ctx, received.path, received.sha256, spec.name, received.from);
      if (spec.sha256 === undefined) await rememberDigest(ctx, key, received.sha256);
      await forgetPart(ctx.cacheDir, { name: spec.name, key });
      return fetchedOf(spec, path, received.sha256, received.from, trust);
    });
  });
}

/**
 * Takes a file the user brings in place of a download. A pinned digest or signature still has to be right; without
 * either the user's word is the trust.
 * @throws ExpectedError trust, usage (no such file), space
 */
export async function adoptFile(path: string, spec: FileSource, ctx: FetchContext): Promise<Fetched> {
  if (!(await stat(path).catch(() => undefined))?.isFile()) {
    throw new ExpectedError({ code: 'usage', what: `There is no file ${path}.`, fix: 'Check the path given with --source.' });
  }
  const digest = await sha256File(path);
  const pinned = spec.sha256 !== undefined || spec.signedBy !== undefined;
  const trust: Trust = pinned ? await judgeOwn(path, digest, spec, ctx) : { how: 'user-file' };
  const known = await fromStore(ctx, digest);
  if (known) return fetchedOf(spec, known.path, digest, path, trust);
  // Copied first, so that the user's file stays theirs to edit; hashed again, in case they did meanwhile.
  const copy = `${partPath(ctx.cacheDir, { name: basename(path), key: path })}.${String(process.pid)}`;
  try {
    await copyInto(path, copy);
    if ((await sha256File(copy)) !== digest) {
      throw new ExpectedError({ code: 'trust', what: `${path} changed while it was read.`, fix: 'Run the command again when nothing writes to it.' });
    }
    return fetchedOf(spec, await intoStore(ctx, copy, digest, spec.name, path), digest, path, trust);
  } finally {
    await remove(copy);
  }
}

/** As `judge`, without the lock: what a user brings once is no first sight of what is published. */
async function judgeOwn(path: string, digest: string, spec: FileSource, ctx: FetchContext): Promise<Trust> {
  if (spec.sha256 === undefined && spec.signedBy) return checkRpmSignature(path, spec.name, spec.signedBy, ctx);
  return judge(path, digest, path, spec, ctx);
}
