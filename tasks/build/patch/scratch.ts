import { chmod, copyFile, lstat, mkdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExpectedError, errno } from '../../lib/errors.js';
import { joinInside } from '../../lib/files.js';
import { readEntryData, type GitMode } from '../gitid.js';

/** Bytes and kind of a file at some moment; null: there is none. */
export type FileState = { data: Buffer; mode: GitMode } | null;
export type Snapshot = Map<string, FileState>;

/** Copies one file or symbolic link, with its mode; the folder is made when needed. */
export async function copyEntry(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const info = await lstat(from);
  if (info.isSymbolicLink()) {
    await symlink(await readlink(from), to);
    return;
  }
  await copyFile(from, to);
  await chmod(to, (info.mode & 0o777) | 0o200);
}

/**
 * A folder that holds copies of only those pristine files that a series touches: patches are tried here, so that
 * neither the pristine tree nor the work tree sees a patch that fails.
 */
export class Scratch {
  /** Paths (below the root) that were looked up in the pristine tree, whether they exist there or not. */
  readonly staged = new Set<string>();

  constructor(
    readonly pristine: string,
    readonly folder: string,
  ) {}

  /** Path in the scratch folder. @throws ExpectedError patch when it leaves the tree */
  at(path: string, patch: string): string {
    return this.inside(this.folder, path, patch);
  }

  private inside(root: string, path: string, patch: string): string {
    const full = joinInside(root, path);
    if (full === undefined) {
      throw new ExpectedError({
        code: 'patch',
        what: `${patch} names a file outside of the tree: ${path}.`,
        why: 'A patch may only touch files below the root of the tree that it is applied in.',
        fix: 'Check where the patch comes from; if it is right, its strip level is wrong.',
      });
    }
    return full;
  }

  /** Brings a path's pristine state into the scratch folder, once. */
  async stage(path: string, patch: string): Promise<void> {
    const to = this.at(path, patch);
    if (this.staged.has(path)) return;
    const from = this.inside(this.pristine, path, patch);
    await this.refuseLinkedFolder(path, patch);
    this.staged.add(path);
    try {
      await copyEntry(from, to);
    } catch (error) {
      // Not there: the patch creates it, or does not fit. A folder of that name: GNU patch refuses it.
      if (!['ENOENT', 'ENOTDIR', 'EISDIR', 'ERR_FS_EISDIR', 'EINVAL'].includes(errno(error) ?? '')) throw error;
    }
  }

  /** A folder that is a symbolic link could lead out of the tree, and would be a real folder in the scratch copy. */
  private async refuseLinkedFolder(path: string, patch: string): Promise<void> {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      const info = await lstat(join(this.pristine, folder)).catch(() => undefined);
      if (!info?.isSymbolicLink()) continue;
      throw new ExpectedError({
        code: 'patch',
        what: `${patch} changes ${path} through the symbolic link ${folder}.`,
        why: 'A patch is applied to real files only: through a link it could change files outside of the tree.',
        fix: 'Name the real file in the patch.',
      });
    }
  }

  /** The present state of these paths. */
  async snapshot(paths: Iterable<string>): Promise<Snapshot> {
    const states: Snapshot = new Map();
    for (const path of paths) states.set(path, await readEntryData(join(this.folder, path)));
    return states;
  }

  /** Puts these paths back to an earlier state. */
  async restore(states: Snapshot): Promise<void> {
    for (const [path, state] of states) {
      const full = join(this.folder, path);
      await rm(full, { recursive: true, force: true });
      if (!state) continue;
      await mkdir(dirname(full), { recursive: true });
      if (state.mode === '120000') await symlink(state.data.toString(), full);
      else await writeFile(full, state.data, { mode: state.mode === '100755' ? 0o755 : 0o644 });
    }
  }

  /** Removes a path. @returns true when there was something */
  async drop(path: string, patch: string): Promise<boolean> {
    const full = this.at(path, patch);
    const there = (await lstat(full).catch(() => undefined)) !== undefined;
    if (there) await rm(full, { recursive: true });
    return there;
  }
}
