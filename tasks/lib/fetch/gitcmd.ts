import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../digest.js';
import { run, type ExecOptions, type ExecResult } from '../exec.js';
import { exists, writeAtomic } from '../files.js';
import type { StageLog } from '../log.js';
import type { FetchContext } from './context.js';

/** How git is called, and the bare repositories of the cache. The user's own git configuration counts (insteadOf, proxies, credential helpers). */

/** Variables of an outer git (a hook, an alias) that would send our commands to another repository. */
const OUTER = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_NAMESPACE', 'GIT_PREFIX', 'GIT_COMMON_DIR'];

export interface GitOptions extends Omit<ExecOptions, 'env'> {
  env?: Record<string, string | undefined>;
  /** May this command open a connection? Without it even a lazily completed repository cannot. */
  network?: boolean;
}

/**
 * Runs git in a repository.
 * @param repo the bare repository
 */
export async function git(repo: string, args: readonly string[], options: GitOptions = {}): Promise<ExecResult> {
  const { network, env, ...rest } = options;
  return run(['git', '--git-dir', repo, ...args], {
    ...rest,
    env: {
      ...Object.fromEntries(OUTER.map((name) => [name, undefined])),
      GIT_TERMINAL_PROMPT: '0',
      // Without a terminal no helper may open a window to ask either.
      GIT_ASKPASS: process.env['GIT_ASKPASS'] ?? '',
      SSH_ASKPASS: process.env['SSH_ASKPASS'] ?? '',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_ATTR_NOSYSTEM: '1',
      ...(network ? {} : { GIT_ALLOW_PROTOCOL: 'none', GIT_NO_LAZY_FETCH: '1' }),
      ...env,
    },
  });
}

/** `OWNER-REPO` of a repository's URL: its name in mirrors. */
export function gitName(url: string): string {
  const parts = url
    .replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split(/[/:]/)
    .filter((part) => part !== '');
  return parts.slice(-2).join('-').replace(/[^\w.+-]/g, '_').replace(/^\.+/, '_');
}

/** Folder of a URL's bare repository in the cache. */
export function gitRepoPath(cacheDir: string, url: string): string {
  return join(cacheDir, 'git', `${gitName(url)}-${sha256(url).slice(0, 8)}.git`);
}

/** Turns off every conversion for every path: $GIT_DIR/info/attributes wins over the tree's own .gitattributes. */
const ATTRIBUTES = '* -text -eol -ident -filter -working-tree-encoding\n';

/**
 * Written into each repository, where it wins over the user's configuration: conversions would change content, hooks
 * run programs, and automatic maintenance would hold locks.
 */
const CONFIG: readonly (readonly [string, string, string])[] = [
  ['core', 'repositoryFormatVersion', '1'],
  ['core', 'bare', 'true'],
  ['core', 'autocrlf', 'false'],
  ['core', 'eol', 'lf'],
  ['core', 'symlinks', 'true'],
  ['core', 'attributesFile', '/dev/null'],
  ['core', 'hooksPath', '/dev/null'],
  ['gc', 'auto', '0'],
  ['maintenance', 'auto', 'false'],
  ['fetch', 'recurseSubmodules', 'false'],
  // Everything stays in packs as it came.
  ['fetch', 'unpackLimit', '1'],
];

/** The formats every git reads, whatever the user's defaults are. */
const PLAIN_FORMAT = { GIT_DEFAULT_HASH: 'sha1', GIT_DEFAULT_REF_FORMAT: 'files', GIT_DIR: undefined };

/** Starts a bare repository anew, with our configuration and more of it. */
export async function initRepo(repo: string, more: readonly (readonly [string, string, string])[], log?: StageLog): Promise<void> {
  await rm(repo, { recursive: true, force: true });
  await run(['git', 'init', '-q', '--bare', '--template=', repo], { log, env: PLAIN_FORMAT });
  await writeAtomic(join(repo, 'info', 'attributes'), ATTRIBUTES);
  await writeAtomic(join(repo, 'config'), [...CONFIG, ...more].map(([section, key, value]) => `[${section}]\n\t${key} = ${value}\n`).join(''));
}

/** Makes the bare repository when it is missing and clears what a killed git left locked. The caller holds the lock. */
export async function openRepo(ctx: FetchContext, repo: string): Promise<void> {
  const made = join(repo, 'build-kernel.ready');
  if (!(await exists(made))) {
    await initRepo(repo, [], ctx.log);
    await writeAtomic(made, '');
    return;
  }
  // Our own lock keeps every other build-kernel out, so these can only be left-overs of a git that was killed.
  for (const name of await readdir(repo)) if (name.endsWith('.lock')) await rm(join(repo, name), { force: true });
  const refs = join(repo, 'refs', 'build-kernel');
  for (const name of await readdir(refs).catch(() => [])) if (name.endsWith('.lock')) await rm(join(refs, name), { force: true });
  const packs = join(repo, 'objects', 'pack');
  for (const name of await readdir(packs).catch(() => [])) if (/^(\.?tmp_|.*\.(lock|keep)$)/.test(name)) await rm(join(packs, name), { force: true });
}

/** The ref that keeps a commit of ours from being pruned. */
export function refOf(commit: string): string {
  return `refs/build-kernel/${commit}`;
}

/**
 * Objects that a tree needs and the repository lacks.
 * @param treeish a commit, `commit^{tree}` or `commit:folder`
 * @returns object ids; undefined when not even the tree-ish itself is there
 */
export async function missingObjects(repo: string, treeish: string): Promise<string[] | undefined> {
  const { exitCode, stdout } = await git(repo, ['rev-list', '--objects', '--missing=print', '--no-walk', '--end-of-options', treeish], {
    ok: [0, 1, 128],
  });
  if (exitCode !== 0) return undefined;
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('?'))
    .map((line) => line.slice(1));
}

/** True when git finds nothing wrong with a repository: every object hashed, every link followed. Takes seconds for a kernel. */
export async function repoIntact(repo: string): Promise<boolean> {
  // The old trees have file modes that today's fsck warns about (zero-padded): only errors count.
  const { exitCode } = await git(repo, ['-c', 'fsck.zeroPaddedFilemode=ignore', 'fsck', '--no-dangling', '--no-progress'], {
    ok: [0, 1, 2, 3, 4, 5, 6, 7, 8, 128],
    discard: true,
  });
  return exitCode === 0;
}
