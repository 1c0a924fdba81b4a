import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REMOTE } from '../../../tasks/verify/lab/topology.js';
import { builtArtifact } from '../../support/artifacts.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { clientOverSsh, type SshClient } from '../../support/hosts/client.js';
import { hostsContext } from '../../support/hosts/context.js';
import { debianImage } from '../../support/hosts/debian.js';
import { Host } from '../../support/hosts/host.js';
import { HostNetwork } from '../../support/hosts/network.js';
import { distributionSystem } from '../../support/hosts/systems.js';

/** A Debian host becomes a nat-snat gateway, is changed by hand, and becomes what it was, byte for byte. */

const dir = scratch('deb');
const context = hostsContext(dir, { say: (text) => process.stderr.write(`${text}\n`) });
const POOL = ['203.0.113.100', '203.0.113.101', '203.0.113.102'];

/** Names, modes, owners, times and sizes of everything a run may touch, and digests of all but the modules themselves. */
const LIST = `cd /
set -- etc boot lib/modules/ usr/local var/spool usr/lib/systemd
find "$@" -xdev ! -type d -printf '%p %y %m %U:%G %T@ %s %l\\n' | sort
find "$@" -xdev -type d -printf '%p %m %U:%G\\n' | sort
find "$@" -xdev -type f ! -name '*.ko' -print0 | sort -z | xargs -0 sha256sum`;

interface Check {
  id: string;
  status: string;
  seen: string;
}

describe.skipIf(process.getuid?.() !== 0)('a Debian host behind GRUB 2', () => {
  let network: HostNetwork;
  let client: SshClient;
  let host: Host;
  let before: string;
  const file = join(dir, 'gateway.yaml');
  const toolkit = (...args: string[]): Promise<CliResult> => cli(args, { cwd: dir });
  const cmdline = async (): Promise<string> => (await host.run('cat /proc/cmdline')).stdout;

  beforeAll(async () => {
    const artifact = process.env['BUILD_KERNEL_TEST_NAT_SNAT'] ?? (await builtArtifact('nat-snat'));
    const image = await debianImage(context);
    network = await HostNetwork.start(context, { system: await distributionSystem(context, dir), topology: 'gateway', folder: join(dir, 'n'), bootTimeout: 900 });
    host = await Host.create({ name: 'gw2', image, folder: join(dir, 'gw2'), network: network.wiring('gateway') });
    await host.start();
    client = await clientOverSsh(network);
    const nic = await network.names(host, 'gateway');
    writeFileSync(
      file,
      `flavour: nat-snat
artifact: ${artifact}
interfaces:
  - {device: ens3, role: management}
  - {device: ${nic.inside}, role: inside, addresses: [192.168.40.1/24]}
  - {device: ${nic.isp1}, role: outside, addresses: [203.0.113.1/24], gateway: 203.0.113.2}
pools:
  public: [203.0.113.100-203.0.113.102]
snat:
  - {pool: public}
services:
  - {mode: nat, address: 203.0.113.50, port: 8080, servers: [{address: 192.168.40.10}], check: {kind: tcp}}
tuning:
  gro: off
hosts:
  gw2:
    ssh: {destination: gw2, config: ${host.ssh.config}}
probe:
  from: {destination: root@127.0.0.1, port: ${String(client.port)}, config: ${client.config}}
  connect: {address: ${REMOTE}, port: 80}
confirm_minutes: 30
`,
    );
  }, 3_600_000);
  afterAll(async () => {
    await client.stop();
    await host.stop();
    await network.stop();
  });

  it('comes up whole, with what a gateway needs', async () => {
    const { stdout } = await host.run('systemctl is-system-running --wait; systemctl --failed --no-legend; for p in ipvsadm keepalived iptables nft ethtool grub-reboot; do command -v $p || echo no $p; done', { ok: [0, 1], timeout: 600_000 });
    expect(stdout).toMatch(/^running$/m);
    expect(stdout).not.toContain('no ');
  });

  it('boots an entry once by grub-reboot', async () => {
    await host.run(
      `set -e
sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/' /etc/default/grub
sed -n '/^menuentry/,/^}/p' /boot/grub/grub.cfg | sed "s/^menuentry '[^']*'/menuentry 'trial'/; s/menuentry_id_option '[^']*'/menuentry_id_option 'trial'/; s/ ro / ro trial=1 /" >> /etc/grub.d/40_custom
update-grub 2>&1
grub-reboot trial`,
      { timeout: 600_000 },
    );
    await host.reboot('systemctl reboot');
    expect(await cmdline()).toContain('trial=1');
  });

  it('becomes a gateway: tried, kept, traffic through it', async () => {
    before = (await host.run(LIST, { timeout: 600_000 })).stdout;
    expect((await network.guest('server').sh('traffic serve -t 80 >/dev/null 2>&1 & sleep 1')).ok).toBe(true);
    const made = await toolkit('provision', file, '--host', 'gw2', '--yes', '--json');
    expect(made.json, made.stdout + made.stderr).toMatchObject({ outcome: 'provisioned', reboot: true });
    const { checks } = made.json as { checks: Check[] };
    expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(checks.find(({ id }) => id === 'traffic from inside')?.seen).toMatch(/^203\.0\.113\.10[0-2], port \d+ \(from 192\.168\.40\.10, /);
    // The entry was for one boot.
    expect(await cmdline()).not.toContain('trial=1');
    const { stdout } = await network.guest('client').sh(`for i in 1 2 3 4 5 6 7 8 9; do traffic connect ${REMOTE} 80; done`, 120_000);
    const left = stdout.split('\n').filter((line) => line.includes(' ok ')).map((line) => (line.split(' ')[3] ?? '').replace(/:\d+$/, ''));
    expect(left, stdout).toHaveLength(9);
    expect([...new Set(left)].sort()).toEqual(POOL);
    expect((await toolkit('provision', file, '--host', 'gw2', '--yes', '--json')).json).toMatchObject({ outcome: 'nothing to change', changes: [], drift: [] });
  });

  it('is found to be another after changes by hand, each by its name', async () => {
    await host.run(
      `set -e
inside=$(sed -n 's/^192.168.40.1.24 //p' /etc/build-kernel/addresses); outside=$(sed -n 's/^203.0.113.1.24 //p' /etc/build-kernel/addresses)
sysctl -w net.ipv4.ip_forward=0
ip addr del 203.0.113.101/32 dev $outside
ethtool -K $inside gro on
echo '# by hand' >> /etc/keepalived/keepalived.conf
ipvsadm -d -t 0.0.0.0:0 -r 203.0.113.102:0
iptables -D BK-FORWARD 1`,
    );
    const found = await toolkit('verify', file, '--host', 'gw2', '--json');
    expect(found.status).toBe(15);
    const checks = (found.json as { hosts: { checks: Check[] }[] }).hosts.flatMap((one) => one.checks);
    expect(checks.filter(({ status }) => status === 'fail').map(({ id }) => id.replace(/ens\d/, 'NIC')).sort()).toEqual([
      'address 203.0.113.101',
      'file /etc/keepalived/keepalived.conf',
      'iptables filter FORWARD',
      'offload NIC gro',
      'rules ipvs',
      'sysctl net.ipv4.ip_forward',
      'traffic from inside',
    ]);
    expect(checks.find(({ id }) => id === 'rules ipvs')?.seen).toContain('TCP 0.0.0.0:0 -> 203.0.113.102:0');
  });

  it('is what it was, byte for byte, after a rollback', async () => {
    const back = await toolkit('rollback', file, '--host', 'gw2', '--yes', '--json');
    expect(back.json, back.stdout + back.stderr).toMatchObject({ outcome: 'taken back', reboot: true });
    const after = (await host.run(LIST, { timeout: 600_000 })).stdout;
    const known = new Set(before.split('\n'));
    expect(after.split('\n').filter((line) => !known.has(line))).toEqual([]);
    expect(after).toBe(before);
    expect((await host.run('cat /proc/sys/net/ipv4/ip_forward; ls /var/lib/build-kernel/runs/*/foreign')).stdout).toMatch(/^0\n\d+$/);
  });
});
