import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';
import { runAsImageRoot } from '../namespace.js';
import { makeEsp, makeRoot, rootSize } from './filesystems.js';
import { efiFiles, installBios } from './grub.js';
import type { RootType } from './kernel.js';
import { diskIds, layoutFor, partition, place } from './layout.js';

/** A bootable disk from a folder that is a whole root, /boot/grub/grub.cfg in it. */

export interface DiskInput {
  /** The root. */
  root: string;
  /** Of its file system. */
  type: RootType;
  /** The disk to write. */
  image: string;
  /** Boots by UEFI too. */
  uefi: boolean;
  format: 'raw' | 'qcow2';
  /** Room on the root file system beside what is there, MiB. */
  freeMib: number;
  /** What the disk's identifiers are made from: sha256, hex. */
  identity: string;
  epoch: number;
  scratch: string;
  log?: StageLog;
  progress: (text: string) => void;
}

/** Times that building gave to files: one time for all that is newer, so that the same inputs give the same bytes. */
async function clampTimes(root: string, epoch: number, log?: StageLog): Promise<void> {
  await runAsImageRoot(['find', root, '-newermt', `@${String(epoch)}`, '-exec', 'touch', '-h', '-d', `@${String(epoch)}`, '{}', '+'], { log });
}

/** @throws ExpectedError environment (a tool is missing), package, space */
export async function assembleDisk(input: DiskInput): Promise<void> {
  const { root, image, scratch, log, progress, epoch } = input;
  const ids = diskIds(input.identity);
  await mkdir(scratch, { recursive: true });
  const bytes = await rootSize(root, input.freeMib, log);
  const layout = layoutFor(bytes);
  const raw = join(scratch, 'disk.raw');
  const filesystem = join(scratch, 'root.fs');
  const esp = join(scratch, 'esp.fat');
  progress('root file system');
  await clampTimes(root, epoch, log);
  await makeRoot(input.type, filesystem, root, bytes, ids, epoch, log);
  progress('boot loader');
  await makeEsp(esp, layout.esp.sectors, input.uefi ? await efiFiles(ids.filesystem, scratch, log) : {}, ids, epoch, scratch, log);
  await partition(raw, layout, ids, log);
  await place(raw, filesystem, layout.root.start, log);
  await place(raw, esp, layout.esp.start, log);
  await installBios(raw, layout, ids.filesystem, scratch, log);
  progress(`writing ${input.format}`);
  if (input.format === 'raw') await run(['mv', raw, image], { log });
  // One thread: clusters then stand in the order of the disk, the same each time.
  else await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', '-m', '1', '-o', 'compat=1.1', raw, image], { log });
}
