import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../../../tasks/lib/exec.js';
import { remove } from '../../../tasks/lib/files.js';
import type { StageLog } from '../../../tasks/lib/log.js';
import { chooseModules } from '../../../tasks/lib/modules.js';
import type { GuestSystem } from '../../../tasks/verify/guest/system.js';

/** The stock kernel's initramfs of the EL6-like host: loads disk and file system drivers, mounts root, goes there. */

const DRIVERS = ['ata_piix', 'ahci', 'sd_mod', 'virtio_pci', 'virtio_blk', 'crc32c_generic', 'ext3', 'ext4'];

const INIT = `#!/bin/sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules); do insmod /lib/$module; done
root= mode=ro init=/sbin/init
for word in $(cat /proc/cmdline); do
  case $word in root=*) root=\${word#root=} ;; rw) mode=rw ;; init=*) init=\${word#init=} ;; esac
done
tries=0
while [ $tries -lt 100 ]; do
  case $root in UUID=*|LABEL=*) device=$(findfs "$root" 2>/dev/null) ;; *) device=$root ;; esac
  [ -b "$device" ] && break
  tries=$((tries + 1))
  sleep 0.2
done
mount -t ext3 -o $mode "$device" /root || { echo "initramfs: no root file system $root"; sleep 5; reboot -f; }
mount --move /dev /root/dev
umount /sys /proc
exec switch_root /root $init
`;

/** @returns path of the archive, in \`folder\` */
export async function el6Initramfs(system: GuestSystem, busybox: string, folder: string, log?: StageLog): Promise<string> {
  const root = join(folder, 'initramfs');
  await remove(root);
  for (const name of ['bin', 'lib', 'proc', 'sys', 'dev', 'root']) await mkdir(join(root, name), { recursive: true });
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  for (const name of ['sh', 'mount', 'umount', 'insmod', 'cat', 'findfs', 'sleep', 'reboot', 'switch_root', 'echo']) await symlink('busybox', join(root, 'bin', name));
  const { load } = await chooseModules(system.modules, DRIVERS, []);
  const names: string[] = [];
  for (const path of load) {
    const name = basename(path).replace(/\.(xz|gz|zst)$/, '');
    const from = join(system.modules, path);
    if (name === basename(path)) await copyFile(from, join(root, 'lib', name));
    else await run([path.endsWith('.xz') ? 'xz' : path.endsWith('.zst') ? 'zstd' : 'gzip', '-dc', from], { stdoutFile: join(root, 'lib', name) });
    names.push(name);
  }
  await writeFile(join(root, 'modules'), `${names.join('\n')}\n`);
  await writeFile(join(root, 'init'), INIT, { mode: 0o755 });
  const archive = join(folder, 'initramfs.cpio');
  const { stdout } = await run(['find', '.', '-mindepth', '1'], { cwd: root });
  await run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0', '-F', archive], { cwd: root, input: `${stdout}\n`, log });
  await run(['gzip', '-1', '-n', archive]);
  return `${archive}.gz`;
}
