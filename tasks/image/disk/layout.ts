import { open } from 'node:fs/promises';
import { sha256 } from '../../lib/digest.js';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';

/**
 * The disk: GPT with a partition for GRUB's core image (BIOS), one for UEFI, one for the root. It boots both ways.
 * Sectors of 512 bytes.
 */

export const SECTOR = 512;
const MIB = 1024 * 1024;
const ALIGN = MIB / SECTOR;

export interface Layout {
  /** First sector and sectors of each partition. */
  bios: { start: number; sectors: number };
  esp: { start: number; sectors: number };
  root: { start: number; sectors: number };
  /** Sectors of the disk. */
  sectors: number;
}

/** @param rootBytes a multiple of 1 MiB */
export function layoutFor(rootBytes: number): Layout {
  const bios = { start: ALIGN, sectors: ALIGN };
  // FAT32 wants 65,525 clusters: 64 MiB of one-sector clusters hold them.
  const esp = { start: 2 * ALIGN, sectors: 64 * ALIGN };
  const root = { start: esp.start + esp.sectors, sectors: Math.ceil(rootBytes / MIB) * ALIGN };
  // The backup table takes the last 33 sectors.
  return { bios, esp, root, sectors: root.start + root.sectors + ALIGN };
}

/** Identifiers of a disk, from what is on it: the same contents give the same ones. */
export interface DiskIds {
  disk: string;
  bios: string;
  esp: string;
  root: string;
  /** Of the root file system. */
  filesystem: string;
  /** FAT volume id, 8 hex digits. */
  volume: string;
}

/** @param digest of what is on the disk */
export function diskIds(digest: string): DiskIds {
  const uuid = (name: string): string => {
    const hex = sha256(`${digest} ${name}`);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };
  return { disk: uuid('disk'), bios: uuid('bios'), esp: uuid('esp'), root: uuid('root'), filesystem: uuid('filesystem'), volume: sha256(`${digest} volume`).slice(0, 8) };
}

/** Writes an empty disk with its partition table. */
export async function partition(image: string, layout: Layout, ids: DiskIds, log?: StageLog): Promise<void> {
  const handle = await open(image, 'w');
  await handle.truncate(layout.sectors * SECTOR);
  await handle.close();
  const line = ({ start, sectors }: { start: number; sectors: number }, type: string, uuid: string, name: string): string => `start=${String(start)}, size=${String(sectors)}, type=${type}, uuid=${uuid}, name="${name}"`;
  const table = [
    'label: gpt',
    `label-id: ${ids.disk}`,
    `first-lba: ${String(34)}`,
    line(layout.bios, '21686148-6449-6E6F-744E-656564454649', ids.bios, 'bios'),
    line(layout.esp, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', ids.esp, 'efi'),
    // Linux root (x86-64) of the Discoverable Partitions Specification.
    line(layout.root, '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', ids.root, 'root'),
    '',
  ].join('\n');
  await run(['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', image], { input: table, log, fail: { code: 'package', what: 'The partition table could not be written.' } });
}

/** Copies a file into the disk at a sector; holes stay holes. */
export async function place(image: string, file: string, sector: number, log?: StageLog): Promise<void> {
  await run(['dd', `if=${file}`, `of=${image}`, 'bs=1M', `seek=${String(sector * SECTOR)}`, 'oflag=seek_bytes', 'conv=notrunc,sparse', 'status=none'], { log });
}
