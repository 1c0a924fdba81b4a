import { cp, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { exists, remove, writeAtomic } from '../../lib/files.js';
import { withLock } from '../../lib/lock.js';
import type { StageLog } from '../../lib/log.js';
import { muslIdentity, MUSL_CC } from '../../lib/musl.js';
import { patchesDir } from '../../lib/paths.js';
import { buildTree, type Toolchain } from './autobuild.js';
import { loadLibrary } from './load.js';
import type { Library } from './schema.js';
import { fetchFirst, tarballOf, type Fetch } from '../../lib/fetch/alternatives.js';
import { unpackTar } from '../../lib/archive.js';
import { prepareTree } from './tree.js';

/** Libraries that static tools need, built with musl once and kept in the cache by what they are made from. */

export interface LibraryInput {
  fetch: Fetch;
  cacheDir: string;
  /** Scratch folder. */
  workDir: string;
  jobs: number;
  log?: StageLog;
  /** Folder that holds tools/ (patches/ by default). */
  root?: string;
  progress?: (text: string) => void;
}

/** A built library: include/ and lib/ below the prefix. */
export interface BuiltLibrary {
  name: string;
  prefix: string;
  /** sha256 of its upstream archive. */
  source: string;
  /** Where the archive came from. */
  from: string;
}

/**
 * Builds a library with musl, or takes it from the cache.
 * @param kernelHeaders folder with linux/, asm/, asm-generic/ (linkKernelHeaders)
 * @throws ExpectedError tools (it does not build), network, offline, environment
 */
export async function ensureLibrary(name: string, kernelHeaders: string, input: LibraryInput): Promise<BuiltLibrary> {
  const root = input.root ?? patchesDir;
  const library = await loadLibrary(name, root);
  const tarball = await tarballOf(await fetchFirst(name, library.sources, input.fetch));
  const key = digestOf([library, tarball.sha256, await muslIdentity(kernelHeaders, input.log)]);
  const prefix = join(input.cacheDir, 'tool-libraries', `${name}-${key.slice(0, 24)}`);
  const built: BuiltLibrary = { name, prefix, source: tarball.sha256, from: tarball.fetched.from };
  const lock = join(input.cacheDir, 'locks', `tool-library-${name}.lock`);
  await withLock(
    lock,
    `the library ${name} in the cache`,
    async () => {
      // Written last: without it the folder is a killed run's.
      if (await exists(join(prefix, 'built'))) return;
      input.progress?.(`building ${name} with musl`);
      const tree = join(input.workDir, 'libraries', name);
      await mkdir(dirname(tree), { recursive: true });
      await unpackTar(tarball.path, tree, input.log);
      await prepareTree(library, tree, root, input.log);
      const chain: Toolchain = { variant: 'static', cc: MUSL_CC, cppflags: [], ldflags: ['-static'], env: staticEnv(kernelHeaders), compat: '' };
      await buildTree(library, tree, chain, { jobs: input.jobs, log: input.log, values: {} });
      await installLibrary(library, tree, `${prefix}.part`);
      await remove(prefix);
      await rename(`${prefix}.part`, prefix);
      await writeAtomic(join(prefix, 'built'), `${tarball.sha256}\n`);
      await remove(tree);
    },
    3600_000,
  );
  return built;
}

/**
 * Environment of a musl build. The kernel's headers go into CPATH: as an option their path would be recorded by
 * libraries that keep their build flags (OpenSSL). 2013 is as good a date as any that does not change.
 */
export function staticEnv(kernelHeaders: string, epoch = 1_372_896_000): Record<string, string> {
  return { CPATH: kernelHeaders, SOURCE_DATE_EPOCH: String(epoch), ZERO_AR_DATE: '1' };
}

async function installLibrary(library: Library, tree: string, into: string): Promise<void> {
  await remove(into);
  for (const { from, to } of library.install) {
    const source = join(tree, from);
    if (!(await exists(source))) {
      throw new ExpectedError({ code: 'tools', what: `${library.name} was built but left no ${from}.`, fix: 'Its version is newer than the recipe knows: report it with the version.' });
    }
    await mkdir(dirname(join(into, to)), { recursive: true });
    await cp(source, join(into, to), { recursive: true, dereference: true });
  }
}
