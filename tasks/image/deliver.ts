import { chmod, lstat, readdir, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../lib/errors.js';
import { exists, remove } from '../lib/files.js';
import { IMAGE_MANIFEST, readImageManifest } from '../lib/image-manifest.js';
import { besideImage, gpgSignature, sshSignature } from '../lib/supply/names.js';
import type { ImageOptions } from './types.js';

/** From the folder in which an image is made to the place where its user wants it. */

/** Where an image is made: beside its output, so that what is whole is renamed into place. One name for each output: what a killed run left there is found. */
export const scratchFor = (output: string): string => join(dirname(output), `.bk-image-${basename(output)}`);

/**
 * Only an image of the same kind, or nothing, is replaced.
 * @throws ExpectedError usage
 */
export async function refuseOthers(output: string, kind: ImageOptions['kind']): Promise<void> {
  const there = await lstat(output).catch(() => undefined);
  if (!there) return;
  const target = await stat(output).catch(() => undefined);
  const manifest = kind === 'appliance' ? join(output, IMAGE_MANIFEST) : besideImage(output).manifest;
  if ((kind === 'appliance' ? target?.isDirectory() : target?.isFile()) === true && (await readImageManifest(manifest))?.kind === kind) return;
  throw new ExpectedError({ code: 'usage', what: `${output} is something else than such an image: it is not replaced.`, fix: 'Name another output with -o, or remove what is there.' });
}

const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);

/**
 * Puts what is whole in the place of what stood there.
 * @param mask of the user: bits of the modes that files are not to have
 */
export async function deliver(scratch: string, output: string, kind: ImageOptions['kind'], mask: number): Promise<void> {
  const part = join(scratch, 'out', basename(output));
  if (kind === 'appliance') {
    for (const name of await readdir(part)) await chmod(join(part, name), 0o644 & ~mask);
    await chmod(part, 0o755 & ~mask);
    // Not to a name beside it: somebody's own folder may have that.
    if (await exists(output)) await rename(output, join(scratch, 'replaced'));
    await rename(part, output);
    return;
  }
  const from = besideImage(part);
  const to = besideImage(output);
  // A signature of other sums would make whoever checks it think that somebody changed the image.
  if ((await textOf(to.sums)) !== (await textOf(from.sums))) for (const signature of [gpgSignature(to.sums), sshSignature(to.sums)]) await remove(signature);
  // The manifest first: with it, what a run that is cut off here leaves is replaced by the next one.
  for (const [made, there] of [[from.manifest, to.manifest], [from.sbom, to.sbom], [from.sums, to.sums], [part, output]] as const) {
    await chmod(made, 0o644 & ~mask);
    await rename(made, there);
  }
}
