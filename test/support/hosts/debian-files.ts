import { appendFile, chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { remove } from '../../../tasks/lib/files.js';
import type { HostKeys } from './keys.js';

/** What an installer would write: names, network, file systems, keys. */
export async function debianFiles(root: string, { hostname, uuid, keys }: { hostname: string; uuid: string; keys: HostKeys }): Promise<void> {
  const put = async (path: string, text: string, mode = 0o644): Promise<void> => {
    await writeFile(join(root, path), text);
    await chmod(join(root, path), mode);
  };
  await put('etc/hostname', `${hostname.split('.')[0] ?? hostname}\n`);
  await put('etc/hosts', `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\t${hostname.split('.')[0] ?? hostname}\n::1\t\tlocalhost ip6-localhost ip6-loopback\n`);
  await put('etc/fstab', `UUID=${uuid} / ext4 errors=remount-ro 0 1\n`);
  // The management NIC is the first in the first slots: Debian calls it ens3 then.
  await put(
    'etc/network/interfaces',
    ['source /etc/network/interfaces.d/*', '', 'auto lo', 'iface lo inet loopback', '', 'allow-hotplug ens3', 'iface ens3 inet static', '\taddress 172.31.255.15/24', ''].join('\n'),
  );
  await mkdir(join(root, 'etc/network/interfaces.d'), { recursive: true });
  await mkdir(join(root, 'root/.ssh'), { recursive: true, mode: 0o700 });
  await put('root/.ssh/authorized_keys', `${keys.authorized}\n`, 0o600);
  for (const kind of ['rsa', 'ecdsa', 'ed25519']) for (const end of ['', '.pub']) await remove(join(root, `etc/ssh/ssh_host_${kind}_key${end}`));
  await copyFile(keys.openssh.file, join(root, 'etc/ssh/ssh_host_rsa_key'));
  await chmod(join(root, 'etc/ssh/ssh_host_rsa_key'), 0o600);
  await copyFile(`${keys.openssh.file}.pub`, join(root, 'etc/ssh/ssh_host_rsa_key.pub'));
  const defaults = await readFile(join(root, 'etc/default/grub'), 'utf8').catch(() => '');
  const settings = { GRUB_DEFAULT: '0', GRUB_TIMEOUT: '1', GRUB_CMDLINE_LINUX_DEFAULT: '""', GRUB_CMDLINE_LINUX: '"console=tty0 console=ttyS0,115200 mitigations=off"', GRUB_TERMINAL: '"serial console"', GRUB_DISABLE_OS_PROBER: 'true' };
  const kept = defaults.split('\n').filter((line) => !Object.keys(settings).some((name) => line.startsWith(`${name}=`)));
  await put('etc/default/grub', `${[...kept.filter((line) => line !== ''), ...Object.entries(settings).map(([name, value]) => `${name}=${value}`)].join('\n')}\n`);
  await appendFile(join(root, 'etc/machine-id'), '');
}
