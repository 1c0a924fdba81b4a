import { exportGitTree } from '../../lib/fetch/index.js';
import { remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import type { Fetched } from '../../lib/sources.js';

/**
 * Takes one folder out of a git tree.
 * @param fetched a fetched git source: a bare repository that holds the commit
 * @param into made anew; holds what the folder holds
 */
export async function exportGitFolder(fetched: Fetched, path: string, into: string, log?: StageLog): Promise<void> {
  await remove(into);
  await exportGitTree(fetched.path, fetched.digest, path, into, log);
}
