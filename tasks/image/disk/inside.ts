import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';

/** A root's folders as this machine sees them: a link to /usr/lib is right in the root, and leads to this machine's own folder from here. */

/** Folders that a root is written to. */
const WRITTEN = ['bin', 'sbin', 'lib', 'lib/modules', 'usr', 'usr/bin', 'usr/sbin', 'usr/lib', 'usr/local', 'usr/local/sbin', 'etc', 'etc/systemd', 'etc/systemd/system', 'etc/systemd/network', 'etc/sysctl.d', 'etc/modprobe.d', 'etc/modules-load.d', 'etc/keepalived', 'etc/build-kernel', 'etc/sysconfig', 'etc/init.d', 'etc/rc.d', 'etc/rc.d/init.d', 'etc/rc.d/rc3.d', 'boot', 'boot/grub', 'boot/efi', 'var', 'var/lib', 'root', 'root/.ssh'] as const;

/** @throws ExpectedError usage: a folder of the root is a link that leaves it, or one to nowhere */
export async function requireInside(root: string): Promise<void> {
  const top = await realpath(root);
  for (const path of WRITTEN) {
    const at = join(root, path);
    if (!(await lstat(at).catch(() => undefined))) continue;
    const real = await realpath(at).catch(() => undefined);
    if (real === top || real?.startsWith(`${top}${sep}`) === true) continue;
    throw new ExpectedError({ code: 'usage', what: `/${path} of the root is a link that leaves it${real === undefined ? '' : ` (to ${real})`}: what is written there would not be in the image.`, fix: 'Make it a relative link in the root that you give with --root.' });
  }
}
