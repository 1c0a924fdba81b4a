import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openArtifact, type ArtifactTree } from '../../../../tasks/lib/artifact.js';
import { desire } from '../../../../tasks/provision/desired/index.js';
import type { Desired, Resource } from '../../../../tasks/provision/types.js';
import { CURRENT, debian, el6, fakeArtifact, gateway, natModules, OLD, oldKernel, oldTools, pair, stockTools } from './support/fixtures.js';

let dir: string;
let dsnat: ArtifactTree;
let nat: ArtifactTree;
let plain: ArtifactTree;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'desired-'));
  dsnat = await openArtifact(await fakeArtifact(dir, 'dsnat-220', OLD, 'kernel', oldKernel, oldTools), join(dir, 'one'));
  nat = await openArtifact(await fakeArtifact(dir, 'nat-snat', CURRENT, 'modules', natModules, stockTools), join(dir, 'two'));
  plain = await openArtifact(await fakeArtifact(dir, 'iptables-snat', OLD, 'kernel', oldKernel, stockTools), join(dir, 'three'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const at = ({ resources }: Desired, path: string): Resource | undefined => resources.find((each) => each.path === path);
function text(desired: Desired, path: string): string {
  const found = at(desired, path);
  if (found?.kind !== 'file' && found?.kind !== 'block') throw new Error(`no file ${path}`);
  return typeof found.content === 'string' ? found.content : `from ${found.content.source}`;
}
const claims = ({ effects }: Desired): string[] => effects.map(({ id }) => id);

describe('dsnat-220 on EL6', () => {
  let desired: Desired;
  beforeAll(async () => {
    desired = await desire(gateway(), el6, dsnat);
  });

  it('puts the kernel, its map, config and modules where they are in the artifact', async () => {
    expect(desired.kernel).toMatchObject({ release: OLD, kind: 'kernel', image: `/boot/vmlinuz-${OLD}`, modulesBuiltin: ['ext3', 'virtio_blk'], config: { CONFIG_IP_VS: 'm', CONFIG_EXT3_FS: 'y' } });
    expect(Object.keys(desired.kernel?.config ?? {})).toHaveLength(2);
    expect(desired.kernel?.modulesAlias).toContain('e1000e');
    const image = at(desired, `/boot/vmlinuz-${OLD}`);
    expect(image).toMatchObject({ kind: 'file', part: 'kernel', mode: 0o755 });
    if (image?.kind === 'file' && typeof image.content !== 'string') expect(await readFile(image.content.source, 'utf8')).toBe('a kernel');
    expect(at(desired, `/lib/modules/${OLD}/kernel/net/netfilter/ipvs/ip_vs.ko`)).toBeDefined();
  });

  it('puts the flavour’s own tools before the distribution’s, and only what runs', () => {
    expect(desired.resources.filter(({ part }) => part === 'tools').map(({ path }) => path)).toEqual(['/usr/local/sbin/ipvsadm']);
  });

  it('adds each address once, those of the pool alone', () => {
    expect(text(desired, '/etc/build-kernel/addresses').split('\n')).toEqual(['192.168.40.1/24 eth0', '203.0.113.2/24 eth1', '203.0.113.100/32 eth1', '203.0.113.101/32 eth1', '203.0.113.102/32 eth1', '']);
    expect(text(desired, '/etc/build-kernel/routes')).toBe('-4 default 203.0.113.1 eth1\n');
  });

  it('renders rules with pools, which ipvsadm -S would lose', () => {
    const rules = text(desired, '/etc/build-kernel/rules');
    for (const protocol of ['-t', '-u']) {
      expect(rules).toContain(`\tipvsadm -A ${protocol} 0.0.0.0:0 -s rr\tipvsadm -D ${protocol} 0.0.0.0:0\t`);
      for (const last of [100, 101, 102]) expect(rules).toContain(`\tipvsadm -P ${protocol} 0.0.0.0:0 -z 203.0.113.${String(last)}\t`);
    }
  });

  it('starts from rc links, in the order guard, network, gateway, and from a block in rc.local', () => {
    for (const level of [2, 3, 4, 5]) {
      expect(at(desired, `/etc/rc.d/rc${String(level)}.d/S09build-kernel-guard`)).toMatchObject({ kind: 'link', to: '../init.d/build-kernel-guard' });
      expect(at(desired, `/etc/rc.d/rc${String(level)}.d/S11build-kernel-gateway`)).toMatchObject({ kind: 'link', to: '../init.d/build-kernel-gateway' });
    }
    expect(at(desired, '/etc/rc.d/rc6.d/K89build-kernel-gateway')).toBeDefined();
    expect(at(desired, '/etc/rc.d/rc.local')).toMatchObject({ kind: 'block', at: 'start' });
    expect(text(desired, '/etc/rc.d/rc.local')).toContain('/etc/build-kernel/gateway settle');
    expect(at(desired, '/etc/sysctl.conf')).toMatchObject({ kind: 'block', at: 'end' });
    expect(desired.resources.some(({ path }) => path.startsWith('/etc/systemd'))).toBe(false);
  });

  it('switches forwarding on last, at boot only behind a guard', async () => {
    expect(text(desired, '/etc/build-kernel/sysctls')).not.toContain('ip_forward');
    expect(text(desired, '/etc/build-kernel/forwarding')).toBe('net/ipv4/ip_forward 1\n');
    expect(text(desired, '/etc/sysctl.conf')).toContain('net.ipv4.ip_forward = 1\n');
    const unguarded = await desire(gateway(), { ...el6, programs: {} }, dsnat);
    expect(text(unguarded, '/etc/sysctl.conf')).not.toContain('ip_forward');
    expect(unguarded.interrupts.join('\n')).toContain('no iptables');
  });

  it('stops what leaves outside with an inside source, the host’s own packets excepted', () => {
    const open = text(desired, '/etc/build-kernel/iptables').split('\n');
    const postrouting = open.filter((line) => line.startsWith('-A BK-POSTROUTING'));
    expect(postrouting.indexOf('-A BK-POSTROUTING -s 192.168.40.1 -j RETURN')).toBeGreaterThanOrEqual(0);
    expect(postrouting.indexOf('-A BK-POSTROUTING -s 192.168.40.0/24 -o eth1 -j DROP')).toBe(-1);
    expect(postrouting.indexOf('-A BK-POSTROUTING -s 192.168.0.0/16 -o eth1 -j DROP')).toBeGreaterThan(postrouting.indexOf('-A BK-POSTROUTING -s 192.168.40.1 -j RETURN'));
    expect(text(desired, '/etc/build-kernel/iptables.closed')).toContain('-A BK-FORWARD -i eth0 -o eth1 -j DROP');
  });

  it('claims what must be in effect', () => {
    expect(claims(desired)).toEqual(expect.arrayContaining(['kernel', 'module ip_vs', 'sysctl net.ipv4.ip_forward', 'address 203.0.113.100', 'route default', 'offload eth1 lro', 'irq affinity', 'rules ipvs', 'gateway', 'iptables mangle POSTROUTING']));
    const listing = desired.effects.find(({ id }) => id === 'rules ipvs');
    expect(listing?.expect).toEqual({ lines: ['TCP 0.0.0.0:0', 'UDP 0.0.0.0:0'] });
  });
});

describe('the host’s own firewall', () => {
  const rulesOf = (desired: Desired, name: string): string[] => text(desired, `/etc/build-kernel/${name}`).split('\n').filter((line) => line.startsWith('-A'));
  it('lets the addresses of a pool in, whatever their order, and none between them', async () => {
    const open = rulesOf(await desire(gateway({ snat: [{ from: '0.0.0.0/0', pool: ['203.0.113.120', '203.0.113.101', '203.0.113.100'] }] }), el6, dsnat), 'iptables');
    expect(open.filter((line) => line.includes('-p icmp'))).toEqual(['-A BK-INPUT -m iprange --dst-range 203.0.113.100-203.0.113.101 -p icmp -j ACCEPT', '-A BK-INPUT -d 203.0.113.120 -p icmp -j ACCEPT']);
  });
  it('knows IPv6 where the gateway translates it', async () => {
    const six = { from: '::/0', pool: ['2001:db8::100', '2001:db8::101'] };
    const programs = { ...debian.programs, iptables: '/usr/sbin/iptables', ip6tables: '/usr/sbin/ip6tables' };
    const open = rulesOf(await desire(gateway({ flavour: 'nat-snat', language: 'nat-snat', snat: [...gateway().snat, six] }), { ...debian, programs }, nat), 'ip6tables');
    expect(open).toContain('-A BK-INPUT -m iprange --dst-range 2001:db8::100-2001:db8::101 -p ipv6-icmp -j ACCEPT');
    expect(open).toContain('-A BK-FORWARD -i eth0 -o eth1 -j ACCEPT');
    expect(at(await desire(gateway({ flavour: 'nat-snat', language: 'nat-snat' }), { ...debian, programs }, nat), '/etc/build-kernel/ip6tables')).toMatchObject({ kind: 'absent' });
    const byNetfilter = await desire(gateway({ flavour: 'distro-snat', language: 'iptables', snat: [{ ...six, from: 'fd00:40::/64' }] }), { ...debian, programs }, plain);
    expect(rulesOf(byNetfilter, 'ip6tables').filter((line) => line.startsWith('-A BK-FORWARD -i eth0'))).toEqual([
      '-A BK-FORWARD -i eth0 -o eth1 -m state --state INVALID -j DROP',
      '-A BK-FORWARD -i eth0 -o eth1 -s fd00:40::/64 -j ACCEPT',
      '-A BK-FORWARD -i eth0 -o eth1 -s fd00:40::/64 -j DROP',
      '-A BK-FORWARD -i eth0 -o eth1 -s fc00::/7 -j DROP',
    ]);
    expect(rulesOf(byNetfilter, 'ip6tables.closed')).toEqual(['-A BK-FORWARD -i eth0 -o eth1 -j DROP']);
    expect(text(byNetfilter, '/etc/build-kernel/hooks')).toContain('-6 filter FORWARD BK-FORWARD\n');
  });
  it('stops private IPv6 addresses that are only forwarded', async () => {
    const facts = { ...el6, programs: { ...el6.programs, ip6tables: '/sbin/ip6tables' } };
    const tuning = { ...gateway().tuning, sysctls: { ...gateway().tuning.sysctls, 'net.ipv6.conf.all.forwarding': '1' } };
    expect(rulesOf(await desire(gateway({ tuning }), facts, dsnat), 'ip6tables')).toEqual(['-A BK-FORWARD -i eth0 -o eth1 -s fc00::/7 -j DROP']);
    for (const change of [{}, { tuning, access: { ports: [22], leakGuard: false } }]) expect(at(await desire(gateway(change), facts, dsnat), '/etc/build-kernel/ip6tables')).toMatchObject({ kind: 'absent' });
  });
  it('is asked for where marks select: without iptables no rule would ever fit', async () => {
    const bare = await openArtifact(await fakeArtifact(join(dir, 'bare'), 'nat-snat', CURRENT, 'modules', natModules, { 'sbin/ipvsadm': { text: '#!/bin/sh\n', mode: 0o755 } }), join(dir, 'four'));
    const marked = gateway({ flavour: 'nat-snat', language: 'nat-snat', snat: [{ from: '192.168.40.0/24', pool: ['203.0.113.100'] }] });
    await expect(desire(marked, debian, bare)).rejects.toMatchObject({ code: 'environment', what: 'gw1 has no iptables, and the artifact brings none.' });
    expect(text(await desire(gateway({ flavour: 'nat-snat', language: 'nat-snat' }), debian, bare), '/etc/build-kernel/hooks')).toBe('');
  });
});

describe('devices', () => {
  const claimed = async (change: Parameters<typeof gateway>[0], facts = el6): Promise<Desired> => desire(gateway(change), facts, dsnat);
  it('GRO and LRO are claimed of what a bond is made of, other offloads of itself', async () => {
    const interfaces = [{ device: 'bond0.7', role: 'inside' as const, addresses: ['192.168.40.1/24'], routes: [] }, { device: 'eth1', role: 'outside' as const, addresses: ['203.0.113.2/24'], gateways: ['203.0.113.1'], routes: [] }];
    const facts = { ...el6, stacked: [{ device: 'bond0.7', lower: ['bond0'] }, { device: 'bond0', lower: ['eth0', 'eth2'] }] };
    const desired = await claimed({ interfaces, tuning: { ...gateway().tuning, offloads: { 'bond0.7': { gro: 'off', tso: 'off' }, eth2: { gro: 'on' } } } }, facts);
    expect(claims(desired).filter((id) => id.startsWith('offload'))).toEqual(['offload bond0.7 gro', 'offload bond0 gro', 'offload eth0 gro', 'offload bond0.7 tso', 'offload eth2 gro']);
    expect(text(desired, '/etc/build-kernel/offloads')).not.toContain('eth0');
  });
  it('irqbalance of EL6 leaves interrupts alone, in the words of its old and its new edition', async () => {
    const desired = await claimed({ tuning: { ...gateway().tuning, irq: { policy: 'spread', irqbalance: 'ban' } } }, { ...el6, programs: { ...el6.programs, irqbalance: '/usr/sbin/irqbalance' } });
    const script = text(desired, '/etc/sysconfig/irqbalance').replace(/\$\(.*?\)/, '40 41 ');
    expect(execFileSync('sh', ['-c', `IRQBALANCE_ARGS=--powerthresh=1; ${script}sh -c 'echo "$IRQBALANCE_BANNED_INTERRUPTS"'; echo "$IRQBALANCE_ARGS"`], { encoding: 'utf8' })).toBe('40 41 \n--powerthresh=1 --banirq=40 --banirq=41\n');
  });
  it('irqbalance does not run where it is off, whatever is done with interrupts; what it was told before goes', async () => {
    const conf = '/etc/systemd/system/irqbalance.service.d/build-kernel.conf';
    const with_ = async (policy: 'spread' | 'none', irqbalance: 'ban' | 'off' | 'keep'): Promise<Desired> => desire(gateway({ flavour: 'nat-snat', language: 'nat-snat', tuning: { ...gateway().tuning, irq: { policy, irqbalance } } }), { ...debian, programs: { ...debian.programs, irqbalance: '/usr/sbin/irqbalance' } }, nat);
    for (const policy of ['spread', 'none'] as const) {
      const off = await with_(policy, 'off');
      expect(text(off, conf)).toContain('[Unit]');
      expect(claims(off)).toContain('service irqbalance');
    }
    expect(text(await with_('spread', 'ban'), conf)).toBe('[Service]\nEnvironmentFile=/etc/build-kernel/irqbalance\n');
    for (const kept of [await with_('spread', 'keep'), await with_('none', 'ban')]) {
      expect(at(kept, conf)).toMatchObject({ kind: 'absent' });
      expect(at(kept, '/etc/build-kernel/irqbalance')).toMatchObject({ kind: 'absent' });
    }
  });
  it('sizes of rings are claimed', async () => {
    const { effects } = await claimed({ tuning: { ...gateway().tuning, rings: { eth1: { rx: 'max', tx: 1024 } } } });
    const rings = effects.filter(({ id }) => id.startsWith('ring '));
    expect(rings.map(({ id, expect: wanted }) => [id, wanted])).toEqual([['ring eth1 rx', { equals: 'max' }], ['ring eth1 tx', { equals: '1024' }]]);
    const table = 'Ring parameters for eth1:\nPre-set maximums:\nRX:\t\t4096\nRX Mini:\tn/a\nTX:\t\t4096\nCurrent hardware settings:\nRX:\t\tNOW\nRX Mini:\tn/a\nTX:\t\t1024';
    const seen = (probe: string, now: string): string => execFileSync('sh', ['-c', `ethtool() { printf '%b\\n' "$TABLE"; }; ${probe}`], { encoding: 'utf8', env: { ...process.env, TABLE: table.replace('NOW', now) } }).trim();
    expect(rings.map(({ probe }) => seen(probe, '4096'))).toEqual(['max', '1024']);
    expect(seen(rings[0]?.probe ?? '', '512')).toBe('512');
  });
  it('routes are by the next hop of their family', async () => {
    const interfaces = [gateway().interfaces[0]!, { ...gateway().interfaces[1]!, gateways: ['203.0.113.1', '2001:db8::1'], routes: ['198.51.100.0/24'] }];
    expect(text(await claimed({ interfaces }), '/etc/build-kernel/routes')).toBe('-4 198.51.100.0/24 203.0.113.1 eth1\n-6 default 2001:db8::1 eth1\n');
  });
  it('what is left alone is not brought up', async () => {
    const interfaces = [...gateway().interfaces, { device: 'eth2', role: 'other' as const, addresses: [], routes: [] }, { device: 'eth3', role: 'other' as const, addresses: [], routes: [], mtu: 9000 }];
    expect(text(await claimed({ interfaces }), '/etc/build-kernel/links')).toBe('eth0 -\neth1 -\neth3 9000\n');
  });
  it('an image is told to steer as a host is', async () => {
    const image = { ...el6, offline: true, cpus: 1, interfaces: [] };
    for (const facts of [el6, image]) expect(text(await claimed({}, facts), '/etc/build-kernel/rps')).toBe('eth0\neth1\n');
  });
});

describe('nat-snat on Debian 12', () => {
  let desired: Desired;
  const spec = gateway({ flavour: 'nat-snat', language: 'nat-snat', tuning: { ...gateway().tuning, sysctls: { 'net.ipv4.ip_forward': '1', 'net.ipv4.vs.snat_guard': '1' } } });
  beforeAll(async () => {
    desired = await desire(spec, debian, nat);
  });

  it('claims each address of a pool for each service that has it', () => {
    const listing = desired.effects.find(({ id }) => id === 'rules ipvs');
    const lines = listing && 'lines' in listing.expect ? listing.expect.lines : [];
    expect(lines).toEqual(expect.arrayContaining(['TCP 0.0.0.0:0 -> 203.0.113.100:0', 'UDP 0.0.0.0:0 -> 203.0.113.100:0']));
  });

  it('brings modules, no kernel, and uses the host’s ipvsadm', () => {
    expect(desired.kernel).toMatchObject({ kind: 'modules', release: CURRENT });
    expect(at(desired, `/lib/modules/${CURRENT}/updates/build-kernel/ip_vs.ko`)).toBeDefined();
    expect(desired.resources.filter(({ part }) => part === 'tools')).toEqual([]);
    expect(claims(desired)).toContain('module ip_vs own');
  });

  it('brings ipvsadm where the host has none', async () => {
    const bare = await desire(spec, { ...debian, programs: {} }, nat);
    expect(bare.resources.filter(({ part }) => part === 'tools').map(({ path }) => path)).toContain('/usr/local/sbin/ipvsadm');
  });

  it('has units that start in order, and their links', () => {
    const unit = text(desired, '/etc/systemd/system/build-kernel-gateway.service');
    expect(unit).toMatch(/^Type=oneshot$/m);
    expect(unit).toMatch(/^RemainAfterExit=yes$/m);
    expect(unit).toMatch(/^ExecReload=/m);
    expect(text(desired, '/etc/systemd/system/build-kernel-guard.service')).toMatch(/^Before=network-pre.target/m);
    for (const name of ['guard', 'gateway']) expect(at(desired, `/etc/systemd/system/multi-user.target.wants/build-kernel-${name}.service`)).toMatchObject({ kind: 'link' });
    expect(text(desired, '/etc/systemd/system/irqbalance.service.d/build-kernel.conf')).toContain('ConditionPathExists=!/etc/build-kernel/gateway\n');
    expect(text(desired, '/etc/udev/rules.d/70-build-kernel.rules')).toContain('KERNEL=="eth1"');
  });

  it('comes back after systemd-networkd has dropped what is not its own', async () => {
    const managed = await desire(gateway({ flavour: 'nat-snat', language: 'nat-snat' }), { ...debian, programs: { ...debian.programs, networkctl: '/usr/bin/networkctl' } }, nat);
    expect(text(managed, '/etc/systemd/system/systemd-networkd.service.d/build-kernel.conf')).toContain('restart build-kernel-settle.service');
    expect(text(managed, '/etc/systemd/system/build-kernel-settle.service')).toContain('/etc/build-kernel/gateway device');
    for (const path of ['systemd-networkd.service.d/build-kernel.conf', 'build-kernel-settle.service']) expect(at(desired, `/etc/systemd/system/${path}`)).toMatchObject({ kind: 'absent' });
  });

  it('makes settings of what the language says with sysctl', () => {
    expect(text(desired, '/etc/build-kernel/sysctls')).toContain('net/ipv4/vs/snat_persist 0\n');
    expect(text(desired, '/etc/build-kernel/rules')).not.toContain('sysctl');
    expect(text(desired, '/etc/sysctl.d/90-build-kernel.conf')).toBe('net.ipv4.ip_forward = 1\n');
  });

  it('takes what an earlier gateway had and this has not', async () => {
    const before = await desire({ ...spec, tuning: { ...spec.tuning, ipvsTableBits: 18 } }, debian, nat);
    expect(text(before, '/etc/modprobe.d/build-kernel.conf')).toBe('options ip_vs conn_tab_bits=18\n');
    expect(at(desired, '/etc/modprobe.d/build-kernel.conf')).toMatchObject({ kind: 'absent' });
  });
});

describe('iptables-snat on EL6', () => {
  const spec = gateway({ flavour: 'iptables-snat', language: 'iptables', snat: [{ from: '192.168.40.0/24', pool: ['203.0.113.100', '203.0.113.101'], persistent: true }] });

  it('has SNAT in a chain of its own, and no IPVS', async () => {
    const desired = await desire(spec, el6, plain);
    expect(text(desired, '/etc/build-kernel/iptables')).toContain('-A BK-POSTROUTING -s 192.168.40.0/24 -o eth1 -j SNAT --to-source 203.0.113.100-203.0.113.101 --persistent\n');
    expect(text(desired, '/etc/build-kernel/hooks')).toContain('-4 nat POSTROUTING BK-POSTROUTING\n');
    expect(at(desired, '/etc/build-kernel/rules')).toMatchObject({ kind: 'absent' });
    expect(claims(desired)).not.toContain('module ip_vs');
  });

  it('drops what conntrack cannot place and what no rule covers', async () => {
    const open = text(await desire(spec, el6, plain), '/etc/build-kernel/iptables').split('\n').filter((line) => line.startsWith('-A BK-FORWARD -i eth0 -o eth1'));
    expect(open[0]).toBe('-A BK-FORWARD -i eth0 -o eth1 -m state --state INVALID -j DROP');
    expect(open[1]).toBe('-A BK-FORWARD -i eth0 -o eth1 -s 192.168.40.0/24 -j ACCEPT');
    expect(open.slice(2).every((line) => line.endsWith('-j DROP'))).toBe(true);
  });
});

describe('a pair', () => {
  it('leaves moved addresses to keepalived and keeps the password to root', async () => {
    const desired = await desire(gateway({ ha: pair, rulesBy: 'keepalived' }), el6, dsnat);
    expect(text(desired, '/etc/build-kernel/addresses')).toBe('192.168.40.1/24 eth0\n203.0.113.2/24 eth1\n');
    expect(at(desired, '/etc/keepalived/keepalived.conf')).toMatchObject({ mode: 0o600, secret: true });
    expect(text(desired, '/etc/keepalived/keepalived.conf')).toContain('local_address_group');
    expect(at(desired, '/etc/build-kernel/rules')).toMatchObject({ kind: 'absent' });
    expect(at(desired, '/etc/rc.d/init.d/keepalived')).toMatchObject({ mode: 0o755 });
    expect(JSON.stringify(desired.resources.filter((each) => each.kind !== 'file' || each.secret !== true))).not.toContain('s3cr3t');
  });

  it('that is one no more has no keepalived, when it was a gateway’s', async () => {
    for (const [facts, artifact, started, stop] of [[{ ...debian, keepalivedConf: 'ours' as const }, nat, ['/etc/systemd/system/multi-user.target.wants/keepalived.service'], 'systemctl stop keepalived.service'], [{ ...el6, keepalivedConf: 'ours' as const }, dsnat, ['2', '3', '4', '5'].map((level) => `/etc/rc.d/rc${level}.d/S21keepalived`), '/etc/rc.d/init.d/keepalived stop']] as const) {
      const spec = artifact === nat ? gateway({ flavour: 'nat-snat', language: 'nat-snat' }) : gateway();
      const alone = await desire(spec, facts, artifact);
      for (const path of ['/etc/keepalived/keepalived.conf', ...started]) expect(at(alone, path)).toMatchObject({ kind: 'absent', part: 'keepalived' });
      expect(alone.activate.indexOf(stop)).toBeGreaterThan(0);
      expect(alone.activate.indexOf(stop)).toBeLessThan(alone.activate.lastIndexOf('build-kernel-gateway'));
      expect(at(await desire(spec, { ...facts, keepalivedConf: undefined }, artifact), '/etc/keepalived/keepalived.conf')).toBeUndefined();
      expect(text(await desire({ ...spec, ha: pair }, facts, artifact), '/etc/keepalived/keepalived.conf')).toMatch(/^# build-kernel: /);
    }
  });
  it('takes Debian’s own keepalived and its unit', async () => {
    const desired = await desire(gateway({ flavour: 'nat-snat', language: 'nat-snat', ha: pair }), debian, nat);
    expect(at(desired, '/etc/systemd/system/multi-user.target.wants/keepalived.service')).toMatchObject({ to: '/lib/systemd/system/keepalived.service' });
    expect(text(desired, '/etc/keepalived/keepalived.conf')).not.toContain('virtual_server');
  });
});
