import { lutimes, open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import { remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';

/** A folder as an initial file system: cpio in the kernel's format, gzip: the oldest compression that 2.6.32 reads. Same folder, same bytes. */

/** @param epoch time of every file, seconds since 1970 */
export async function packInitramfs(root: string, file: string, epoch: number, log?: StageLog): Promise<void> {
  const { stdout } = await run(['find', '.', '-mindepth', '1', '-printf', '%y %P\\n'], { cwd: root });
  const entries = stdout.split('\n').filter(Boolean).map((line) => ({ link: line.startsWith('l'), path: line.slice(2) })).sort((a, b) => (a.path < b.path ? -1 : 1));
  // Deepest first: changing what is in a folder changes the folder's time.
  for (const { link, path } of [...entries].reverse()) await (link ? lutimes : utimes)(join(root, path), epoch, epoch);
  const archive = `${file}.cpio`;
  // Inode and device numbers are the file system's: --reproducible numbers them anew.
  await run(['cpio', '--quiet', '--reproducible', '-o', '-H', 'newc', '-R', '0:0', '-F', archive], { cwd: root, input: entries.map(({ path }) => `${path}\n`).join(''), log });
  await run(['gzip', '-9', '-n', '-c', archive], { stdoutFile: file, log });
  await remove(archive);
  const handle = await open(file, 'r');
  await handle.sync();
  await handle.close();
}
