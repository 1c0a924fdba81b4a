import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { sha256File } from '../../../../../tasks/lib/digest.js';
import type { FileKind } from '../../../../../tasks/lib/manifest.js';
import type { Gateway, HostFacts } from '../../../../../tasks/provision/types.js';

/** Gateways, hosts and artifacts as the spec, the facts script and a build give them. */

export const OLD = '2.6.32-220.23.1.el6.dsnat';
export const CURRENT = '6.1.0-56-amd64';

interface Content {
  text?: string;
  to?: string;
  mode?: number;
}

async function tree(root: string, files: Readonly<Record<string, Content>>): Promise<void> {
  for (const [path, { text = '', to, mode = 0o644 }] of Object.entries(files)) {
    const at = join(root, path);
    await mkdir(dirname(at), { recursive: true });
    if (to !== undefined) await symlink(to, at);
    else {
      await writeFile(at, text);
      await chmod(at, mode);
    }
  }
}

/** An artifact folder with these files in its archives, as the package stage lays it out. */
export async function fakeArtifact(dir: string, flavour: string, release: string, build: 'kernel' | 'modules', kernel: Record<string, Content>, tools: Record<string, Content>): Promise<string> {
  const out = join(dir, flavour);
  const files: { name: string; kind: FileKind; variant?: 'static'; sha256: string; size: number }[] = [];
  await mkdir(out, { recursive: true });
  for (const [name, kind, content] of [
    [`${build}-${release}.tar.gz`, build === 'kernel' ? 'kernel-tar' : 'modules-tar', kernel],
    [`tools-${flavour}-static.tar.gz`, 'tools-tar', tools],
  ] as const) {
    const root = join(dir, `${flavour}-root`, kind);
    await tree(root, content);
    await execa('tar', ['-czf', join(out, name), '-C', root, '.']);
    files.push({ name, kind, ...(kind === 'tools-tar' ? { variant: 'static' as const } : {}), sha256: await sha256File(join(out, name)), size: (await stat(join(out, name))).size });
  }
  const manifest = {
    schema: 1,
    tool: { name: 'build-kernel', version: '0.1.0' },
    flavour,
    addons: [],
    base: { name: 'base', release },
    release,
    build,
    epoch: 1_340_000_000,
    inputs: [],
    series: [],
    compiler: {},
    flags: {},
    config: { sha256: 'a'.repeat(64), profile: 'gateway', fragments: [] },
    options: {},
    command: ['build-kernel'],
    timings: {},
    tools: [],
    warnings: [],
    files,
  };
  await writeFile(join(out, 'manifest.json'), JSON.stringify(manifest));
  return out;
}

const program: Content = { text: '#!/bin/sh\n', mode: 0o755 };

export const oldKernel: Record<string, Content> = {
  [`boot/vmlinuz-${OLD}`]: { text: 'a kernel', mode: 0o755 },
  [`boot/System.map-${OLD}`]: { text: 'ffffffff81000000 T printk\n' },
  [`boot/config-${OLD}`]: { text: 'CONFIG_IP_VS=m\nCONFIG_EXT3_FS=y\n# CONFIG_FOO is not set\nCONFIG_HZ=250\n' },
  [`lib/modules/${OLD}/modules.dep`]: { text: 'kernel/net/netfilter/ipvs/ip_vs.ko:\n' },
  [`lib/modules/${OLD}/modules.alias`]: { text: 'alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n' },
  [`lib/modules/${OLD}/modules.builtin`]: { text: 'kernel/fs/ext3/ext3.ko\nkernel/drivers/block/virtio-blk.ko\n' },
  [`lib/modules/${OLD}/kernel/net/netfilter/ipvs/ip_vs.ko`]: { text: 'a module' },
};
export const oldTools: Record<string, Content> = {
  'sbin/ipvsadm': program,
  'sbin/ipvsadm-save': program,
  'usr/sbin/keepalived': program,
  'usr/bin/genhash': program,
  'etc/rc.d/init.d/ipvsadm': program,
  'usr/share/man/man8/ipvsadm.8': { text: 'manual' },
};
export const stockTools: Record<string, Content> = {
  'sbin/ipvsadm': program,
  'sbin/xtables-legacy-multi': program,
  ...Object.fromEntries(['iptables', 'iptables-restore', 'iptables-save', 'ip6tables', 'ip6tables-restore', 'ip6tables-save'].map((name) => [`sbin/${name}`, { to: 'xtables-legacy-multi' }])),
};
export const natModules: Record<string, Content> = { [`lib/modules/${CURRENT}/updates/build-kernel/ip_vs.ko`]: { text: 'a module' } };

const interfaces = ['eth0', 'eth1'].map((device, index) => ({ device, mac: `52:54:00:00:00:0${String(index)}`, up: true, addresses: [], queues: 1 }));

export const el6: HostFacts = {
  arch: 'x86_64',
  release: '2.6.32-220.el6',
  distribution: { id: 'centos', version: '6' },
  init: 'sysv',
  rcFolder: '/etc/rc.d',
  bootloader: { kind: 'grub-legacy', config: '/boot/grub/grub.conf' },
  freeKib: { '/boot': 100_000, '/lib/modules': 1_000_000, '/var/lib': 1_000_000 },
  interfaces,
  modaliases: [],
  root: { device: '/dev/vda1', fstype: 'ext3', drivers: ['virtio_blk'] },
  secureBoot: false,
  programs: { iptables: '/sbin/iptables', ethtool: '/sbin/ethtool' },
  kernels: ['2.6.32-220.el6'],
  cpus: 4,
  numaNodes: 1,
  cmdline: 'ro root=/dev/vda1',
  offline: false,
};

export const debian: HostFacts = {
  ...el6,
  release: CURRENT,
  distribution: { id: 'debian', version: '12' },
  init: 'systemd',
  rcFolder: '/etc',
  bootloader: { kind: 'grub2', config: '/boot/grub/grub.cfg' },
  programs: { ipvsadm: '/usr/sbin/ipvsadm', ethtool: '/usr/sbin/ethtool', keepalived: '/usr/sbin/keepalived' },
  kernels: [CURRENT],
};

/** Inside 192.168.40.1/24 on eth0, outside 203.0.113.2/24 on eth1, a pool of three. */
export function gateway(change: Partial<Gateway> = {}): Gateway {
  return {
    host: 'gw1',
    flavour: 'dsnat-220',
    addons: [],
    artifact: '/artifact',
    language: 'dsnat',
    ports: { first: 5000, last: 65535 },
    interfaces: [
      { device: 'eth0', role: 'inside', addresses: ['192.168.40.1/24'], routes: [] },
      { device: 'eth1', role: 'outside', addresses: ['203.0.113.2/24'], gateways: ['203.0.113.1'], routes: [] },
    ],
    snat: [{ from: '0.0.0.0/0', pool: ['203.0.113.100', '203.0.113.101', '203.0.113.102'] }],
    protocols: ['tcp', 'udp'],
    services: [],
    redirects: [],
    rulesBy: 'script',
    tuning: {
      offloads: { eth0: { gro: 'off', lro: 'off' }, eth1: { gro: 'off', lro: 'off' } },
      rings: {},
      irq: { policy: 'spread', irqbalance: 'off' },
      rps: true,
      conntrack: {},
      sysctls: { 'net.ipv4.ip_forward': '1', 'net.ipv4.conf.eth1.rp_filter': '2' },
    },
    access: { ports: [22], leakGuard: true },
    confirmMinutes: 10,
    watchdog: true,
    ...change,
  };
}

export const pair: NonNullable<Gateway['ha']> = {
  password: 's3cr3t',
  priority: 150,
  master: true,
  instances: [
    { name: 'INSIDE', device: 'eth0', id: 51, addresses: ['192.168.40.254/24'] },
    { name: 'OUTSIDE', device: 'eth1', id: 52, addresses: ['203.0.113.100/24', '203.0.113.101/24', '203.0.113.102/24'] },
  ],
  syncGroup: 'GATEWAY',
  preemptDelay: 0,
  peers: [{ name: 'gw2', address: '192.168.40.3' }],
};
