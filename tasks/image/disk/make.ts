import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../lib/digest.js';
import { remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { runAsImageRoot } from '../namespace.js';
import type { ImageParts, ImageSource } from '../types.js';
import { assembleDisk } from './assemble.js';
import { grubConfig } from './grub-config.js';
import { bootsByUefi, kernelOfArtifact, kernelOfRoot, rootType } from './kernel.js';
import { diskIds } from './layout.js';
import { requireInside } from './inside.js';
import { personal } from './personal.js';

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

/**
 * @returns the kernel's release, and whether UEFI starts it too
 * @throws ExpectedError environment, package, space
 */
export async function makeDisk<S extends ImageSource>(source: S, parts: ImageParts<S>, input: DiskInputs): Promise<{ release: string; uefi: boolean }> {
  const { gateway, artifact } = source;
  const { scratch, log, progress, epoch } = input;
  const root = join(scratch, 'root');
  const { release } = artifact.manifest;
  const own = artifact.manifest.build !== 'modules';
  progress('unpacking the root');
  await mkdir(root, { recursive: true });
  // Devices cannot be made without root, and a system of today makes its own.
  await runAsImageRoot(['tar', '-xf', input.root.tar, '-C', root, '--numeric-owner', '--same-permissions', '--anchored', ...['./dev/*', 'dev/*', '/dev/*'].map((path) => `--exclude=${path}`)], { log });
  await requireInside(root);
  const theirs = own ? undefined : await kernelOfRoot(root, source);
  progress('provisioning');
  await parts.provision(root, source);
  // Replaced modules are found first when depmod has seen them.
  await runAsImageRoot(['depmod', '-b', root, release], { log });
  const boots = theirs ?? (await kernelOfArtifact(root, source, parts, scratch));
  const identity = digestOf([input.root.sha256, artifact.manifest.files.map(({ sha256 }) => sha256), gateway]);
  const ids = diskIds(identity);
  await personal(root, { hostname: gateway.host, ids, type: rootType(release), authorizedKeys: input.authorizedKeys, log });
  await mkdir(join(root, 'boot/grub'), { recursive: true });
  await writeAtomic(
    join(root, 'boot/grub/grub.cfg'),
    grubConfig([{ title: `${gateway.host} (${gateway.flavour})`, kernel: `/boot/${boots.kernel}`, initrd: `/boot/${boots.initrd}`, append: `root=UUID=${ids.filesystem} ro console=tty0 console=ttyS0,115200 panic=10` }], ids.filesystem),
  );
  const uefi = await bootsByUefi(join(root, 'boot'), release);
  await assembleDisk({ root, type: rootType(release), uefi, image: input.image, format: input.format, freeMib: input.free, identity, epoch, scratch: join(scratch, 'disk'), log, progress });
  await runAsImageRoot(['rm', '-rf', root], { log });
  await remove(join(scratch, 'disk'));
  return { release, uefi };
}
