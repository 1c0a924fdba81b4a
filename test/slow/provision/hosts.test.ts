import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostsContext } from '../../support/hosts/context.js';
import { el6Image } from '../../support/hosts/el6.js';
import { startHost, type Host } from '../../support/hosts/host.js';
import { distributionSystem } from '../../support/hosts/systems.js';
import { scratch } from '../../support/cli.js';

/** The EL6-like host that provisioning is tested on: it boots by its own boot loader, and chooses an entry as an operator's would. */

const dir = scratch('hosts');
const context = hostsContext(dir);

describe('an EL6-like host behind GRUB legacy', () => {
  let host: Host;
  beforeAll(async () => {
    const system = await distributionSystem(context, dir);
    const image = await el6Image(context, { system });
    host = await startHost({ name: 'gw1', image, folder: join(dir, 'gw1') });
  }, 1_800_000);
  afterAll(async () => {
    await host.stop();
  });

  const cmdline = async (): Promise<string> => (await host.run('cat /proc/cmdline')).stdout;

  it('is reached over ssh and looks like EL6 where it matters', async () => {
    const { stdout } = await host.run('cat /etc/redhat-release; ls -l /etc/grub.conf /boot/grub/menu.lst; chkconfig --list network; service sshd status; ethtool -k eth0 | head -n 1; iptables-save | head -n 1; grep " /boot " /proc/mounts');
    expect(stdout).toContain('release 6.2');
    expect(stdout).toMatch(/grub\.conf -> \.\.\/boot\/grub\/grub\.conf/);
    expect(stdout).toMatch(/menu\.lst -> \.\/grub\.conf/);
    expect(stdout).toMatch(/network\s+0:off\s+1:off\s+2:on\s+3:on/);
    expect(stdout).toMatch(/sshd \(pid \d+\) is running/);
    expect(stdout).toContain('Features for eth0:');
    expect(stdout).toMatch(/sda1 \/boot ext3/);
    const missing = await host.run('for p in tar cpio python perl node; do command -v $p; done', { ok: [1, 127] });
    expect(missing.stdout).toBe('');
  });

  it('boots the saved entry once and the old one after that', async () => {
    // A file of its own size and place: GRUB 0.97 writes into it and cannot make it.
    await host.run(
      `set -e
cd /boot/grub
i=0; { echo 1; while [ $i -lt 10 ]; do echo '#'; i=$((i+1)); done; echo '# WARNING: do not remove any line from this file'; } > default
{ sed 's/^default=.*/default=saved/' grub.conf; sed -n '/^title/,$p' grub.conf | sed 's/^title.*/title trial/; s/ ro / ro trial=1 /'; printf '\\tsavedefault 0\\n'; } > new
sync; mv new grub.conf; sync`,
    );
    await host.reboot();
    expect(await cmdline()).toContain('trial=1');
    expect((await host.run("head -n 1 /boot/grub/default | tr -d '\\000'")).stdout).toBe('0');
    await host.reboot();
    expect(await cmdline()).not.toContain('trial=1');
  });

  it('is there again after a power cut, with what was synced', async () => {
    await host.run('echo kept > /root/kept; sync');
    await host.powerCut();
    expect(host.running).toBe(false);
    await host.start();
    expect((await host.run('cat /root/kept')).stdout).toBe('kept');
  });
});
