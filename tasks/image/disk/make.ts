import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { exists, remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { runAsImageRoot } from '../namespace.js';
import type { ImageParts, ImageSource } from '../types.js';
import { assembleDisk } from './assemble.js';
import { grubConfig } from './grub-config.js';
import { diskIds } from './layout.js';

/** A disk with a whole distribution on it, provisioned. */

export interface DiskInputs {
  /** Tar of the root, and its sha256. */
  root: { tar: string; sha256: string };
  image: string;
  format: 'raw' | 'qcow2';
  free: number;
  /** Text of root's authorized_keys. */
  authorizedKeys?: string;
  epoch: number;
  scratch: string;
  log?: StageLog;
  progress: (text: string) => void;
}

/** The newest kernel of a root with an initial file system beside it. */
async function bootable(root: string): Promise<{ release: string; initrd: string }> {
  const names = await readdir(join(root, 'boot'));
  for (const release of names.flatMap((name) => (name.startsWith('vmlinuz-') ? [name.slice(8)] : [])).sort().reverse()) {
    const initrd = [`initrd.img-${release}`, `initramfs-${release}.img`, `initrd-${release}.img`].find((name) => names.includes(name));
    if (initrd !== undefined) return { release, initrd };
  }
  throw new ExpectedError({ code: 'package', what: 'The root has no kernel with an initial file system in /boot: it could not boot.', fix: 'Give a root that has one, or leave --root out.' });
}

const FSTAB = (ids: ReturnType<typeof diskIds>): string => `UUID=${ids.filesystem} / ext4 errors=remount-ro 0 1\nUUID=${ids.volume.slice(0, 4).toUpperCase()}-${ids.volume.slice(4).toUpperCase()} /boot/efi vfat umask=0077,nofail 0 1\n`;

async function personal(root: string, hostname: string, input: DiskInputs, ids: ReturnType<typeof diskIds>): Promise<void> {
  await mkdir(join(root, 'boot/efi'), { recursive: true });
  await writeAtomic(join(root, 'etc/fstab'), FSTAB(ids));
  await writeAtomic(join(root, 'etc/hostname'), `${hostname}\n`);
  await writeAtomic(join(root, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n::1 localhost ip6-localhost ip6-loopback\n`);
  // A host's ssh keys are its own: made at its first boot, where the distribution does not do it by itself.
  if (await exists(join(root, 'usr/bin/ssh-keygen'))) {
    await writeAtomic(join(root, 'etc/systemd/system/ssh-host-keys.service'), '[Unit]\nDescription=Make the host\'s ssh keys at its first boot\nBefore=ssh.service\nConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n\n[Service]\nType=oneshot\nExecStart=/usr/bin/ssh-keygen -A\n\n[Install]\nWantedBy=multi-user.target\n');
    await mkdir(join(root, 'etc/systemd/system/multi-user.target.wants'), { recursive: true });
    await runAsImageRoot(['ln', '-sfn', '../ssh-host-keys.service', join(root, 'etc/systemd/system/multi-user.target.wants/ssh-host-keys.service')], { log: input.log });
  }
  if (input.authorizedKeys !== undefined) {
    await mkdir(join(root, 'root/.ssh'), { recursive: true });
    await chmod(join(root, 'root/.ssh'), 0o700);
    await writeFile(join(root, 'root/.ssh/authorized_keys'), input.authorizedKeys, { mode: 0o600 });
  }
}

/**
 * @returns what it boots: kernel release
 * @throws ExpectedError environment, package, space
 */
export async function makeDisk<S extends ImageSource>(source: S, parts: ImageParts<S>, input: DiskInputs): Promise<{ release: string }> {
  const { gateway, artifact } = source;
  const { scratch, log, progress, epoch } = input;
  const root = join(scratch, 'root');
  const own = artifact.manifest.build !== 'modules';
  if (own) {
    throw new ExpectedError({ code: 'usage', what: `A disk of ${gateway.flavour} cannot be made: its 2.6.32 kernel needs a root of its age.`, fix: 'Make an appliance of it: --kind appliance.' });
  }
  progress('unpacking the root');
  await mkdir(root, { recursive: true });
  await runAsImageRoot(['tar', '-xf', input.root.tar, '-C', root, '--numeric-owner', '--same-permissions', '--exclude=./dev/*'], { log });
  const { release } = artifact.manifest;
  const boots = await bootable(root);
  if (boots.release !== release) {
    throw new ExpectedError({ code: 'base', what: `The artifact's modules are for ${release}, the root boots ${boots.release}.`, fix: `Build the artifact again (build-kernel ${gateway.flavour}): it takes the distribution's current kernel.` });
  }
  progress('provisioning');
  await parts.provision(root, source);
  // Replaced modules are found first when depmod has seen them.
  await runAsImageRoot(['depmod', '-b', root, release], { log });
  const identity = digestOf([input.root.sha256, artifact.manifest.files.map(({ sha256 }) => sha256), gateway]);
  const ids = diskIds(identity);
  await personal(root, gateway.host, input, ids);
  await mkdir(join(root, 'boot/grub'), { recursive: true });
  await writeAtomic(
    join(root, 'boot/grub/grub.cfg'),
    grubConfig([{ title: `${gateway.host} (${gateway.flavour})`, kernel: `/boot/vmlinuz-${release}`, initrd: `/boot/${boots.initrd}`, append: `root=UUID=${ids.filesystem} ro console=tty0 console=ttyS0,115200 panic=10` }], ids.filesystem),
  );
  await assembleDisk({ root, image: input.image, format: input.format, freeMib: input.free, identity, epoch, scratch: join(scratch, 'disk'), log, progress });
  await runAsImageRoot(['rm', '-rf', root], { log });
  await remove(join(scratch, 'disk'));
  return { release };
}
