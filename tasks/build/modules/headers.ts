import { mkdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { digestOf } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import type { DistroKernel } from '../types.js';
import { once } from '../unpack/once.js';

/** The distribution's headers, unpacked in the cache and made to work there: nothing is installed. */

/** Changes when what this makes of the same packages changes. */
export const HEADERS_REVISION = 1;

/** Absolute links mean the host's own folders: they are made to stay below the root. */
async function relink(root: string): Promise<void> {
  const { stdout } = await run(['find', root, '-type', 'l', '-lname', '/*', '-printf', '%P\\n']);
  for (const path of stdout.split('\n').filter(Boolean)) {
    const link = join(root, path);
    const target = await readlink(link);
    if (!(await exists(join(root, target)))) continue;
    await rm(link);
    await symlink(relative(dirname(link), join(root, target)), link);
  }
}

/** The generated Makefile includes the common one by its installed path. */
async function repath(root: string, folder: string): Promise<void> {
  const file = join(folder, 'Makefile');
  const text = await readFile(file, 'utf8');
  // make reads it in that folder: a relative path serves wherever the cache is.
  const changed = text.replace(/^([ \t]*-?include[ \t]+)(\/\S+)[ \t]*$/gm, (_line, word: string, path: string) => word + relative(folder, join(root, path)));
  if (changed !== text) await writeFile(file, changed);
}

async function requireWhole(folder: string, kernel: DistroKernel): Promise<void> {
  for (const name of ['Makefile', '.config', 'Module.symvers', 'include/generated/utsrelease.h', 'scripts']) {
    if (await exists(join(folder, name))) continue;
    throw new ExpectedError({
      code: 'unpack',
      what: `The headers of ${kernel.release} have no ${name}.`,
      why: `unpacked: ${kernel.headers.map((deb) => deb.name).join(', ')}`,
      fix: 'The packages are laid out otherwise than Debian 12 has them, or damaged: build-kernel cache --verify.',
    });
  }
}

/** The unpacked packages' root, of the folder that `unpackHeaders` gives. */
export function headersRoot(headers: string): string {
  return join(headers, '..', '..', '..');
}

/**
 * Unpacks the headers of a kernel into the cache.
 * @returns the folder that make runs in (usr/src/linux-headers-RELEASE of the packages)
 * @throws ExpectedError unpack
 */
export async function unpackHeaders(kernel: DistroKernel, cacheDir: string, log?: StageLog): Promise<string> {
  const key = digestOf([kernel.headers.map(({ digest }) => digest), HEADERS_REVISION]);
  const place = join(cacheDir, 'headers', `${kernel.release}-${key.slice(0, 16)}`);
  const below = join('root', 'usr', 'src', `linux-headers-${kernel.release}`);
  await once(place, `the headers of ${kernel.release}`, async (part) => {
    const root = join(part, 'root');
    await mkdir(root, { recursive: true });
    for (const { path, name } of kernel.headers) {
      await run(['dpkg-deb', '-x', path, root], { log, fail: { code: 'unpack', what: `${name} could not be unpacked.`, fix: 'build-kernel cache --verify looks for damage.' } });
    }
    await relink(root);
    await requireWhole(join(part, below), kernel);
    await repath(root, join(part, below));
    return { release: kernel.release, version: kernel.version };
  });
  return join(place, below);
}
