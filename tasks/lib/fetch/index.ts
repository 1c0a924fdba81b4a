import type { Fetched, SourceSpec } from '../sources.js';
import { fetchApt } from './apt.js';
import type { FetchContext } from './context.js';
import { fetchGit } from './gitfetch.js';

export type { FetchContext, FetchProgress, Patience } from './context.js';
export { exportGitTree, readGitFile } from './gittree.js';

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
    default:
      throw new Error(`not written yet: ${spec.kind}`);
  }
}
