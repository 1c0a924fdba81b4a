import type { Io } from '../../lib/io.js';
import type { BuildOptions } from '../options.js';
import { diffTree } from '../patch/index.js';
import { loadPrepared } from './prepared.js';

/** `build-kernel diff [FLAVOUR]`: what was edited in the prepared tree, as a patch that --patch takes. */
export async function diff(io: Io, name: string | undefined, options: BuildOptions): Promise<void> {
  const { context, unpacked, patched } = await loadPrepared(name, options);
  const { patch, bytes, files, warnings } = await diffTree(patched, unpacked.pristine);
  io.result({ flavour: context.name, files, warnings, patch });
  for (const warning of warnings) io.say(`warning: ${warning}`);
  if (patch === '') io.say(`Nothing was edited in ${patched.tree}.`);
  else io.bytes(bytes);
}
