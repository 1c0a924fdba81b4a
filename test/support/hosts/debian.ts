import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../tasks/lib/digest.js';
import { run } from '../../../tasks/lib/exec.js';
import { exists, remove } from '../../../tasks/lib/files.js';
import { cachedFolder, type HostsContext } from './context.js';
import { aptLines } from './debian-sources.js';
import { debianFiles } from './debian-files.js';
import { putGrub2 } from './grub2.js';
import { Host, type HostImage } from './host.js';
import { makeDisk, makeFileSystem, type Partition } from './image.js';
import { hostKeys } from './keys.js';

/** A host with this machine's Debian release: systemd, OpenSSH, GRUB 2, what a gateway of today has. Made as root. */

const PACKAGES = [
  'systemd-sysv', 'udev', 'dbus', 'init', 'linux-image-amd64', 'initramfs-tools', 'grub-pc', 'openssh-server', 'ifupdown', 'iproute2', 'iputils-ping', 'kmod', 'procps', 'less',
  'ipvsadm', 'keepalived', 'iptables', 'nftables', 'ethtool', 'conntrack', 'tcpdump', 'logrotate', 'ca-certificates',
];

export interface DebianOptions {
  hostname?: string;
  /** MiB. */
  size?: number;
  /** Further packages: irqbalance, … */
  packages?: readonly string[];
}

const UUID = '6c1e6000-deb1-4e12-8000-000000000003';

async function suite(): Promise<string> {
  return /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? 'bookworm';
}

/** Installs the packages into a folder; needs root, as dpkg's scripts run in it. */
async function bootstrap(root: string, packages: readonly string[], context: HostsContext): Promise<void> {
  const sources = await aptLines();
  await run(
    [
      'mmdebstrap', '--mode=root', '--variant=minbase', '--architectures=amd64',
      `--include=${packages.join(',')}`,
      // Nothing here reads documentation, and the image is copied about.
      '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*', '--dpkgopt=path-exclude=/usr/share/locale/*',
      '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Check-Valid-Until "false"',
      await suite(), root, '-',
    ],
    { log: context.log, input: `${sources.join('\n')}\n`, env: { DEBIAN_FRONTEND: 'noninteractive' } },
  );
}

/** Timers that would work beside a test, and what waits a minute for an LVM that is not there. */
const QUIET = 'systemctl set-default multi-user.target; systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer';

/** Boots the image once and lets Debian's own tools write the boot loader and its menu. */
async function finish(image: HostImage, folder: string): Promise<void> {
  const host = await Host.create({ name: 'base', image, folder, bootTimeout: 1800 });
  try {
    await host.start();
    // The emulated processor unpacks what is in an initrd slowly: only the drivers of this machine.
    await host.run('echo MODULES=dep > /etc/initramfs-tools/conf.d/driver-policy; update-initramfs -u && grub-install /dev/vda && update-grub', { timeout: 1_800_000 });
    await host.run(`${QUIET}; systemctl is-system-running --wait; sync`, { ok: [0, 1], timeout: 900_000 });
    await host.run('(sleep 1; systemctl poweroff) >/dev/null 2>&1 </dev/null &', { ok: [0, 255] });
    await Promise.race([host.ended(), new Promise((resolve) => setTimeout(resolve, 300_000))]);
  } finally {
    await host.stop();
  }
}

/**
 * A disk of this host, from the cache or made (some minutes).
 * @returns the image: read only, start hosts on overlays of it
 */
export async function debianImage(context: HostsContext, options: DebianOptions = {}): Promise<HostImage> {
  const { hostname = 'gw.example', size = 3072, packages = [] } = options;
  const keys = await hostKeys(context);
  const all = [...PACKAGES, ...packages];
  // Raised when what the code itself puts there changes.
  const version = 3;
  const image = (disk: string): HostImage => ({ kind: 'debian', disk, user: keys.user, hostKey: keys.openssh.public, cpu: 'max', memory: 768, bus: 'virtio' });
  const folder = await cachedFolder(context, `debian-${await suite()}`, digestOf([version, all, hostname, size, keys.authorized, keys.openssh.public]), async (into) => {
    const root = join(into, 'root');
    const disk = join(into, 'raw.img');
    const part: Partition = { start: 1, size: size - 2, active: true };
    await bootstrap(root, all, context);
    await debianFiles(root, { hostname, uuid: UUID, keys });
    const core = await putGrub2(root, UUID, context.log);
    await makeDisk(disk, size, [part]);
    await makeFileSystem(disk, part, { type: 'ext4', uuid: UUID, label: 'root', from: root }, context.log);
    await core(disk);
    await remove(root);
    context.say('booting it once, for Debian\'s own tools to install the boot loader');
    await finish(image(disk), join(into, 'first'));
    await run(['qemu-img', 'convert', '-O', 'qcow2', join(into, 'first/disk.qcow2'), join(into, 'disk.qcow2')], { log: context.log });
    await copyFile(join(into, 'first/console.log'), join(into, 'first-boot.log'));
    for (const each of ['first', 'raw.img']) await remove(join(into, each));
  });
  const disk = join(folder, 'disk.qcow2');
  if (!(await exists(disk))) throw new Error(`${disk} is gone from the cache`);
  return image(disk);
}

