import { mkdir, open, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '../../lib/exec.js';
import { remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { runAsImageRoot } from '../namespace.js';
import type { RootType } from './kernel.js';
import type { DiskIds } from './layout.js';

/** File systems made from folders, without mounting anything; same contents, ids and time give the same bytes. */

/** Size of a root file system for a folder, bytes: its contents, a third more for the file system, and room to live in. */
export async function rootSize(folder: string, freeMib: number, log?: StageLog): Promise<number> {
  const { stdout } = await runAsImageRoot(['du', '-s', '--apparent-size', '--block-size=1M', folder], { log });
  return (Math.ceil(Number(stdout.split('\t')[0]) * 1.3) + 64 + freeMib) * 1024 * 1024;
}

/**
 * @param bytes a multiple of 1 MiB
 * @param epoch time of the file system, seconds since 1970
 */
export async function makeRoot(type: RootType, file: string, folder: string, bytes: number, ids: DiskIds, epoch: number, log?: StageLog): Promise<void> {
  const handle = await open(file, 'w');
  await handle.truncate(bytes);
  await handle.close();
  await runAsImageRoot(
    // GRUB of Debian 12 reads no metadata_csum_seed; orphan_file is newer than its kernel tools.
    ['mke2fs', '-q', '-t', type, ...(type === 'ext4' ? ['-O', '^metadata_csum_seed,^orphan_file'] : []), '-L', 'root', '-U', ids.filesystem, '-E', `hash_seed=${ids.filesystem},lazy_itable_init=0,lazy_journal_init=0,nodiscard`, '-d', folder, '-F', file],
    {
      log,
      // The first is mke2fs's own name for its clock before SOURCE_DATE_EPOCH was common.
      env: { E2FSPROGS_FAKE_TIME: String(epoch), SOURCE_DATE_EPOCH: String(epoch), MKE2FS_DEVICE_SECTSIZE: '512' },
      fail: { code: 'package', what: 'The root file system could not be made.' },
    },
  );
  await levelTimes(file, folder, epoch, log);
}

/**
 * mke2fs takes over when files were read and when their inodes changed, which nobody can set beforehand: one time for all.
 * (Its releases after Debian 12's do so themselves when SOURCE_DATE_EPOCH is set.)
 */
async function levelTimes(file: string, folder: string, epoch: number, log?: StageLog): Promise<void> {
  const { stdout } = await runAsImageRoot(['find', folder, '-printf', '/%P\\0'], { log });
  const time = `@${String(epoch)}`;
  const commands = stdout.split('\0').filter(Boolean).flatMap((path) => ['atime', 'ctime', 'crtime'].map((field) => `set_inode_field "${path.replaceAll('"', '""')}" ${field} ${time}\n`));
  const script = `${file}.times`;
  // debugfs dates the superblock by its clock when it ends.
  await writeAtomic(script, [`set_current_time ${time}\n`, ...commands].join(''));
  await run(['debugfs', '-w', '-f', script, file], { log, discard: true });
  await remove(script);
}

/**
 * A FAT file system for UEFI.
 * @param files path in the file system to content
 */
export async function makeEsp(file: string, sectors: number, files: Readonly<Record<string, Buffer | string>>, ids: DiskIds, epoch: number, scratch: string, log?: StageLog): Promise<void> {
  await run(['mkfs.vfat', '-C', '-F', '32', '-s', '1', '-n', 'EFI', '-i', ids.volume, '--invariant', file, String(sectors / 2)], { log });
  const made = new Set<string>();
  const mtools = { log, env: { SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC', MTOOLS_SKIP_CHECK: '1' } };
  for (const [path, content] of Object.entries(files).sort()) {
    const local = join(scratch, 'esp', path);
    await mkdir(dirname(local), { recursive: true });
    await writeAtomic(local, content);
    await utimes(local, epoch, epoch);
    const folders = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= folders.length; depth += 1) {
      const folder = folders.slice(0, depth).join('/');
      if (!made.has(folder)) await run(['mmd', '-i', file, `::/${folder}`], mtools);
      made.add(folder);
    }
    await run(['mcopy', '-m', '-i', file, local, `::/${path}`], mtools);
  }
}
