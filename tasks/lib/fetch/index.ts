import { stat } from 'node:fs/promises';
import { ExpectedError } from '../errors.js';
import type { Fetched, SourceSpec } from '../sources.js';
import { adoptUserDeb, fetchApt } from './apt.js';
import type { FetchContext } from './context.js';
import { adoptFile, fetchFile } from './file.js';
import { fetchGit } from './gitfetch.js';

export type { FetchContext, FetchProgress, Patience } from './context.js';
export { cachePrune, cacheUsage, cacheVerify, type CacheItem } from './cache.js';
export { exportGitTree, readGitFile } from './gittree.js';
export { mirrorInto } from './mirror.js';

/**
 * Fetches one input into the cache and verifies it.
 * @throws ExpectedError network, offline, trust, space, busy, environment
 */
export async function fetchSource(spec: SourceSpec, ctx: FetchContext): Promise<Fetched> {
  switch (spec.kind) {
    case 'apt':
      return fetchApt(spec, ctx);
    case 'git':
      return fetchGit(spec, ctx);
    case 'file':
      return fetchFile(spec, ctx);
  }
}

/**
 * Takes an input from a path the user names (--source) instead of fetching it. What is pinned is still checked:
 * a file's digest or signature, a repository's commit.
 * @param path a file; for a git source a repository (bare or with a work tree) or a bundle that has the commit
 * @throws ExpectedError usage (no such path), trust, network (the repository lacks the commit), space
 */
export async function fetchFromFile(path: string, spec: SourceSpec, ctx: FetchContext): Promise<Fetched> {
  if (!(await stat(path).catch(() => undefined))) {
    throw new ExpectedError({ code: 'usage', what: `There is no ${path}.`, fix: 'Check the path given with --source.' });
  }
  switch (spec.kind) {
    case 'apt':
      return adoptUserDeb(path, spec, ctx);
    case 'git':
      return fetchGit(spec, ctx, [path]);
    case 'file':
      return adoptFile(path, spec, ctx);
  }
}
