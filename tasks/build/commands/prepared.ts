import { ExpectedError } from '../../lib/errors.js';
import { makeContext, type BuildContext } from '../context.js';
import type { BuildOptions } from '../options.js';
import { stampedOutput } from '../runner/stamp.js';
import type { ConfigureOutput, PatchedTree, UnpackOutput } from '../types.js';
import { findPrepared, patchedTree } from './work-folders.js';

/** A build whose tree is there, for the commands that work on it. */
export interface Prepared {
  context: BuildContext;
  unpacked: UnpackOutput;
  patched: PatchedTree;
  /** Missing when only the patches were applied. */
  configured?: ConfigureOutput;
}

/**
 * Finds a prepared build by name (dsnat-220, dsnat-220+chroute), or the only one there is.
 * @throws ExpectedError usage with the command that prepares it
 */
export async function loadPrepared(name: string | undefined, options: BuildOptions): Promise<Prepared> {
  const [flavour = '', ...addons] = (await findPrepared(options.work, name)).split('+');
  const context = await makeContext(flavour, { ...options, with: [...new Set([...options.with, ...addons])] });
  const unpacked = await stampedOutput<UnpackOutput>(context.work, 'unpack');
  const configured = await stampedOutput<ConfigureOutput>(context.work, 'configure');
  // Not by the patch stage's stamp: a series that failed to apply leaves the tree, and edits in it must be savable.
  const patched = await patchedTree(context.work, context.recipe.base.kernel);
  if (!unpacked || !patched) {
    throw new ExpectedError({
      code: 'usage',
      what: `${context.name} is not prepared in ${context.work.path}.`,
      fix: `First: build-kernel prepare ${flavour}${addons.map((addon) => ` --with ${addon}`).join('')}`,
    });
  }
  return { context, unpacked, patched, ...(configured ? { configured } : {}) };
}
