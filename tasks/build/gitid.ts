import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from '../lib/errors.js';
import { mapLimit } from './limit.js';

/**
 * Git object ids computed from plain files: an unpacked SRPM has no .git, yet its folders have the ids that git would
 * give them, so one table of ids tells which published kernel a folder is.
 */

/** Modes that git knows for files; anything that the owner may execute is 100755. */
export type GitMode = '100644' | '100755' | '120000';

/** A file's content and kind, as git records it. */
export interface Entry {
  /** Blob id, 40 hex digits. For a symbolic link: of its target's text. */
  id: string;
  mode: GitMode;
}

function objectId(type: 'blob' | 'tree', data: Buffer): string {
  return createHash('sha1').update(`${type} ${String(data.length)}\0`).update(data).digest('hex');
}

/** Git's id of a file's bytes. */
export function blobId(data: Buffer): string {
  return objectId('blob', data);
}

/** Entries are the same: both absent, or equal bytes and kind. */
export function sameEntry(a: Entry | null, b: Entry | null): boolean {
  return a === null || b === null ? a === b : a.id === b.id && a.mode === b.mode;
}

/** Content and mode of a file or symbolic link; null when there is neither at that path. */
export async function readEntryData(path: string): Promise<{ data: Buffer; mode: GitMode } | null> {
  try {
    const info = await lstat(path);
    if (info.isSymbolicLink()) return { data: Buffer.from(await readlink(path)), mode: '120000' };
    if (!info.isFile()) return null;
    return { data: await readFile(path), mode: (info.mode & 0o100) !== 0 ? '100755' : '100644' };
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** Id and mode of a file or symbolic link; null when there is neither at that path. */
export async function readEntry(path: string): Promise<Entry | null> {
  const found = await readEntryData(path);
  return found && { id: blobId(found.data), mode: found.mode };
}

export interface TreeIdOptions {
  /** Take every regular file as 100644: an archive that was unpacked with other modes keeps its identity. */
  plainModes?: boolean;
  /** File names (no folders) that do not count. */
  ignore?: (name: string) => boolean;
}

/** A tree object's line; git sorts folders as if their name ended in a slash. */
interface Item {
  name: Buffer;
  key: Buffer;
  mode: string;
  id: string;
}

async function treeItems(path: string, options: TreeIdOptions): Promise<Item[]> {
  const names = await readdir(path, { withFileTypes: true });
  const items = await mapLimit(names, 8, async (entry): Promise<Item | undefined> => {
    const full = join(path, entry.name);
    const name = Buffer.from(entry.name);
    if (entry.isDirectory()) {
      const inner = entry.name === '.git' ? [] : await treeItems(full, options);
      // Git has no empty folders.
      return inner.length === 0 ? undefined : { name, key: Buffer.from(`${entry.name}/`), mode: '40000', id: idOfItems(inner) };
    }
    if (options.ignore?.(entry.name)) return undefined;
    const found = await readEntry(full);
    if (!found) return undefined;
    const mode = options.plainModes && found.mode === '100755' ? '100644' : found.mode;
    return { name, key: name, mode, id: found.id };
  });
  return items.filter((item): item is Item => item !== undefined);
}

function idOfItems(items: Item[]): string {
  const sorted = [...items].sort((a, b) => Buffer.compare(a.key, b.key));
  return objectId('tree', Buffer.concat(sorted.flatMap((item) => [Buffer.from(`${item.mode} `), item.name, Buffer.from([0]), Buffer.from(item.id, 'hex')])));
}

/**
 * Git's id of a folder (tree id) or file (blob id), computed from what is on the disk.
 * @returns 40 hex digits; undefined when nothing is there
 */
export async function gitId(path: string, options: TreeIdOptions = {}): Promise<string | undefined> {
  const info = await lstat(path).catch((error: unknown) => {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  if (!info) return undefined;
  if (!info.isDirectory()) return (await readEntry(path))?.id;
  return idOfItems(await treeItems(path, options));
}
