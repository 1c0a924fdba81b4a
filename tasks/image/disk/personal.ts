import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { runAsImageRoot } from '../namespace.js';
import type { RootType } from './kernel.js';
import type { DiskIds } from './layout.js';

/** What makes a root this disk's and this host's: file systems, name, ways in. */

/** The root's own table without what this disk has instead: /, /boot and swap. */
export function fileSystems(own: string, ids: DiskIds, type: RootType, systemd: boolean): string {
  const kept = own.split('\n').filter((line) => {
    const [device = '', place = '', type = ''] = line.trim().split(/\s+/);
    return line.trim() !== '' && !device.startsWith('#') && !['/', '/boot', '/boot/efi'].includes(place) && type !== 'swap';
  });
  const volume = ids.volume.toUpperCase();
  return [
    `UUID=${ids.filesystem} / ${type} ${systemd ? 'errors=remount-ro' : 'defaults'} 0 1`,
    // A system of 2012 does not know nofail everywhere, and need not see the partition that firmware starts from.
    ...(systemd ? [`UUID=${volume.slice(0, 4)}-${volume.slice(4)} /boot/efi vfat umask=0077,nofail 0 1`] : []),
    ...kept,
    '',
  ].join('\n');
}

/** The root's own names, and this host's. */
export function hostNames(own: string, hostname: string): string {
  const kept = own.split('\n').filter((line) => line.trim() !== '' && line.trim().split(/\s+/)[0] !== '127.0.1.1');
  const local = kept.some((line) => /^127\.0\.0\.1\s/.test(line)) ? [] : ['127.0.0.1 localhost', '::1 localhost ip6-localhost ip6-loopback'];
  return [...local, ...kept, `127.0.1.1 ${hostname}`, ''].join('\n');
}

const FIRST_BOOT_KEYS = `[Unit]
Description=Make the host's ssh keys at its first boot
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
`;

export interface Personal {
  hostname: string;
  ids: DiskIds;
  type: RootType;
  /** Text of root's authorized_keys. */
  authorizedKeys?: string;
  log?: StageLog;
}

export async function personal(root: string, { hostname, ids, type, authorizedKeys, log }: Personal): Promise<void> {
  await mkdir(join(root, 'boot/efi'), { recursive: true });
  const systemd = await exists(join(root, 'etc/systemd/system'));
  const text = (path: string): Promise<string> => readFile(join(root, path), 'utf8').catch(() => '');
  await writeAtomic(join(root, 'etc/fstab'), fileSystems(await text('etc/fstab'), ids, type, systemd));
  await writeAtomic(join(root, 'etc/hostname'), `${hostname}\n`);
  await writeAtomic(join(root, 'etc/hosts'), hostNames(await text('etc/hosts'), hostname));
  // Where EL6 has its name.
  const network = await text('etc/sysconfig/network');
  if (network !== '') await writeAtomic(join(root, 'etc/sysconfig/network'), `${network.split('\n').filter((line) => line !== '' && !line.startsWith('HOSTNAME=')).join('\n')}\nHOSTNAME=${hostname}\n`);
  // A host's ssh keys are its own: made at its first boot, where the distribution does not do it by itself.
  if (systemd && (await exists(join(root, 'usr/bin/ssh-keygen')))) {
    await writeAtomic(join(root, 'etc/systemd/system/ssh-host-keys.service'), FIRST_BOOT_KEYS);
    await mkdir(join(root, 'etc/systemd/system/multi-user.target.wants'), { recursive: true });
    await runAsImageRoot(['ln', '-sfn', '../ssh-host-keys.service', join(root, 'etc/systemd/system/multi-user.target.wants/ssh-host-keys.service')], { log });
  }
  if (authorizedKeys !== undefined) {
    await mkdir(join(root, 'root/.ssh'), { recursive: true });
    await chmod(join(root, 'root/.ssh'), 0o700);
    await writeAtomic(join(root, 'root/.ssh/authorized_keys'), authorizedKeys, 0o600);
  }
}
