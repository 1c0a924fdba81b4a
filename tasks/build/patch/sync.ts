import { chmod, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkInterrupted } from '../../lib/exec.js';
import { errno } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import { readEntry, sameEntry, type Entry } from '../gitid.js';
import { copyEntry } from './scratch.js';
import type { Targets } from './rehearse.js';

export interface SyncInput {
  /** Tree to be changed. */
  tree: string;
  pristine: string;
  /** Folder with the files that differ from the pristine tree, as they shall be. */
  patched: string;
  targets: Targets;
  paths: Iterable<string>;
  /** Folder on the tree's file system for files before they are renamed into place. */
  temp: string;
}

/**
 * Brings the named paths of a tree to their targets, touching only those that differ: make then recompiles only what
 * changed. Every file is replaced in one step (never written in place) and gets the present time, also when it goes back
 * to its pristine content: its object was made from another one.
 * @returns the paths that changed
 */
export async function syncPaths(input: SyncInput): Promise<string[]> {
  const { tree, pristine, patched, targets, temp } = input;
  const todo: { path: string; entry: Entry | null }[] = [];
  for (const path of [...new Set(input.paths)].sort()) {
    const target = targets[path];
    const entry = target === undefined ? await readEntry(join(pristine, path)) : target;
    if (!sameEntry(await readEntry(join(tree, path)), entry)) todo.push({ path, entry });
  }
  // Removals first: a file may have to give way to a folder of its name.
  for (const { path, entry } of todo) if (!entry) await removeFile(tree, pristine, path);
  await rm(temp, { recursive: true, force: true });
  await mkdir(temp, { recursive: true });
  for (const { path, entry } of todo) {
    if (!entry) continue;
    checkInterrupted();
    await replaceFile(join(targets[path] === undefined ? pristine : patched, path), join(tree, path), join(temp, 'file'), entry);
  }
  await rm(temp, { recursive: true, force: true });
  return todo.map(({ path }) => path);
}

async function removeFile(tree: string, pristine: string, path: string): Promise<void> {
  await rm(join(tree, path), { recursive: true, force: true });
  // A folder that a patch brought goes with its last file, as patch itself does it.
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    try {
      if ((await exists(join(pristine, folder))) || (await readdir(join(tree, folder))).length > 0) return;
      await rmdir(join(tree, folder));
    } catch (error) {
      if (errno(error) !== 'ENOENT') return;
    }
  }
}

async function replaceFile(from: string, to: string, temp: string, entry: Entry): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await rm(temp, { force: true });
  await copyEntry(from, temp);
  if (entry.mode !== '120000') {
    const { mode } = await lstat(temp);
    await chmod(temp, entry.mode === '100755' ? mode | 0o111 : mode & 0o666);
    const handle = await open(temp, 'r');
    await handle.sync();
    await handle.close();
  }
  const there = await lstat(to).catch(() => undefined);
  if (there?.isDirectory()) await rm(to, { recursive: true });
  await rename(temp, to);
}
