import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackTar } from '../../lib/archive.js';
import { digestOf } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import type { Base } from '../../lib/flavours/schema.js';
import type { StageLog } from '../../lib/log.js';
import type { Fetched } from '../../lib/sources.js';
import type { UnpackOutput } from '../types.js';
import { unpackDebTarball } from './deb-tarball.js';
import { once } from './once.js';

/** A part of a kernel source: one folder and the files beside it that a series touches. */

export interface PartialInput {
  base: Base;
  fetched: Fetched;
  cacheDir: string;
  /** Folder below the kernel's. */
  folder: string;
  /** Files elsewhere in the kernel; those it has not are the series' own. */
  files: readonly string[];
  log?: StageLog;
}

/** Changes when what this makes of the same input changes. */
export const PARTIAL_REVISION = 1;

/** meta.json. It names no base: a part is none that a failing patch could be tried on. */
interface Stored {
  version: string;
}

async function versionOf(makefile: string): Promise<string> {
  const text = await readFile(makefile, 'utf8');
  return ['VERSION', 'PATCHLEVEL', 'SUBLEVEL'].map((name) => new RegExp(`^${name} *= *(\\d+)$`, 'm').exec(text)?.[1] ?? '?').join('.');
}

/**
 * Unpacks a part of a kernel source into the cache: a pristine tree like a whole one, in seconds, and small enough to
 * be copied at once.
 * @returns the tree; its identity is the version that its Makefile names
 * @throws ExpectedError unpack
 */
export async function unpackPart(input: PartialInput): Promise<UnpackOutput> {
  const { base, fetched, folder, log } = input;
  // The top Makefile carries version and age of the source.
  const wanted = [...new Set(['Makefile', folder, ...input.files])].sort();
  const key = digestOf([fetched.digest, base.layout, wanted, PARTIAL_REVISION]);
  const place = join(input.cacheDir, 'pristine', `${base.name}-part-${key.slice(0, 16)}`);
  const { version } = await once<Stored>(place, `the pristine ${folder} of ${base.name}`, async (part) => {
    const tree = join(part, 'tree');
    if (base.layout === 'deb-tarball') await unpackDebTarball(fetched.path, tree, log, wanted);
    else if (base.layout === 'tarball') await unpackTar(fetched.path, tree, log, wanted);
    else {
      throw new ExpectedError({
        code: 'usage',
        what: `Modules cannot be built from the base ${base.name}: its layout is ${base.layout}.`,
        fix: 'A flavour with build: modules needs a base of layout deb-tarball or tarball.',
      });
    }
    for (const path of ['Makefile', join(folder, 'Makefile')]) {
      if (await exists(join(tree, path))) continue;
      throw new ExpectedError({
        code: 'unpack',
        what: `${fetched.name} holds no ${path}.`,
        fix: 'The file is damaged or no kernel source; fetch it again (build-kernel cache --verify).',
      });
    }
    return { version: await versionOf(join(tree, 'Makefile')) };
  });
  return { pristine: join(place, 'tree'), kernel: '.', identity: version, warnings: [] };
}
