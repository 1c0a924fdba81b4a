import { ExpectedError } from '../errors.js';
import { say, withoutCredentials, type FetchContext } from './context.js';
import { git, gitRepoPath, missingObjects, openRepo, refOf } from './gitcmd.js';
import { fetchedGit, fetchGit, gitCandidates, withRepo } from './gitfetch.js';
import { gitWatch } from './gitprogress.js';
import { markUsed } from './store.js';
import { join } from 'node:path';
import type { Fetched, GitSource } from '../sources.js';

/**
 * A few files of a large repository: commit and folders come first, then only the files that are needed (git's partial
 * clone, with `blob:none`). A patch out of a repository that also holds a kernel costs kilobytes instead of 100 MB.
 */

/** Object ids of the files at or below the paths. */
async function wantedObjects(repo: string, spec: GitSource, paths: readonly string[]): Promise<string[]> {
  const objects = new Set<string>();
  for (const path of paths) {
    const { stdout } = await git(repo, ['ls-tree', '-r', '-z', '--full-tree', spec.commit, '--', path]);
    const lines = stdout.split('\0').filter((line) => line !== '');
    if (lines.length === 0) {
      throw new ExpectedError({ code: 'unpack', what: `Commit ${spec.commit} of ${withoutCredentials(spec.url)} has no ${path}.`, fix: 'Check the path in the flavour.' });
    }
    for (const line of lines) {
      const [, type, object] = line.split(/[ \t]/);
      if (type === 'blob' && object) objects.add(object);
    }
  }
  return [...objects];
}

/** The paths' files that the repository lacks; undefined when it lacks the commit or its folders. */
async function lacking(repo: string, spec: GitSource, paths: readonly string[]): Promise<string[] | undefined> {
  const missing = await missingObjects(repo, `${spec.commit}^{tree}`);
  if (!missing) return undefined;
  const absent = new Set(missing);
  return (await wantedObjects(repo, spec, paths)).filter((object) => absent.has(object));
}

async function fetchFrom(repo: string, url: string, spec: GitSource, paths: readonly string[], ctx: FetchContext): Promise<void> {
  const { name } = fetchedGit(spec, repo, url);
  // The promisor remote has to have a name; its URL goes in the environment, so that none is written to disk.
  const env = {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'remote.origin.url',
    GIT_CONFIG_VALUE_0: url,
    ...(ctx.offline ? { GIT_ALLOW_PROTOCOL: 'file' } : {}),
  };
  const fetch = async (args: readonly string[], input?: string): Promise<void> => {
    const watch = gitWatch(name, ctx);
    try {
      await git(repo, ['fetch', '--progress', '--no-tags', '--no-recurse-submodules', '--filter=blob:none', ...args], {
        network: true,
        env,
        input,
        onOutput: watch.onOutput,
        abort: watch.signal,
        fail: { code: 'network', what: `git could not fetch parts of ${name} from ${withoutCredentials(url)}.` },
      });
    } finally {
      watch.stop();
    }
  };
  if ((await missingObjects(repo, `${spec.commit}^{tree}`)) === undefined) await fetch(['--depth=1', 'origin', `+${spec.commit}:${refOf(spec.commit)}`]);
  const objects = await lacking(repo, spec, paths);
  // As git itself completes a partial clone: nothing to negotiate, just these objects.
  if (objects && objects.length > 0) await fetch(['--no-write-fetch-head', '--stdin', 'origin'], `${objects.join('\n')}\n`);
}

/**
 * Fetches only the named files or folders of a commit where the server can do that, else the whole commit.
 * @param paths relative to the commit's root
 * @returns a repository in which `readGitFile` and `exportGitTree` work for these paths (for others only by chance)
 * @throws ExpectedError as `fetchSource`; unpack when the commit has no such path
 */
export async function fetchGitPaths(spec: GitSource, paths: readonly string[], ctx: FetchContext): Promise<Fetched> {
  const whole = gitRepoPath(ctx.cacheDir, spec.url);
  if ((await missingObjects(whole, `${spec.commit}^{tree}`).catch(() => undefined))?.length === 0) return fetchGit(spec, ctx);
  const repo = gitRepoPath(ctx.cacheDir, spec.url, true);
  const partial = await withRepo(ctx, repo, async () => {
    await openRepo(ctx, repo, true);
    if ((await lacking(repo, spec, paths))?.length === 0) {
      await markUsed(join(repo, 'build-kernel.ready'));
      return fetchedGit(spec, repo, spec.url);
    }
    for (const url of await gitCandidates(spec, ctx)) {
      try {
        await fetchFrom(repo, url, spec, paths, ctx);
        if ((await lacking(repo, spec, paths))?.length === 0) return fetchedGit(spec, repo, url);
      } catch (error) {
        if (!(error instanceof ExpectedError) || error.code !== 'network') throw error;
        ctx.log?.line(`${error.what}\n${error.why ?? ''}`);
      }
    }
    return undefined;
  });
  if (partial) return partial;
  say(ctx, `${withoutCredentials(spec.url)} does not give out single files; fetching the whole commit.`);
  return fetchGit(spec, ctx);
}
