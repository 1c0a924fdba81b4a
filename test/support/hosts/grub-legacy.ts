import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../tasks/lib/exec.js';
import type { HostsContext } from './context.js';
import { unpackedPackages } from './packages.js';

/** GRUB 0.97 in a disk image. Its shell is a 32-bit program and writes to a plain file: no root, no loop device. */

export interface GrubLegacy {
  /** Folder with stage1, stage2, e2fs_stage1_5. */
  stages: string;
  /** The grub shell with its loader. */
  shell: [string, ...string[]];
}

export async function grubLegacy(context: HostsContext): Promise<GrubLegacy> {
  const root = await unpackedPackages(context, 'grub-legacy', 'libc6-i386');
  const libraries = join(root, 'lib32');
  return { stages: join(root, 'usr/lib/grub/x86_64-pc'), shell: [join(libraries, 'ld-linux.so.2'), '--library-path', libraries, join(root, 'usr/sbin/grub')] };
}

/** Puts what GRUB loads from the file system into its folder: before the file system is made. */
export async function putStages(grub: GrubLegacy, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of ['stage1', 'stage2', 'e2fs_stage1_5']) await copyFile(join(grub.stages, name), join(folder, name));
}

/** Installs GRUB into the MBR and behind it; its files and menu are in the first partition. */
export async function installGrubLegacy(grub: GrubLegacy, disk: string, context: HostsContext): Promise<void> {
  const { stdout } = await run([...grub.shell, '--batch', '--no-floppy', '--device-map=/dev/null'], {
    input: `device (hd0) ${disk}\nroot (hd0,0)\nsetup (hd0)\nquit\n`,
    log: context.log,
  });
  if (!/Running "install .*succeeded/.test(stdout)) throw new Error(`grub did not install itself:\n${stdout}`);
}
