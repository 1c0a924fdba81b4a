import { copyFile, mkdir, readdir, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { sha256, sha256File } from '../digest.js';
import { ExpectedError } from '../errors.js';
import { readJson, remove, writeAtomic } from '../files.js';
import { sha256Hex, type AptSource, type Fetched, type Trust } from '../sources.js';
import * as aptState from './aptstate.js';
import type { AptFile } from './aptstate.js';
import { withCacheLock } from './retry.js';
import { markUsed } from './store.js';
import { checkLock } from './trustlock.js';
import { isLocal, offlineError, say, withoutCredentials, type FetchContext } from './context.js';

/**
 * Packages of the distribution, downloaded and never installed. Kept by package and version in
 * apt/{bin,src}/PACKAGE/VERSION/ with VERSION.json beside it, so an offline run finds the newest one fetched.
 */

const entrySchema = z.object({
  package: z.string(),
  version: z.string(),
  source: z.boolean(),
  from: z.string(),
  fetched: z.string(),
  /** Whose word the digests are: apt's signed indexes, or a mirror's own list. */
  provenBy: z.enum(['apt', 'mirror']),
  files: z.array(z.object({ name: z.string().regex(/^[^/]+$/), size: z.number(), sha256: sha256Hex })).min(1),
});
export type AptEntry = z.output<typeof entrySchema>;

/** Folder, below a cache or mirror, with one folder per version of a package. */
export function aptFolder(root: string, spec: Pick<AptSource, 'package' | 'source'>): string {
  return join(root, 'apt', spec.source ? 'src' : 'bin', spec.package);
}

/** Version as the file names carry it (no epoch for sources; `%3a` for a colon in binary packages). */
export function versionOf(files: readonly { name: string }[], source: boolean): string | undefined {
  const name = files.find((file) => file.name.endsWith(source ? '.dsc' : '.deb'))?.name;
  return name === undefined ? undefined : source ? name.split('_')[1]?.replace(/\.dsc$/, '') : name.split('_')[1];
}

/**
 * Compares every file of a package with the trust lock, or enters it.
 * @returns the oldest first sight; undefined when any file is seen for the first time
 */
async function checkEntry(ctx: FetchContext, entry: AptEntry, from: string): Promise<string | undefined> {
  const days: (string | undefined)[] = [];
  // Their names have package, version and architecture in them; a source package may be had with or without its small files.
  for (const file of entry.files) days.push((await checkLock(ctx, `apt:${file.name}`, file.name, file.sha256, from))?.firstSeen);
  return days.includes(undefined) ? undefined : days.sort()[0];
}

/** A package's digest: the file's own, or that of the sorted list for a source package. */
export function entryDigest(entry: AptEntry): string {
  const first = entry.files[0];
  if (!entry.source && first) return first.sha256;
  return sha256(entry.files.map((file) => `${file.sha256}  ${file.name}\n`).sort().join(''));
}

/** Entries of a package in a cache or mirror folder, newest first. */
export async function aptEntries(root: string, spec: Pick<AptSource, 'package' | 'source'>): Promise<AptEntry[]> {
  const folder = aptFolder(root, spec);
  const names = await readdir(folder).catch(() => []);
  const entries: AptEntry[] = [];
  for (const name of names.filter((each) => each.endsWith('.json'))) {
    const parsed = entrySchema.safeParse(await readJson(join(folder, name)));
    if (parsed.success) entries.push(parsed.data);
  }
  return entries.sort((a, b) => (a.fetched < b.fetched ? 1 : -1));
}

/** True when every file of an entry is there and has its digest. */
export async function entryIsWhole(root: string, entry: AptEntry): Promise<boolean> {
  for (const file of entry.files) {
    const path = join(aptFolder(root, entry), entry.version, file.name);
    const found = await stat(path).catch(() => undefined);
    if (found?.size !== file.size || (await sha256File(path)) !== file.sha256) return false;
  }
  return true;
}

function fetchedOf(ctx: FetchContext, entry: AptEntry, trust: Trust, from = entry.from): Fetched {
  const folder = join(aptFolder(ctx.cacheDir, entry), entry.version);
  const first = entry.files[0]?.name ?? '';
  return {
    name: entry.source ? `${entry.package}_${entry.version}.dsc` : first,
    kind: 'apt',
    path: entry.source ? folder : join(folder, first),
    digest: entryDigest(entry),
    from,
    trust,
  };
}

/** Moves a folder of downloaded files into the cache and writes the entry last: without it the folder does not count. */
async function adopt(ctx: FetchContext, spec: AptSource, folder: string, wanted: readonly AptFile[], from: string): Promise<AptEntry> {
  const version = versionOf(wanted, spec.source);
  if (version === undefined) throw notFound(spec);
  const there = await readdir(folder);
  const names = wanted
    .map((file) => file.name)
    .filter((name) => !spec.source || isArchive(name) || there.includes(name))
    .sort();
  for (const stray of there) if (!names.includes(stray)) await remove(join(folder, stray));
  if (names.length < wanted.length) say(ctx, `Of the source package ${spec.package} ${version} only ${names.join(', ')} could be had: enough to build from.`);
  const files: AptEntry['files'] = [];
  for (const name of names) {
    const path = join(folder, name);
    files.push({ name, size: (await stat(path)).size, sha256: await sha256File(path) });
  }
  const entry = { package: spec.package, version, source: spec.source, from, fetched: new Date().toISOString(), provenBy: 'apt' as const, files };
  const target = join(aptFolder(ctx.cacheDir, spec), version);
  await remove(`${target}.json`);
  await remove(target);
  await mkdir(aptFolder(ctx.cacheDir, spec), { recursive: true });
  await rename(folder, target);
  await writeAtomic(`${target}.json`, `${JSON.stringify(entry, null, 2)}\n`);
  return entry;
}

function sizeOf(files: readonly AptFile[]): number {
  return files.reduce((sum, file) => sum + file.size, 0);
}

/** The upstream archive of a source package: what a build cannot do without. */
function isArchive(name: string): boolean {
  return /\.tar\.\w+$/.test(name) && !/\.debian\.tar\.\w+$/.test(name);
}

/** An entry of the cache that has the files apt names now (of a source package at least the upstream archives). */
function sameFiles(entry: AptEntry, files: readonly AptFile[]): boolean {
  return files.every((file) => {
    const have = entry.files.find(({ name }) => name === file.name);
    if (!have) return entry.source && !isArchive(file.name);
    return file.sha256 === undefined || have.sha256 === file.sha256;
  });
}

function notFound(spec: AptSource): ExpectedError {
  return new ExpectedError({
    code: 'environment',
    what: `apt has no ${spec.source ? 'source ' : ''}package ${spec.package} for this host.`,
    fix: `Look for its name with \`apt-cache search ${spec.package}\`, add the suite that has it to the host's apt sources, or bring the file with --source FILE.`,
  });
}

/** Trust in an entry: apt's word, else (only signed indexes prove a package) what this project saw first. */
async function trusted(ctx: FetchContext, entry: AptEntry, from = entry.from): Promise<Fetched> {
  if (entry.provenBy === 'apt') return fetchedOf(ctx, entry, { how: 'apt' }, from);
  const firstSeen = await checkEntry(ctx, entry, from);
  return fetchedOf(ctx, entry, firstSeen === undefined ? { how: 'first-seen' } : { how: 'lock-file', firstSeen }, from);
}

/** The newest whole entry of this cache, or one copied from a mirror folder. */
async function fromCacheOrMirror(spec: AptSource, ctx: FetchContext): Promise<Fetched | undefined> {
  for (const entry of await aptEntries(ctx.cacheDir, spec)) {
    if (await entryIsWhole(ctx.cacheDir, entry)) return trusted(ctx, entry);
    say(ctx, `The cached ${entry.package} ${entry.version} is damaged.`);
  }
  for (const mirror of ctx.mirrors.filter(isLocal).map((each) => each.replace(/^file:\/\//, ''))) {
    for (const found of await aptEntries(mirror, spec)) {
      if (!(await entryIsWhole(mirror, found))) {
        say(ctx, `${found.package} ${found.version} in the mirror ${mirror} is damaged; not used.`);
        continue;
      }
      const entry: AptEntry = { ...found, provenBy: 'mirror' };
      const result = await trusted(ctx, entry, mirror);
      const target = join(aptFolder(ctx.cacheDir, spec), entry.version);
      await mkdir(target, { recursive: true });
      for (const file of entry.files) await copyFile(join(aptFolder(mirror, spec), entry.version, file.name), join(target, file.name));
      await writeAtomic(`${target}.json`, `${JSON.stringify(entry, null, 2)}\n`);
      return result;
    }
  }
  return undefined;
}

/**
 * Downloads a package of the host's distribution, or its source package, with apt's own verification.
 * @returns for a binary package the .deb; for a source package the folder with .dsc and archives
 * @throws ExpectedError environment (no apt, no such package), network, offline, busy
 */
export async function fetchApt(spec: AptSource, ctx: FetchContext): Promise<Fetched> {
  return withCacheLock(ctx, `apt-${spec.source ? 'src' : 'bin'}`, "The cache's apt state", () => fetchLocked(spec, ctx));
}

async function fetchLocked(spec: AptSource, ctx: FetchContext): Promise<Fetched> {
  if (ctx.offline) {
    const cached = await fromCacheOrMirror(spec, ctx);
    if (cached) return cached;
    throw offlineError(`${spec.source ? 'Source package' : 'Package'} ${spec.package}`, [aptFolder(ctx.cacheDir, spec), ...ctx.mirrors]);
  }
  const state = await aptState.prepareState(ctx, spec.source ? 'deb-src' : 'deb');
  const fresh = await aptState.isFresh(state);
  if (!fresh) await aptState.update(ctx, state);
  let files = await aptState.resolve(ctx, state, spec.package);
  if (!files && fresh) {
    await aptState.update(ctx, state);
    files = await aptState.resolve(ctx, state, spec.package);
  }
  if (!files) {
    // No index could be fetched (or it has the package no longer): what was verified before still serves.
    const cached = await fromCacheOrMirror(spec, ctx);
    if (!cached) throw notFound(spec);
    say(ctx, `apt has no ${spec.package} now; using ${cached.name} from ${cached.from}.`);
    return cached;
  }
  for (const entry of await aptEntries(ctx.cacheDir, spec)) {
    if (!sameFiles(entry, files)) continue;
    if (await entryIsWhole(ctx.cacheDir, entry)) {
      await markUsed(`${join(aptFolder(ctx.cacheDir, entry), entry.version)}.json`);
      return fetchedOf(ctx, entry, { how: 'apt' });
    }
    say(ctx, `The cached ${entry.package} ${entry.version} is damaged; fetching it again.`);
  }
  const from = files.find((file) => /\.(dsc|deb)$/.test(file.name))?.uri ?? '';
  const entry = await downloadVersion(spec, ctx, state, files, withoutCredentials(from));
  await checkEntry(ctx, entry, entry.from);
  return fetchedOf(ctx, entry, { how: 'apt' });
}

async function downloadVersion(spec: AptSource, ctx: FetchContext, state: aptState.AptState, files: AptFile[], from: string): Promise<AptEntry> {
  // A fixed name, so that what a killed run left there is found: apt checks those files and goes on.
  const part = join(ctx.cacheDir, 'apt', 'partial', `${spec.source ? 'src' : 'bin'}-${spec.package}`);
  await mkdir(part, { recursive: true });
  try {
    await aptState.download(ctx, state, spec.package, sizeOf(files), part);
    return await adopt(ctx, spec, part, files, from);
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code !== 'network') throw error;
    // Most often a newer version has replaced the one in our index: ask for the indexes and try once more.
    await aptState.update(ctx, state);
    const now = await aptState.resolve(ctx, state, spec.package);
    if (!now || versionOf(now, spec.source) === versionOf(files, spec.source)) throw error;
    await aptState.download(ctx, state, spec.package, sizeOf(now), part);
    return adopt(ctx, spec, part, now, from);
  }
}

/**
 * A .deb the user brings.
 * @returns the file in the cache, trusted because the user named it
 */
export async function adoptUserDeb(path: string, spec: AptSource, ctx: FetchContext): Promise<Fetched> {
  if (spec.source) {
    throw new ExpectedError({
      code: 'usage',
      what: `${path} cannot stand in for the source package ${spec.package}, which is several files.`,
      fix: 'Name a folder written by `build-kernel fetch --into DIR` with --mirror DIR instead.',
    });
  }
  const digest = await sha256File(path);
  const folder = join(ctx.cacheDir, 'apt', 'user', digest);
  await mkdir(folder, { recursive: true });
  const target = join(folder, basename(path));
  await copyFile(path, target);
  return { name: basename(path), kind: 'apt', path: target, digest, from: path, trust: { how: 'user-file' } };
}
