import { constants } from 'node:fs';
import { chmod, copyFile, lutimes, mkdir, readdir, readlink, symlink, lstat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Staged roots: copied so that two builds give the same names, modes and times, and listed in one order. */

export interface Entry {
  /** Below the root, no leading slash. */
  path: string;
  type: 'dir' | 'file' | 'link';
  /** Bytes of a file. */
  size: number;
}

/**
 * Folders that every host has. Packages and tarballs leave them out: they belong to others, and GNU tar, when it
 * unpacks a folder's entry over a symbolic link (/lib → usr/lib), replaces the link.
 */
const COMMON = new Set(
  (
    'bin boot dev etc home lib lib64 media mnt opt root run sbin srv tmp usr var ' +
    'etc/init.d etc/rc.d etc/rc.d/init.d etc/sysconfig etc/default lib/modules lib/firmware ' +
    'usr/bin usr/include usr/lib usr/lib64 usr/libexec usr/local usr/sbin usr/share usr/share/doc usr/share/man usr/lib/modules usr/lib/systemd usr/lib/systemd/system ' +
    'usr/local/bin usr/local/etc usr/local/lib usr/local/sbin usr/local/share usr/local/share/man var/lib var/log var/run ' +
    Array.from({ length: 9 }, (_, n) => `usr/share/man/man${String(n + 1)} usr/local/share/man/man${String(n + 1)}`).join(' ')
  ).split(' '),
);

/** Everything below a root, each folder before what it holds, in the order of the bytes of the names. */
export async function listTree(root: string, below = ''): Promise<Entry[]> {
  const names = (await readdir(join(root, below))).sort((a, b) => (a < b ? -1 : 1));
  const entries: Entry[] = [];
  for (const name of names) {
    const path = below === '' ? name : `${below}/${name}`;
    const info = await lstat(join(root, path));
    if (info.isDirectory()) entries.push({ path, type: 'dir', size: 0 }, ...(await listTree(root, path)));
    else if (info.isSymbolicLink()) entries.push({ path, type: 'link', size: 0 });
    else if (info.isFile()) entries.push({ path, type: 'file', size: info.size });
    // Sockets, pipes and devices are never part of an artifact.
  }
  return entries;
}

/** The entries that a package owns: all but the folders that every host has. */
export function owned(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ path, type }) => type !== 'dir' || !COMMON.has(path));
}

/**
 * Copies a root.
 * @param place new path of an entry, or undefined to leave it (and what it holds) out
 */
export async function copyTree(from: string, to: string, place: (path: string, type: Entry['type']) => string | undefined = (path) => path): Promise<void> {
  await mkdir(to, { recursive: true });
  const left: string[] = [];
  for (const { path, type } of await listTree(from)) {
    if (left.some((out) => path.startsWith(`${out}/`))) continue;
    const at = place(path, type);
    if (at === undefined) {
      left.push(path);
      continue;
    }
    const target = join(to, at);
    await mkdir(type === 'dir' ? target : dirname(target), { recursive: true });
    if (type === 'link') await symlink(await readlink(join(from, path)), target);
    if (type === 'file') await copyFile(join(from, path), target, constants.COPYFILE_FICLONE);
  }
}

/**
 * Gives everything below a root, and the root, one time and plain modes, whatever the umask was: 0755 for folders and
 * for what its owner may execute, 0644 for the rest.
 * @param epoch seconds since 1970
 */
export async function settleTree(root: string, epoch: number): Promise<void> {
  // From the deepest up: touching a file would not change its folder's time, making one would.
  for (const { path, type } of [...(await listTree(root)), { path: '', type: 'dir' as const }].reverse()) {
    const target = join(root, path);
    if (type === 'link') {
      await lutimes(target, epoch, epoch);
      continue;
    }
    await chmod(target, type === 'dir' || (await lstat(target)).mode & 0o100 ? 0o755 : 0o644);
    await utimes(target, epoch, epoch);
  }
}
