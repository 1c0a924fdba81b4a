import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { SECTOR, type Layout } from './layout.js';

/**
 * GRUB 2 on a disk image, without mounting it: what grub-bios-setup does to a disk is two numbers in two sectors
 * (GRUB's sources: grub-core/boot/i386/pc/boot.S and diskboot.S, util/setup.c, include/grub/i386/pc/boot.h).
 */

const LIB = '/usr/lib/grub';
/** boot.S: where the sector of the core image stands, and the jump that trusts the BIOS's drive number. */
const KERNEL_SECTOR = 0x5c;
const DRIVE_CHECK = 0x66;
/** boot.S's code ends where the disk's signature and table begin. */
const CODE_END = 440;
/** diskboot.S: the last block list entry of the first sector: sector (8 bytes), sectors (2), segment (2). */
const BLOCKLIST = SECTOR - 12;

const MODULES = ['part_gpt', 'part_msdos', 'ext2', 'fat', 'normal', 'linux', 'search', 'search_fs_uuid', 'search_label', 'configfile', 'echo', 'test', 'loadenv', 'gzio', 'serial', 'terminal', 'reboot', 'halt', 'minicmd', 'sleep', 'all_video'] as const;

/** Finds the root by its file system's id, then reads its grub.cfg. */
const early = (filesystem: string): string => `search.fs_uuid ${filesystem} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n`;

async function mkimage(format: 'i386-pc' | 'x86_64-efi', filesystem: string, scratch: string, log?: StageLog): Promise<string> {
  if (!(await exists(join(LIB, format)))) {
    throw new ExpectedError({ code: 'environment', what: `GRUB's files for ${format} are missing on this machine.`, fix: `Install ${format === 'i386-pc' ? 'grub-pc-bin' : 'grub-efi-amd64-bin'}; build-kernel doctor --install --for image does.` });
  }
  const config = join(scratch, `early-${format}.cfg`);
  const file = join(scratch, `core-${format}`);
  await writeAtomic(config, early(filesystem));
  await run(['grub-mkimage', '-O', format, '-o', file, '-p', '/boot/grub', '-c', config, ...(format === 'i386-pc' ? ['biosdisk'] : ['efi_gop', 'efi_uga']), ...MODULES], { log, fail: { code: 'package', what: 'GRUB could not be made.' } });
  return file;
}

/** Puts GRUB for BIOS into a disk's first sector and its BIOS partition. */
export async function installBios(image: string, layout: Layout, filesystem: string, scratch: string, log?: StageLog): Promise<void> {
  const core = await readFile(await mkimage('i386-pc', filesystem, scratch, log));
  if (core.length > layout.bios.sectors * SECTOR) throw new Error(`GRUB's core image has ${String(core.length)} bytes, its partition ${String(layout.bios.sectors * SECTOR)}`);
  core.writeBigUInt64LE(BigInt(layout.bios.start + 1), BLOCKLIST);
  const boot = await readFile(join(LIB, 'i386-pc', 'boot.img'));
  boot.writeBigUInt64LE(BigInt(layout.bios.start), KERNEL_SECTOR);
  // For a BIOS that passes a wrong drive number, as grub-bios-setup does for disks: two no-operations.
  boot.writeUInt16LE(0x9090, DRIVE_CHECK);
  const handle = await open(image, 'r+');
  try {
    await handle.write(boot, 0, CODE_END, 0);
    await handle.write(core, 0, core.length, layout.bios.start * SECTOR);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** GRUB for UEFI, as files of the EFI partition. */
export async function efiFiles(filesystem: string, scratch: string, log?: StageLog): Promise<Record<string, Buffer | string>> {
  return {
    'EFI/BOOT/BOOTX64.EFI': await readFile(await mkimage('x86_64-efi', filesystem, scratch, log)),
    // Where an update of Debian's own GRUB looks first.
    'EFI/debian/grub.cfg': early(filesystem),
  };
}
