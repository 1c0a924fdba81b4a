import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { busyboxApplets } from '../../lib/busybox.js';
import { packageRoot } from '../../lib/paths.js';

/**
 * The root of an appliance before it is provisioned: busybox, laid out as an EL6 host is where provisioning looks (rc.d, rc3.d,
 * rc.local), so that the same plan serves. Kernel modules, tools and rules come by the plan.
 */

const FOLDERS = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/sbin', 'etc/rc.d/init.d', 'etc/rc.d/rc3.d', 'etc/sysconfig', 'etc/modprobe.d', 'lib/modules', 'boot', 'proc', 'sys', 'dev', 'tmp', 'run', 'root', 'var/log', 'var/lib', 'var/run'] as const;
/** Where each of our scripts goes. */
const SCRIPTS: Readonly<Record<string, string>> = { 'rc.sysinit': 'etc/rc.d/rc.sysinit', rc: 'etc/rc.d/rc', console: 'etc/rc.d/console' };
/** Applets that belong to sbin, where scripts of EL6 call them by path. */
const SBIN: ReadonlySet<string> = new Set(['init', 'ip', 'modprobe', 'insmod', 'rmmod', 'lsmod', 'depmod', 'sysctl', 'ifconfig', 'route', 'reboot', 'poweroff', 'halt', 'syslogd', 'klogd', 'mdev']);

export interface ApplianceInput {
  /** Folder to fill; empty. */
  root: string;
  busybox: string;
  hostname: string;
  /** Network devices that the gateway names, waited for at boot. */
  devices: readonly string[];
}

/** Lays out the root; all files belong to whoever runs this, packing makes them root's. */
export async function makeApplianceRoot({ root, busybox, hostname, devices }: ApplianceInput): Promise<void> {
  for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true });
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  for (const name of await busyboxApplets(busybox)) {
    if (SBIN.has(name)) await symlink('../bin/busybox', join(root, 'sbin', name));
    else if (name !== 'busybox') await symlink('busybox', join(root, 'bin', name));
  }
  await symlink('sbin/init', join(root, 'init'));
  for (const [name, path] of Object.entries(SCRIPTS)) {
    await copyFile(join(packageRoot, 'templates/image', name), join(root, path));
    await chmod(join(root, path), 0o755);
  }
  await copyFile(join(packageRoot, 'templates/image/inittab'), join(root, 'etc/inittab'));
  const files: Record<string, string> = {
    'etc/hostname': `${hostname}\n`,
    'etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n`,
    'etc/passwd': 'root:*:0:0:root:/root:/bin/sh\n',
    'etc/group': 'root:x:0:\n',
    'etc/profile': 'export PATH=/usr/local/sbin:/sbin:/usr/sbin:/bin:/usr/bin\n',
    'etc/redhat-release': 'build-kernel appliance release 6\n',
    'etc/appliance-devices': devices.map((device) => `${device}\n`).join(''),
    'etc/sysctl.conf': '',
  };
  for (const [path, text] of Object.entries(files)) await writeFile(join(root, path), text);
  await writeFile(join(root, 'etc/rc.d/rc.local'), '#!/bin/sh\n');
  await chmod(join(root, 'etc/rc.d/rc.local'), 0o755);
}
