import { chmod, copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { remove } from '../../lib/files.js';
import { compareReleases, isOldKernel } from '../../lib/kernel-release.js';
import type { ImageParts, ImageSource } from '../types.js';

/** Which kernel a disk boots, and what it needs to come to its root. */

export type RootType = 'ext3' | 'ext4';

/**
 * Whether UEFI can start it. A kernel without CONFIG_EFI finds no ACPI tables there and panics (2.6.32, seen with OVMF): a
 * disk of such a kernel offers UEFI nothing.
 * @param boot folder with the kernel's config-RELEASE; a root of the user's that has none is judged by its age
 */
export async function bootsByUefi(boot: string, release: string): Promise<boolean> {
  const config = await readFile(join(boot, `config-${release}`), 'utf8').catch(() => undefined);
  return config === undefined ? !isOldKernel(release) : /^CONFIG_EFI=y$/m.test(config);
}
/** 2.6.32 knows neither the checksums nor the 64-bit block numbers that mke2fs gives an ext4 of today. */
export const rootType = (release: string): RootType => (isOldKernel(release) ? 'ext3' : 'ext4');

/** Controllers of servers and hypervisors: nobody knows yet where the disk will be put. */
const DISK_DRIVERS = [
  'virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod', 'ata_generic', 'pata_acpi', 'ata_piix', 'ahci', 'nvme', 'mptspi', 'mptsas', 'mpt2sas', 'mpt3sas', 'megaraid_sas', 'aacraid', 'hpsa', 'cciss', 'vmw_pvscsi', 'xen_blkfront', 'hv_storvsc', 'usb_storage',
] as const;

export interface Boots {
  release: string;
  /** Base names in /boot. */
  kernel: string;
  initrd: string;
}

/** The newest kernel of a root with an initial file system beside it. */
async function rootsOwn(root: string): Promise<Boots> {
  const names = await readdir(join(root, 'boot')).catch((): string[] => []);
  for (const release of names.flatMap((name) => (name.startsWith('vmlinuz-') ? [name.slice(8)] : [])).sort(compareReleases).reverse()) {
    const initrd = [`initrd.img-${release}`, `initramfs-${release}.img`, `initrd-${release}.img`].find((name) => names.includes(name));
    if (initrd !== undefined) return { release, kernel: `vmlinuz-${release}`, initrd };
  }
  throw new ExpectedError({ code: 'package', what: 'The root has no kernel with an initial file system in /boot: it could not boot.', fix: 'Give a root that has one, or leave --root out.' });
}

/** @throws ExpectedError package, base: the modules are for another kernel than the root's */
export async function kernelOfRoot<S extends ImageSource>(root: string, { gateway, artifact }: S): Promise<Boots> {
  const boots = await rootsOwn(root);
  const { release } = artifact.manifest;
  if (boots.release === release) return boots;
  const fix =
    compareReleases(release, boots.release) < 0
      ? `Build the artifact again (build-kernel ${gateway.flavour}): it takes the distribution's current kernel.`
      : "Run apt-get update, then the same command again: the root is made of what this machine's apt knows. One given with --root needs that kernel too.";
  throw new ExpectedError({ code: 'base', what: `The artifact's modules are for ${release}, the root boots ${boots.release}.`, fix });
}

/** The artifact's own kernel, which provisioning put into the root; its initial file system is made. */
export async function kernelOfArtifact<S extends ImageSource>(root: string, source: S, parts: ImageParts<S>, scratch: string): Promise<Boots> {
  const { release } = source.artifact.manifest;
  const initrd = `initramfs-${release}.img`;
  const made = await parts.initramfs(source, { drivers: DISK_DRIVERS, fstype: rootType(release) }, scratch);
  await copyFile(made, join(root, 'boot', initrd));
  await chmod(join(root, 'boot', initrd), 0o600);
  await remove(made);
  return { release, kernel: `vmlinuz-${release}`, initrd };
}
