import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError, errno } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import type { WorkFolder } from '../runner/stamp.js';
import type { PatchedTree } from '../types.js';

/** Names of the builds below a work folder that have at least a patched tree. */
export async function preparedNames(work: string): Promise<string[]> {
  const entries = await readdir(work).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return [];
    throw error;
  });
  const found: string[] = [];
  for (const name of entries.sort()) if (await exists(join(work, name, 'tree'))) found.push(name);
  return found;
}

/**
 * The build that a command means: the one named, or the only one there.
 * @throws ExpectedError usage when that is not clear
 */
export async function findPrepared(work: string, name: string | undefined): Promise<string> {
  if (name !== undefined) return name;
  const names = await preparedNames(work);
  if (names.length === 1 && names[0] !== undefined) return names[0];
  throw new ExpectedError({
    code: 'usage',
    what: names.length === 0 ? `Nothing is prepared in ${work}.` : `Several builds are prepared in ${work}: ${names.join(', ')}.`,
    fix: names.length === 0 ? 'First: build-kernel prepare FLAVOUR. If you built elsewhere, name that folder with --work.' : 'Say which one.',
  });
}

/** The patched tree of a build, when there is one. */
export async function patchedTree(work: WorkFolder, kernel: string): Promise<PatchedTree | undefined> {
  const tree = work.join('tree');
  const baseline = work.join('baseline');
  return (await exists(tree)) && (await exists(baseline)) ? { tree, baseline, kernel } : undefined;
}
