import { randomUUID } from 'node:crypto';
import { chmod, lstat, lutimes, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../errors.js';
import type { StageLog } from '../log.js';
import { git, missingObjects } from './gitcmd.js';

/** Getting files out of a bare repository, bit for bit: no line-ending, keyword, export or filter attribute counts. */

interface TreeEntry {
  mode: string;
  type: string;
  object: string;
  size: number;
  path: string;
}

/** Every file below a tree-ish. Sizes need the blobs: check for missing ones first. */
async function listTree(repo: string, treeish: string): Promise<TreeEntry[]> {
  const { stdout } = await git(repo, ['ls-tree', '-r', '-z', '-l', '--full-tree', treeish]);
  return stdout
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const tab = line.indexOf('\t');
      const [mode = '', type = '', object = '', size = '0'] = line.slice(0, tab).split(/ +/);
      return { mode, type, object, size: Number(size), path: line.slice(tab + 1) };
    });
}

/** Paths of objects in a tree, for messages. */
async function pathsOf(repo: string, treeish: string, objects: readonly string[]): Promise<string[]> {
  const wanted = new Set(objects);
  const { stdout } = await git(repo, ['ls-tree', '-r', '-t', '-z', '--full-tree', treeish], { ok: [0, 128] });
  return stdout
    .split('\0')
    .filter((line) => wanted.has(line.split(/[ \t]/)[2] ?? ''))
    .map((line) => line.slice(line.indexOf('\t') + 1));
}

function notThere(repo: string, commit: string, subpath: string | undefined): ExpectedError {
  return new ExpectedError({
    code: 'unpack',
    what: subpath === undefined ? `The commit ${commit} is not in ${repo}.` : `The commit ${commit} has no ${subpath}, or the repository lacks it.`,
    why: `repository: ${repo}`,
    fix: 'Fetch it again with `build-kernel fetch`; check the commit and the path in the flavour.',
  });
}

/**
 * Checks that everything a tree needs is in the repository.
 * @throws ExpectedError unpack, naming the files that are missing
 */
export async function requireWhole(repo: string, treeish: string, what: string): Promise<void> {
  const missing = await missingObjects(repo, treeish);
  if (missing?.length === 0) return;
  if (!missing) throw notThere(repo, treeish, undefined);
  const paths = await pathsOf(repo, treeish, missing);
  throw new ExpectedError({
    code: 'unpack',
    what: `${what} is not whole: ${String(missing.length)} of its objects are missing.`,
    why: (paths.length > 0 ? paths : missing).slice(0, 10).join('\n') + (missing.length > 10 ? `\n… and ${String(missing.length - 10)} more` : ''),
    fix: `Remove ${repo} and fetch again; if they are missing then too, the server's copy is damaged: name another with --mirror or git's insteadOf.`,
  });
}

async function inBatches<T>(items: readonly T[], size: number, work: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += size) await Promise.all(items.slice(at, at + size).map(work));
}

/**
 * Writes a commit's tree (or one folder of it) into an empty folder. Every file gets the commit's time and mode 0644
 * or 0755, whatever the umask, so that the same commit always gives the same tree.
 * @param repo bare repository
 * @param subpath folder inside the commit; undefined for all of it
 * @param intoDir made when missing; must be empty
 * @returns number of files and symbolic links written (submodules are left out: they are other repositories)
 * @throws ExpectedError unpack (commit or folder not there, objects missing, damaged repository), space
 */
export async function exportGitTree(repo: string, commit: string, subpath: string | undefined, intoDir: string, log?: StageLog): Promise<number> {
  const treeish = subpath === undefined || subpath === '.' ? `${commit}^{tree}` : `${commit}:${subpath.replace(/\/+$/, '')}`;
  const kind = await git(repo, ['cat-file', '-t', treeish], { ok: [0, 128], log });
  if (kind.stdout !== 'tree') throw notThere(repo, commit, subpath);
  await requireWhole(repo, treeish, `${subpath ?? 'The tree'} of commit ${commit}`);
  await mkdir(intoDir, { recursive: true });
  if ((await readdir(intoDir)).length > 0) {
    throw new ExpectedError({ code: 'unpack', what: `${intoDir} is not empty: a git tree would mix with what is there.`, fix: 'Remove it and run the command again.' });
  }
  // An index of our own: exports of several commits can run at once.
  const index = join(repo, `build-kernel.index.${randomUUID()}`);
  try {
    const env = { GIT_INDEX_FILE: index, GIT_WORK_TREE: intoDir };
    const fail = {
      code: 'unpack' as const,
      what: `git could not write out ${subpath ?? 'the tree'} of commit ${commit}.`,
      fix: `If it says that an object is corrupt, remove ${repo} and fetch again.`,
    };
    await git(repo, ['read-tree', treeish], { env, cwd: intoDir, log, fail });
    await git(repo, ['checkout-index', '--all', '--quiet'], { env, cwd: intoDir, log, fail });
  } finally {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  }
  return settle(repo, commit, treeish, intoDir);
}

/** Compares what was written with the tree, and sets modes and times. */
async function settle(repo: string, commit: string, treeish: string, intoDir: string): Promise<number> {
  const seconds = Number((await git(repo, ['show', '-s', '--format=%ct', commit])).stdout);
  const entries = (await listTree(repo, treeish)).filter((entry) => entry.type === 'blob');
  const wrong: string[] = [];
  const folders = new Set<string>();
  await inBatches(entries, 64, async (entry) => {
    const path = join(intoDir, entry.path);
    for (let cut = entry.path.lastIndexOf('/'); cut > 0; cut = entry.path.lastIndexOf('/', cut - 1)) folders.add(entry.path.slice(0, cut));
    const found = await lstat(path).catch(() => undefined);
    const link = entry.mode === '120000';
    if (!found || found.isSymbolicLink() !== link || found.size !== entry.size) {
      wrong.push(entry.path);
      return;
    }
    if (!link) {
      const mode = entry.mode === '100755' ? 0o755 : 0o644;
      if ((found.mode & 0o7777) !== mode) await chmod(path, mode);
    }
    await lutimes(path, seconds, seconds);
  });
  if (wrong.length > 0) {
    throw new ExpectedError({
      code: 'unpack',
      what: `${String(wrong.length)} of ${String(entries.length)} files of commit ${commit} were not written as the commit has them.`,
      why: wrong.slice(0, 10).join('\n'),
      fix: 'Does the file system tell upper from lower case, and has it symbolic links? A kernel tree needs both.',
    });
  }
  // Deepest first; a folder's own time last, since writing into it changes that.
  await inBatches([...folders].sort().reverse(), 64, async (folder) => {
    await chmod(join(intoDir, folder), 0o755);
    await lutimes(join(intoDir, folder), seconds, seconds);
  });
  return entries.length;
}

/**
 * One file of a commit, byte by byte.
 * @throws ExpectedError unpack when the commit has no such file or the repository lacks it
 */
export async function readGitFile(repo: string, commit: string, path: string): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'build-kernel-blob-'));
  try {
    const file = join(folder, 'blob');
    const { exitCode } = await git(repo, ['cat-file', 'blob', `${commit}:${path}`], { stdoutFile: file, ok: [0, 128] });
    if (exitCode !== 0) throw notThere(repo, commit, path);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
