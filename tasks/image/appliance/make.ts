import { copyFile, mkdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sha256File } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { assembleDisk } from '../disk/assemble.js';
import { grubConfig } from '../disk/grub-config.js';
import { bootsByUefi } from '../disk/kernel.js';
import { diskIds } from '../disk/layout.js';
import type { ImageParts, ImageSource } from '../types.js';
import { packInitramfs } from './pack.js';
import { makeApplianceRoot } from './root.js';

/** An appliance: kernel, and an initial file system that is all there is; for PXE, USB or -kernel. */

export const APPLIANCE_APPEND = 'console=tty0 console=ttyS0,115200 panic=10';

export interface ApplianceFiles {
  kernel: string;
  initramfs: string;
  /** Disk that boots the two, BIOS and UEFI: for USB sticks and hypervisors. */
  disk: string;
}

/**
 * @param into folder of the result; made
 * @throws ExpectedError usage: the artifact has no kernel of its own
 */
export async function makeAppliance<S extends ImageSource>(
  source: S,
  parts: ImageParts<S>,
  input: { into: string; scratch: string; busybox: string; log?: StageLog; progress: (text: string) => void },
): Promise<ApplianceFiles> {
  const { gateway, artifact } = source;
  const { into, scratch, log, progress } = input;
  const { epoch, release } = artifact.manifest;
  if (artifact.manifest.build === 'modules') {
    throw new ExpectedError({ code: 'usage', what: `${gateway.flavour} has no kernel of its own: an appliance cannot be made of it.`, fix: 'Use --kind disk, or the flavour nat-snat-full.' });
  }
  const root = join(scratch, 'root');
  await makeApplianceRoot({ root, busybox: input.busybox, hostname: gateway.host, devices: gateway.interfaces.map(({ device }) => device) });
  progress('provisioning');
  await parts.provision(root, source);
  await mkdir(into, { recursive: true });
  const kernel = join(into, 'vmlinuz');
  await copyFile(join(root, 'boot', `vmlinuz-${release}`), kernel);
  const uefi = await bootsByUefi(join(root, 'boot'), release);
  // What boots is outside; what would undo a change has nothing to undo in memory.
  await remove(join(root, 'boot'));
  progress('packing');
  const initramfs = join(into, 'initramfs.img');
  await packInitramfs(root, initramfs, epoch, log);
  const menu = [`kernel vmlinuz initrd=initramfs.img ${APPLIANCE_APPEND}`, 'initrd initramfs.img'];
  await writeAtomic(join(into, 'boot.ipxe'), ['#!ipxe', ...menu, 'boot', ''].join('\n'));
  await writeAtomic(join(into, 'pxelinux.cfg'), ['DEFAULT gateway', 'LABEL gateway', '  KERNEL vmlinuz', `  APPEND initrd=initramfs.img ${APPLIANCE_APPEND}`, ''].join('\n'));
  progress('disk for USB');
  const boot = join(scratch, 'usb');
  const identity = await sha256File(initramfs);
  await mkdir(join(boot, 'boot/grub'), { recursive: true });
  await copyFile(kernel, join(boot, 'boot/vmlinuz'));
  await copyFile(initramfs, join(boot, 'boot/initramfs.img'));
  await writeAtomic(join(boot, 'boot/grub/grub.cfg'), grubConfig([{ title: `${gateway.host} (${gateway.flavour} ${release})`, kernel: '/boot/vmlinuz', initrd: '/boot/initramfs.img', append: APPLIANCE_APPEND }], diskIds(identity).filesystem));
  const disk = join(into, 'usb.img');
  await assembleDisk({ root: boot, type: 'ext4', uefi, image: join(scratch, 'usb.img'), format: 'raw', freeMib: 0, identity, epoch, scratch: join(scratch, 'usb-scratch'), log, progress });
  await rename(join(scratch, 'usb.img'), disk).catch(async () => copyFile(join(scratch, 'usb.img'), disk));
  progress(basename(into));
  return { kernel, initramfs, disk };
}
