import { copyFile, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../tasks/lib/exec.js';
import type { StageLog } from '../../../tasks/lib/log.js';

/**
 * A first GRUB 2 in a disk image, by hand: grub-install wants a device. It boots the host once, on which grub-install
 * and update-grub then do it as everywhere.
 */

const SECTOR = 512;
/** Of boot.img only the code: behind it are disk signature and partition table. */
const BOOT_CODE = 440;

/**
 * Puts GRUB's modules and a menu into the root folder.
 * @returns what writes MBR and core image into a disk whose first partition has that root
 */
export async function putGrub2(root: string, uuid: string, log?: StageLog): Promise<(disk: string) => Promise<void>> {
  const modules = join(root, 'boot/grub/i386-pc');
  await mkdir(modules, { recursive: true });
  const source = join(root, 'usr/lib/grub/i386-pc');
  for (const name of await readdir(source)) if (/\.(mod|lst)$/.test(name)) await copyFile(join(source, name), join(modules, name));
  const boot = await readdir(join(root, 'boot'));
  const kernel = boot.find((name) => name.startsWith('vmlinuz-'));
  const initrd = boot.find((name) => name.startsWith('initrd.img-'));
  if (kernel === undefined || initrd === undefined) throw new Error(`no kernel or no initrd in ${root}/boot: ${boot.join(' ')}`);
  await writeFile(
    join(root, 'boot/grub/grub.cfg'),
    ['serial --unit=0 --speed=115200', 'terminal_output serial console', `linux /boot/${kernel} root=UUID=${uuid} ro console=ttyS0,115200`, `initrd /boot/${initrd}`, 'boot', ''].join('\n'),
  );
  const core = join(root, 'tmp/core.img');
  await run(['chroot', root, 'grub-mkimage', '-O', 'i386-pc', '-o', '/tmp/core.img', '-p', '(hd0,msdos1)/boot/grub', 'biosdisk', 'part_msdos', 'ext2', 'normal', 'linux', 'serial', 'terminal'], { log });
  const image = await readFile(core);
  const code = (await readFile(join(source, 'boot.img'))).subarray(0, BOOT_CODE);
  // boot.img loads the core image from sector 1 when nobody tells it otherwise, and that finds its rest behind itself.
  return async (disk) => {
    if (SECTOR + image.length > 1024 * 1024) throw new Error('the core image does not fit before the first partition');
    const handle = await open(disk, 'r+');
    try {
      await handle.write(code, 0, BOOT_CODE, 0);
      await handle.write(image, 0, image.length, SECTOR);
    } finally {
      await handle.close();
    }
  };
}
