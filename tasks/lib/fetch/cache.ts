import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ExpectedError } from '../errors.js';
import { exists } from '../files.js';
import { withLock } from '../lock.js';
import { aptEntries, entryIsWhole } from './apt.js';
import { repoIntact } from './gitcmd.js';
import { storeFolder, storeIntact, storeNote } from './store.js';

/** What the cache holds, and how to get rid of it. */

export interface CacheItem {
  kind: 'file' | 'part' | 'git' | 'apt' | 'root' | 'other';
  /** For people: file name, repository, package and version, or folder below the cache. */
  name: string;
  path: string;
  bytes: number;
  /** Milliseconds since the epoch of the last use. */
  lastUsed: number;
}

/** Bytes on disk below a path (a file linked twice counts once). */
async function bytesOf(path: string, seen = new Set<string>()): Promise<number> {
  const info = await stat(path).catch(() => undefined);
  if (!info) return 0;
  if (!info.isDirectory()) {
    const id = `${String(info.dev)}:${String(info.ino)}`;
    if (seen.has(id)) return 0;
    seen.add(id);
    return info.blocks * 512;
  }
  let bytes = 0;
  // Removed meanwhile, or another user's.
  for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isSymbolicLink()) bytes += await bytesOf(join(path, entry.name), seen);
  }
  return bytes;
}

async function children(path: string): Promise<string[]> {
  return (await readdir(path).catch(() => [])).sort();
}

async function usedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

async function files(cacheDir: string): Promise<CacheItem[]> {
  const items: CacheItem[] = [];
  for (const two of await children(storeFolder(cacheDir))) {
    for (const digest of await children(join(storeFolder(cacheDir), two))) {
      if (!/^[0-9a-f]{64}$/.test(digest)) continue;
      const path = join(storeFolder(cacheDir), two, digest);
      const note = await storeNote(path);
      items.push({ kind: 'file', name: note?.name ?? digest, path, bytes: await bytesOf(path), lastUsed: (await usedAt(`${path}.json`)) || (await usedAt(path)) });
    }
  }
  for (const name of await children(join(cacheDir, 'downloads', 'partial'))) {
    const path = join(cacheDir, 'downloads', 'partial', name);
    items.push({ kind: 'part', name, path, bytes: await bytesOf(path), lastUsed: await usedAt(path) });
  }
  return items;
}

async function packages(cacheDir: string): Promise<CacheItem[]> {
  const items: CacheItem[] = [];
  const apt = join(cacheDir, 'apt');
  for (const kind of ['bin', 'src']) {
    for (const name of await children(join(apt, kind))) {
      for (const version of await children(join(apt, kind, name))) {
        if (version.endsWith('.json')) continue;
        const path = join(apt, kind, name, version);
        items.push({ kind: 'apt', name: `${name} ${version}${kind === 'src' ? ' (source)' : ''}`, path, bytes: await bytesOf(path), lastUsed: await usedAt(`${path}.json`) });
      }
    }
  }
  for (const name of await children(apt)) {
    if (name === 'bin' || name === 'src') continue;
    const path = join(apt, name);
    items.push({ kind: 'apt', name: `apt ${name}`, path, bytes: await bytesOf(path), lastUsed: await usedAt(path) });
  }
  return items;
}

/**
 * Everything in the cache, biggest first. Folders that other stages keep there (unpacked trees, libraries) are listed
 * one level deep, as they are.
 */
export async function cacheUsage(cacheDir: string): Promise<CacheItem[]> {
  const items = [...(await files(cacheDir)), ...(await packages(cacheDir))];
  for (const name of await children(join(cacheDir, 'git'))) {
    const path = join(cacheDir, 'git', name);
    items.push({ kind: 'git', name, path, bytes: await bytesOf(path), lastUsed: await usedAt(join(path, 'build-kernel.ready')) });
  }
  for (const top of await children(cacheDir)) {
    if (['downloads', 'apt', 'git', 'locks'].includes(top)) continue;
    for (const name of await children(join(cacheDir, top))) {
      const path = join(cacheDir, top, name);
      // The lock of what is being made there.
      if (name.endsWith('.lock')) continue;
      items.push({ kind: top === 'image' && name.startsWith('debian-') ? 'root' : 'other', name: `${top}/${name}`, path, bytes: await bytesOf(path), lastUsed: await usedAt(path) });
    }
  }
  return items.sort((a, b) => b.bytes - a.bytes);
}

/** The lock under which other stages make a folder of theirs: beside it, or one for all versions of a thing. */
function lockOfFolder(cacheDir: string, path: string): string | undefined {
  const top = basename(dirname(path));
  const name = basename(path).replace(/\.(part|tar)(\.tar)?$/, '');
  const thing = name.replace(/-[0-9a-f]{24}$/, '');
  const lock = { image: 'image-root', guest: `guest-${thing}`, tools: `tools-${thing}`, 'tool-libraries': `tool-library-${thing}` }[top];
  if (lock !== undefined) return join(cacheDir, 'locks', `${lock}.lock`);
  return top === 'pristine' || top === 'headers' ? join(dirname(path), `${name}.lock`) : undefined;
}

/** The lock that guards an item while it is fetched or made; undefined when nothing but a rename ever touches it. */
function lockOf(cacheDir: string, item: CacheItem): string | undefined {
  const locks = join(cacheDir, 'locks');
  switch (item.kind) {
    case 'git':
      return join(locks, `${item.name}.lock`);
    case 'apt':
      return join(locks, `apt-${item.path.includes('/apt/src/') || item.path.endsWith('deb-src') || item.path.includes('/partial') ? 'src' : 'bin'}.lock`);
    case 'part': {
      const id = /-([0-9a-f]{16})\.(part|rejected)/.exec(item.name)?.[1];
      return id === undefined ? undefined : join(locks, `file-${id}.lock`);
    }
    case 'root':
    case 'other':
      return lockOfFolder(cacheDir, item.path);
    default:
      return undefined;
  }
}

export interface PruneOptions {
  /** Remove what was not used for this many days; 0 removes everything. */
  unusedDays: number;
  /** Kinds to leave alone. */
  keep?: CacheItem['kind'][];
}

/**
 * Removes what was not used lately. What another build-kernel is fetching at this moment stays.
 * @returns what was removed, and what was busy
 */
export async function cachePrune(cacheDir: string, options: PruneOptions): Promise<{ removed: CacheItem[]; busy: CacheItem[] }> {
  const removed: CacheItem[] = [];
  const busy: CacheItem[] = [];
  // A file made in this very millisecond has a time after Date.now(), which leaves out the fraction.
  const before = options.unusedDays === 0 ? Infinity : Date.now() - options.unusedDays * 86_400_000;
  for (const item of await cacheUsage(cacheDir)) {
    if (item.lastUsed > before || options.keep?.includes(item.kind)) continue;
    const drop = async (): Promise<void> => {
      // The note goes first: an entry without one is checked in full before it is used.
      await rm(`${item.path}.json`, { force: true });
      await rm(item.path, { recursive: true, force: true });
    };
    const lock = lockOf(cacheDir, item);
    try {
      if (lock === undefined) await drop();
      else await withLock(lock, item.name, drop);
      removed.push(item);
    } catch (error) {
      if (!(error instanceof ExpectedError) || error.code !== 'busy') throw error;
      busy.push(item);
    }
  }
  return { removed, busy };
}

/** Whether a version of a package is not as it was when it was fetched; false for what is no package. */
async function packageDamaged(cacheDir: string, path: string): Promise<boolean> {
  const [kind = '', name = '', version = ''] = relative(join(cacheDir, 'apt'), path).split('/');
  if (version === '') return false;
  const entry = (await aptEntries(cacheDir, { package: name, source: kind === 'src' })).find((each) => each.version === version);
  return entry !== undefined && !(await entryIsWhole(cacheDir, entry));
}

/** Hashes every file and package, and checks every repository of the cache. Returns the damaged ones; nothing is removed. */
export async function cacheVerify(cacheDir: string): Promise<CacheItem[]> {
  const bad: CacheItem[] = [];
  for (const item of await cacheUsage(cacheDir)) {
    if (item.kind === 'file' && !(await storeIntact(item.path, item.path.slice(-64), true))) bad.push(item);
    if (item.kind === 'apt' && (await packageDamaged(cacheDir, item.path))) bad.push(item);
    if (item.kind === 'git' && (await exists(join(item.path, 'build-kernel.ready')))) {
      if (!(await repoIntact(item.path))) bad.push(item);
    }
  }
  return bad;
}
