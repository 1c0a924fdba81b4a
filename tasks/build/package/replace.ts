import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ExpectedError, errno, fromSystem } from '../../lib/errors.js';
import { exists, remove } from '../../lib/files.js';
import { MANIFEST_NAME } from '../../lib/manifest.js';

/** An artifact folder is written beside and takes the old one's place only when it is whole. */

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const oldOf = (out: string): string => `${out}.old`;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errno(error) === 'EPERM';
  }
}

/** Removes what runs that were killed left beside `out`. */
async function sweep(out: string): Promise<void> {
  const parent = dirname(out);
  for (const name of await readdir(parent).catch(() => [])) {
    const pid = name.startsWith(`${basename(out)}.`) ? /\.(\d+)\.new$/.exec(name)?.[1] : undefined;
    if (pid !== undefined && name === `${basename(out)}.${pid}.new` && !alive(Number(pid))) await remove(join(parent, name));
  }
}

/**
 * Brings back the old artifact when a run was killed between the two renames.
 * @throws ExpectedError usage: `out` is a folder with other things in it, or no folder; it is left alone
 */
export async function claimOut(out: string): Promise<void> {
  if (!(await exists(out)) && (await exists(join(oldOf(out), MANIFEST_NAME)))) await rename(oldOf(out), out);
  await sweep(out);
  const info = await stat(out).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (info === undefined) return;
  if (info.isDirectory() && ((await exists(join(out, MANIFEST_NAME))) || (await readdir(out)).length === 0)) return;
  throw new ExpectedError({
    code: 'usage',
    what: `${out} ${info.isDirectory() ? 'has other things in it than an artifact' : 'is no folder'}: it is not replaced.`,
    why: info.isDirectory() ? `there is no ${MANIFEST_NAME} in it` : undefined,
    fix: 'Name an empty or new folder with --out.',
  });
}

/**
 * Fills a new folder beside `out`, syncs it to the disk, and renames it to `out`.
 * @param fill writes the folder's files
 */
export async function replaceFolder(out: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await claimOut(out);
  const part = `${out}.${String(process.pid)}.new`;
  try {
    await mkdir(dirname(out), { recursive: true });
    await remove(part);
    await mkdir(part);
    await fill(part);
    for (const name of await readdir(part)) await sync(join(part, name));
    await sync(part);
    await remove(oldOf(out));
    if (await exists(out)) await rename(out, oldOf(out));
    await rename(part, out);
    await sync(dirname(out));
    await remove(oldOf(out));
  } catch (error) {
    await remove(part).catch(() => undefined);
    throw fromSystem(error, `writing the artifact ${out}`);
  }
}

/** Moves a file into a folder that may be on another file system. */
export async function moveInto(file: string, target: string): Promise<void> {
  try {
    await rename(file, target);
  } catch (error) {
    if (errno(error) !== 'EXDEV') throw error;
    await copyFile(file, target, constants.COPYFILE_FICLONE);
    await remove(file);
  }
}
