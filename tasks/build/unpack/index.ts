import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { exists, readJson } from '../../lib/files.js';
import { digestOf } from '../../lib/digest.js';
import { exportGitTree } from '../../lib/fetch/index.js';
import type { StageLog } from '../../lib/log.js';
import type { Fetched } from '../../lib/sources.js';
import { checkBase } from '../identify.js';
import type { Base } from '../../lib/flavours/schema.js';
import type { KnownBase } from '../patch/index.js';
import type { UnpackOutput } from '../types.js';
import { archiveType, unpackTar } from '../../lib/archive.js';
import { unpackDebTarball } from './deb-tarball.js';
import { once } from './once.js';
import { unpackSrpm } from './srpm.js';

export interface UnpackInput {
  base: Base;
  fetched: Fetched;
  prep: 'direct' | 'rpmbuild';
  cacheDir: string;
  /** Name of what needs the base, for messages ("dsnat-220 needs 220.23.1"). */
  neededBy: string;
  log?: StageLog;
}

/** meta.json of a pristine tree, written last. */
interface Stored {
  base: string;
  kernel: string;
  config?: string;
  identity?: string;
  warnings: string[];
}

/** Changes when what this stage makes of the same input changes. */
export const UNPACK_REVISION = 2;

/** The folder a base's pristine tree has in the cache: one per source, way of unpacking and revision. */
function pristineFolder(input: UnpackInput): string {
  const { base, fetched } = input;
  // The SRPM's own revision: its direct way gained %setup's permissions.
  const way = base.layout === 'srpm' ? [input.prep, 2] : '';
  const key = digestOf([fetched.digest, base.layout, base.srpm, way, UNPACK_REVISION]);
  return join(input.cacheDir, 'pristine', `${base.name}-${key.slice(0, 16)}`);
}

/** The unpacked bases in the cache: what a patch that fails is tried on, to name the base it fits. */
export async function unpackedBases(cacheDir: string): Promise<KnownBase[]> {
  const folder = join(cacheDir, 'pristine');
  const bases: KnownBase[] = [];
  for (const name of (await readdir(folder).catch(() => [])).sort()) {
    const stored = (await readJson(join(folder, name, 'meta.json'))) as Partial<Stored> | undefined;
    // An earlier revision's folder may lie beside the present one.
    if (stored?.base !== undefined && stored.kernel !== undefined) bases.push({ name: stored.base, pristine: join(folder, name, 'tree'), kernel: stored.kernel });
  }
  return bases;
}

async function fill(input: UnpackInput, folder: string): Promise<{ config?: string }> {
  const { base, fetched, log } = input;
  const tree = join(folder, 'tree');
  const keepConfig = async (from: string): Promise<string> => {
    await copyFile(from, join(folder, 'distro.config'));
    return 'distro.config';
  };
  switch (base.layout) {
    case 'srpm': {
      const type = await archiveType(fetched.path);
      if (type !== 'rpm') {
        throw new ExpectedError({
          code: 'unpack',
          what: `${fetched.name} is no RPM (its content is ${type}).`,
          fix: `The base ${base.name} is an SRPM; a tarball cannot take its place. Fetch it again, or give the SRPM with --source.`,
        });
      }
      return unpackSrpm(fetched.path, base, input.prep, tree, log, async ({ config }) =>
        config ? { config: await keepConfig(config) } : {},
      );
    }
    case 'git':
      await exportGitTree(fetched.path, fetched.digest, undefined, tree);
      break;
    case 'tarball':
      await unpackTar(fetched.path, tree, log);
      break;
    case 'deb-tarball':
      await unpackDebTarball(fetched.path, tree, log);
      break;
  }
  // The trees that commit a production .config bring the config their authors ran.
  const committed = join(tree, base.kernel, '.config');
  return (await exists(committed)) ? { config: await keepConfig(committed) } : {};
}

/** Everything a kernel tree has at its top; a source without them is something else. */
async function requireKernel(tree: string, base: Base, name: string): Promise<void> {
  for (const file of ['Makefile', 'Kbuild', 'kernel', 'net', 'scripts']) {
    if (await exists(join(tree, base.kernel, file))) continue;
    throw new ExpectedError({
      code: 'unpack',
      what: `${name} is no whole kernel source: there is no ${join(base.kernel, file)} in it.`,
      fix: 'The archive was cut off or is something else; fetch it again (build-kernel cache --verify).',
    });
  }
}

/**
 * The unpack stage: one pristine tree per source in the cache, shared by all flavours and never edited.
 * @throws ExpectedError unpack (damaged, other content), base (a wrong release, named)
 */
export async function unpack(input: UnpackInput): Promise<UnpackOutput> {
  const folder = pristineFolder(input);
  const stored = await once<Stored>(folder, `the pristine tree of ${input.base.name}`, async (part) => {
    const { config } = await fill(input, part);
    await requireKernel(join(part, 'tree'), input.base, input.fetched.name);
    const warnings: string[] = [];
    const identity = await checkBase(input.base, join(part, 'tree'), input.neededBy, (text) => warnings.push(text));
    return { base: input.base.name, kernel: input.base.kernel, warnings, ...(config ? { config } : {}), ...(identity ? { identity } : {}) };
  });
  return {
    pristine: join(folder, 'tree'),
    kernel: input.base.kernel,
    warnings: stored.warnings,
    ...(stored.identity === undefined ? {} : { identity: stored.identity }),
    ...(stored.config === undefined ? {} : { distroConfig: join(folder, stored.config) }),
  };
}
