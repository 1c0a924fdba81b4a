import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../errors.js';
import { remove } from '../files.js';
import type { Fetched, GitSource } from '../sources.js';
import { isLocal, offlineError, patienceOf, say, withoutCredentials, type FetchContext } from './context.js';
import { git, gitName, gitRepoPath, missingObjects, openRepo, refOf, repoIntact } from './gitcmd.js';
import { gitWatch } from './gitprogress.js';
import { requireWhole } from './gittree.js';
import { fetchStatic } from './gitstatic.js';
import { backoff, withCacheLock } from './retry.js';
import { markUsed } from './store.js';

/** Commits, pinned by id, into bare repositories of the cache. The id is the proof: git recomputes it from what it received. */

/** How a `git fetch` failed, from its words (LC_ALL=C). */
export type GitFailure = 'refused' | 'not-shallow' | 'transient' | 'blocked' | 'other';

/** Sorts git's messages. Each pattern was seen from git 2.39 to 2.47 against git daemon, http-backend and plain http. */
export function classify(message: string): GitFailure {
  if (/not our ref|unadvertised object|couldn't find remote ref|no such remote ref/i.test(message)) return 'refused';
  if (/does not support shallow|dumb http/i.test(message)) return 'not-shallow';
  if (/transport '\S+' not allowed/i.test(message)) return 'blocked';
  if (/early EOF|hung up unexpectedly|unexpected disconnect|RPC failed|Connection reset|timed out|no data for|returned error: (5\d\d|429|408)|Operation too slow/i.test(message)) {
    return 'transient';
  }
  return 'other';
}

/** Runs one `git fetch`; throws what `run` throws, with git's words in `why`. */
async function fetchOnce(repo: string, url: string, args: readonly string[], name: string, ctx: FetchContext): Promise<void> {
  const watch = gitWatch(name, ctx);
  try {
    await git(repo, ['fetch', '--progress', '--no-tags', '--no-recurse-submodules', ...args.slice(0, -1), url, ...args.slice(-1)], {
      network: true,
      // Offline, a URL that the user's insteadOf turns into a folder is still welcome.
      ...(ctx.offline ? { env: { GIT_ALLOW_PROTOCOL: 'file', GIT_NO_LAZY_FETCH: '1' } } : {}),
      onOutput: watch.onOutput,
      abort: watch.signal,
      fail: { code: 'network', what: `git could not fetch ${name} from ${withoutCredentials(url)}.` },
    });
  } finally {
    watch.stop();
  }
}

/** `fetchOnce`, again after transient failures. */
export async function fetchPatiently(repo: string, url: string, args: readonly string[], name: string, ctx: FetchContext): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await fetchOnce(repo, url, args, name, ctx);
      return;
    } catch (error) {
      const again = error instanceof ExpectedError && error.code === 'network' && classify(error.why ?? '') === 'transient';
      if (!again || attempt >= patienceOf(ctx).attempts) throw error;
      await backoff(ctx, name, attempt, error.why?.split('\n').at(-1) ?? error.what);
    }
  }
}

async function hasCommit(repo: string, commit: string): Promise<boolean> {
  return (await git(repo, ['cat-file', '-e', `${commit}^{commit}`], { ok: [0, 1, 128] })).exitCode === 0;
}

/** The commit from one server: by its id, else by its branch, else everything. */
async function fetchCommit(repo: string, url: string, spec: GitSource, name: string, ctx: FetchContext): Promise<void> {
  const whole = '--depth=2147483647';
  const branch = spec.branch === undefined ? [] : [`+refs/heads/${spec.branch}:refs/build-kernel-from/branch`];
  const all = '+refs/*:refs/build-kernel-from/*';
  let steps: string[][] = [['--depth=1', `+${spec.commit}:${refOf(spec.commit)}`]];
  const byBranch = [...branch.map((ref) => ['--depth=1', ref]), ...branch.map((ref) => [whole, ref]), [whole, all]];
  for (let tried = false; ; tried = true) {
    const step = steps.shift();
    if (!step) break;
    try {
      await fetchPatiently(repo, url, step, name, ctx);
    } catch (error) {
      const kind = error instanceof ExpectedError && error.code === 'network' ? classify(error.why ?? '') : 'other';
      if (kind === 'refused' && steps.length > 0) continue;
      if (kind === 'refused' && !tried) steps = byBranch;
      // A plain web server has no say in how much is sent.
      else if (kind === 'not-shallow' && !tried) {
        if (await fetchStatic(repo, url, spec.commit, name, ctx)) return;
        steps = [...branch.map((ref) => [ref]), [all]];
      } else throw error;
      ctx.log?.line(`${name}: the server does not give out commits by id; fetching ${spec.branch ?? 'everything'} instead`);
      continue;
    }
    if (await hasCommit(repo, spec.commit)) {
      await git(repo, ['update-ref', refOf(spec.commit), spec.commit]);
      return;
    }
  }
  throw new ExpectedError({
    code: 'network',
    what: `${withoutCredentials(url)} does not have commit ${spec.commit}.`,
    fix: 'Name a mirror that has it with --mirror, or check the commit in the flavour.',
  });
}

/** Where a repository may be had, best first: mirrors, then its own URL. */
export async function gitCandidates(spec: GitSource, ctx: FetchContext): Promise<string[]> {
  const found: string[] = [];
  for (const mirror of ctx.mirrors) {
    const place = `${mirror.replace(/\/+$/, '')}/git/${gitName(spec.url)}.git`;
    if (!isLocal(mirror)) {
      if (!ctx.offline) found.push(place);
    } else if (await stat(place.replace(/^file:\/\//, '')).catch(() => undefined)) found.push(place);
  }
  return [...found, spec.url];
}

/** A commit already in the cache, if it is whole. A damaged repository is removed, and that is said. */
async function inCache(repo: string, spec: GitSource, name: string, ctx: FetchContext): Promise<boolean> {
  const missing = await missingObjects(repo, `${spec.commit}^{tree}`);
  if (!missing) return false;
  if (missing.length === 0 && !(ctx.verify && !(await repoIntact(repo)))) {
    await markUsed(join(repo, 'build-kernel.ready'));
    return true;
  }
  say(ctx, `The cached repository of ${name} is damaged; fetching it again.`);
  await remove(repo);
  await openRepo(ctx, repo);
  return false;
}

export function fetchedGit(spec: GitSource, repo: string, from: string): Fetched {
  return {
    name: `${gitName(spec.url)}@${spec.commit.slice(0, 12)}`,
    kind: 'git',
    path: repo,
    digest: spec.commit,
    from: withoutCredentials(from),
    trust: { how: 'pinned-commit' },
  };
}

/** The lock that guards one repository of the cache. */
export function withRepo<T>(ctx: FetchContext, repo: string, work: () => Promise<T>): Promise<T> {
  return withCacheLock(ctx, repo.split('/').at(-1) ?? 'git', `The cached repository ${repo}`, work);
}

/**
 * Fetches one commit (without its history where the server lets us).
 * @param only candidates instead of the mirrors and the spec's own URL
 * @throws ExpectedError network with what each place answered, offline, unpack (the server's copy is not whole), busy, space
 */
export async function fetchGit(spec: GitSource, ctx: FetchContext, only?: string[]): Promise<Fetched> {
  const repo = gitRepoPath(ctx.cacheDir, spec.url);
  const { name } = fetchedGit(spec, repo, '');
  return withRepo(ctx, repo, async () => {
    await openRepo(ctx, repo);
    if (await inCache(repo, spec, name, ctx)) return fetchedGit(spec, repo, spec.url);
    const failures: ExpectedError[] = [];
    const candidates = only ?? (await gitCandidates(spec, ctx));
    for (const url of candidates) {
      try {
        await fetchCommit(repo, url, spec, name, ctx);
        await requireWhole(repo, `${spec.commit}^{tree}`, `Commit ${spec.commit} from ${withoutCredentials(url)}`);
        return fetchedGit(spec, repo, url);
      } catch (error) {
        if (!(error instanceof ExpectedError) || (error.code !== 'network' && error.code !== 'unpack')) throw error;
        failures.push(error);
        if (candidates.length > 1 && url !== candidates.at(-1)) say(ctx, `${error.what} Trying the next place.`);
      } finally {
        await dropTemporaryRefs(repo);
      }
    }
    if (ctx.offline) throw offlineError(name, [repo, ...candidates]);
    throw new ExpectedError({
      code: failures.at(-1)?.code ?? 'network',
      what: `${name} could not be fetched.`,
      why: failures.map((failure) => `${failure.what}\n${gitWords(failure.why ?? '')}`).join('\n'),
      fix: 'Check the network and proxy settings of git (`git ls-remote URL`); or name a copy with --mirror DIR, or with git config url.<copy>.insteadOf.',
    });
  });
}

/** git's own words without the command, the progress and the boilerplate. */
function gitWords(why: string): string {
  const lines = why.split('\n').filter((line) => /^(fatal|error|remote|exit status|no data|killed|[^ :]+:\d+:)/.test(line) && !/% \(/.test(line));
  return lines.slice(-4).map((line) => `  ${line}`).join('\n');
}

async function dropTemporaryRefs(repo: string): Promise<void> {
  const { stdout } = await git(repo, ['for-each-ref', '--format=delete %(refname)', 'refs/build-kernel-from']);
  if (stdout !== '') await git(repo, ['update-ref', '--stdin'], { input: `${stdout}\n` });
}
