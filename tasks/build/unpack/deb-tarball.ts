import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { unpackTar } from '../../lib/archive.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';

/**
 * Unpacks a .deb of the distribution's kernel source: a package that holds a tarball.
 * @param only paths below the kernel's folder; everything when left out
 * @throws ExpectedError unpack
 */
export async function unpackDebTarball(deb: string, into: string, log?: StageLog, only?: readonly string[]): Promise<void> {
  const scratch = `${into}.deb`;
  await remove(scratch);
  await mkdir(scratch, { recursive: true });
  await run(['dpkg-deb', '-x', deb, scratch], { log, fail: { code: 'unpack', what: `${basename(deb)} could not be unpacked.` } });
  const source = join(scratch, 'usr', 'src');
  const tarball = (await readdir(source).catch(() => [])).find((name) => /^linux-source-.*\.tar\./.test(name));
  if (!tarball) throw new ExpectedError({ code: 'unpack', what: `${basename(deb)} holds no linux-source tarball.` });
  await unpackTar(join(source, tarball), into, log, only);
  await remove(scratch);
}
