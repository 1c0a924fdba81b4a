import { open } from 'node:fs/promises';
import { run } from '../../../tasks/lib/exec.js';
import type { StageLog } from '../../../tasks/lib/log.js';

/** Disk images with a partition table and file systems made from folders: no loop device, no mount. */

const SECTOR = 512;
const MIB = 1024 * 1024;

export interface Partition {
  /** MiB from the start of the disk. */
  start: number;
  /** MiB. */
  size: number;
  active?: boolean;
}

/** An MBR entry: flags, CHS (unused: FE FF FF means "see LBA"), type 0x83, LBA start and length. */
function entry({ start, size, active }: Partition): Buffer {
  const bytes = Buffer.from([active ? 0x80 : 0, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeUInt32LE((start * MIB) / SECTOR, 8);
  bytes.writeUInt32LE((size * MIB) / SECTOR, 12);
  return bytes;
}

/** Makes a sparse disk of `size` MiB with a DOS partition table. */
export async function makeDisk(path: string, size: number, partitions: readonly Partition[]): Promise<void> {
  const table = Buffer.alloc(SECTOR);
  table.writeUInt32LE(0x0b5e_d15c, 440);
  partitions.forEach((partition, index) => entry(partition).copy(table, 446 + 16 * index));
  table.writeUInt16LE(0xaa55, 510);
  const handle = await open(path, 'w');
  try {
    await handle.truncate(size * MIB);
    await handle.write(table, 0, SECTOR, 0);
  } finally {
    await handle.close();
  }
}

/** Features of the time: GRUB 0.97 reads inodes of 128 bytes only, and 2.6.32 knows none of today's defaults. */
const EXT3 = ['-t', 'ext3', '-I', '128', '-O', 'none,has_journal,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file'];
const EXT4 = ['-t', 'ext4'];

export interface FileSystem {
  type: 'ext3' | 'ext4';
  uuid: string;
  label?: string;
  /** Folder whose files it gets, with their owners. */
  from: string;
}

/** Makes a file system in a partition of a disk image. */
export async function makeFileSystem(disk: string, at: Partition, what: FileSystem, log?: StageLog): Promise<void> {
  await run(
    [
      'mke2fs', '-q', '-F', ...(what.type === 'ext3' ? EXT3 : EXT4),
      '-U', what.uuid,
      ...(what.label === undefined ? [] : ['-L', what.label]),
      '-E', `offset=${String(at.start * MIB)},root_owner=0:0,lazy_itable_init=0`,
      '-d', what.from, disk, `${String(at.size)}m`,
    ],
    { log, env: { MKE2FS_SKIP_CHECK_MSG: '1' } },
  );
}
