import { join, resolve } from 'node:path';
import { readdir } from 'node:fs/promises';
import { ExpectedError, errno } from '../../lib/errors.js';
import { exists, remove } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { withLock } from '../../lib/lock.js';
import type { BuildOptions } from '../options.js';
import { diffTree } from '../patch/index.js';
import { stampedOutput, WorkFolder } from '../runner/stamp.js';
import { patchedTree } from './work-folders.js';
import type { UnpackOutput } from '../types.js';

/** Edits in a tree that removing it would lose. */
async function edits(work: WorkFolder): Promise<string[]> {
  const patched = await patchedTree(work, '.');
  if (!patched) return [];
  const unpacked = await stampedOutput<UnpackOutput>(work, 'unpack');
  if (!unpacked || !(await exists(unpacked.pristine))) {
    throw new ExpectedError({
      code: 'usage',
      what: `Whether ${patched.tree} has edits cannot be told: its pristine tree is gone from the cache.`,
      fix: 'build-kernel prepare FLAVOUR makes it anew; or remove the work folder all the same with --discard-edits.',
    });
  }
  return (await diffTree(patched, unpacked.pristine)).files;
}

/**
 * `build-kernel clean [NAME…]`: removes work folders (never artifacts, never the cache).
 * @throws ExpectedError usage when a tree has edits that are saved nowhere (unless --discard-edits)
 */
export async function clean(io: Io, names: readonly string[], options: BuildOptions): Promise<void> {
  const root = resolve(options.work);
  const there = (await readdir(root).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return [];
    throw error;
  })).sort();
  const builds: string[] = [];
  for (const name of there) if (await exists(join(root, name, 'stamps'))) builds.push(name);
  for (const name of names) {
    if (!builds.includes(name)) throw new ExpectedError({ code: 'usage', what: `${root} holds no build ${name}.`, fix: `It holds: ${builds.join(', ') || 'none'}.` });
  }
  const removed: string[] = [];
  for (const name of names.length > 0 ? names : builds) {
    const work = new WorkFolder(join(root, name));
    await withLock(work.lock, `The work folder ${work.path}`, async () => {
      const files = options.discardEdits ? [] : await edits(work);
      if (files.length > 0) {
        throw new ExpectedError({
          code: 'usage',
          what: `The tree of ${name} has edits in ${files.slice(0, 5).join(', ')}${files.length > 5 ? ', …' : ''}.`,
          fix: `Save them: build-kernel diff ${name} > ${name}.patch. Then: build-kernel clean ${name} --discard-edits.`,
        });
      }
      // The stamps first: a clean that is cut off leaves nothing that counts as built.
      await remove(work.join('stamps'));
      await remove(work.path);
    });
    removed.push(work.path);
  }
  io.result({ removed });
  io.print(removed.length > 0 ? removed.map((path) => `removed ${path}`).join('\n') : `Nothing to remove in ${root}.`);
}
