import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, sha256File } from '../../../tasks/lib/digest.js';
import { run } from '../../../tasks/lib/exec.js';
import { remove } from '../../../tasks/lib/files.js';
import type { GuestSystem } from '../../../tasks/verify/guest/system.js';
import { isOldKernel } from '../../../tasks/lib/kernel-release.js';
import { cachedFolder, type HostsContext } from './context.js';
import { EL6_FILES, el6Root } from './el6-root.js';
import { grubLegacy, installGrubLegacy } from './grub-legacy.js';
import type { HostImage } from './host.js';
import { makeDisk, makeFileSystem, type Partition } from './image.js';
import { hostKeys } from './keys.js';
import { el6Programs } from './programs.js';

/** The EL6-like host: GRUB legacy, ext3, SysV init scripts, static programs; its stock kernel is a parameter. */

export interface El6Options {
  /** The stock kernel and its modules: an artifact's, or the distribution's. */
  system: GuestSystem;
  /** /boot is a partition of its own, as EL6 installs it (default), or a folder of /. */
  ownBoot?: boolean;
  hostname?: string;
  /** MiB. */
  bootSize?: number;
  rootSize?: number;
}

const UUIDS = { boot: '6c1e6000-b007-4e16-8000-000000000001', root: '6c1e6000-a007-4e16-8000-000000000002' };

async function filesKey(folder: string): Promise<string> {
  const { stdout } = await run(['find', '.', '-type', 'f', '-printf', '%p\n'], { cwd: folder });
  return digestOf(await Promise.all(stdout.split('\n').sort().map(async (path) => [path, await sha256File(join(folder, path))])));
}

/**
 * A disk of this host, from the cache or made.
 * @returns the image: read only, start hosts on overlays of it
 */
export async function el6Image(context: HostsContext, options: El6Options): Promise<HostImage> {
  const { system, ownBoot = true, hostname = 'gw.example', bootSize = 128, rootSize = 1024 } = options;
  const programs = await el6Programs(context);
  const keys = await hostKeys(context);
  const grub = await grubLegacy(context);
  // Raised when what the code itself puts there changes.
  const version = 2;
  const key = digestOf([version, await sha256File(system.kernel), system.release, await sha256File(join(system.modules, 'modules.dep')), programs, keys.authorized, await filesKey(EL6_FILES), ownBoot, hostname, bootSize, rootSize]);
  const name = `el6-${system.release}-${ownBoot ? 'boot' : 'root'}`;
  const folder = await cachedFolder(context, name, key, async (into) => {
    const root = join(into, 'root');
    const scratch = join(into, 'scratch');
    await mkdir(scratch, { recursive: true });
    await el6Root(root, { programs, system, grub, keys, uuids: UUIDS, ownBoot, hostname }, scratch, context);
    const disk = join(into, 'disk.img');
    const boot: Partition = { start: 1, size: bootSize, active: true };
    const rest: Partition = { start: ownBoot ? 1 + bootSize : 1, size: rootSize, active: !ownBoot };
    await makeDisk(disk, rest.start + rest.size + 1, ownBoot ? [boot, rest] : [rest]);
    if (ownBoot) {
      await rename(join(root, 'boot'), join(into, 'boot'));
      await mkdir(join(root, 'boot'));
      await makeFileSystem(disk, boot, { type: 'ext3', uuid: UUIDS.boot, label: 'boot', from: join(into, 'boot') }, context.log);
    }
    await makeFileSystem(disk, rest, { type: 'ext3', uuid: UUIDS.root, label: 'root', from: root }, context.log);
    await installGrubLegacy(grub, disk, context);
    for (const each of ['root', 'boot', 'scratch']) await remove(join(into, each));
  });
  const old = isOldKernel(system.release);
  return {
    kind: 'el6',
    disk: join(folder, 'disk.img'),
    user: keys.user,
    hostKey: keys.dropbear.public,
    cpu: system.cpu.tcg,
    memory: old ? 256 : 384,
    bus: 'ide',
  };
}
