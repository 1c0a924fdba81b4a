import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openArtifact, type ArtifactTree } from '../../../tasks/lib/artifact.js';
import { run } from '../../../tasks/lib/exec.js';
import { loadFlavour } from '../../../tasks/lib/flavours/catalog.js';
import type { LanguageName } from '../../../tasks/lib/gateway/languages.js';
import { holds } from '../../../tasks/provision/checks/expect.js';
import { desire } from '../../../tasks/provision/desired/index.js';
import type { Desired, Gateway } from '../../../tasks/provision/types.js';
import { systemFromArtifact } from '../../../tasks/verify/guest/artifact.js';
import { makeInitramfs } from '../../../tasks/verify/guest/initramfs.js';
import { Lab } from '../../../tasks/verify/lab/lab.js';
import { INSIDE, ISP1, ISP2, OUTSIDE, OUTSIDE2, POOL, POOL2, REMOTE } from '../../../tasks/verify/lab/topology.js';
import { Context } from '../../../tasks/verify/scenarios/context.js';
import { checkNoLeak } from '../../../tasks/verify/scenarios/snat.js';
import { el6, gateway } from '../../fast/provision/desired/support/fixtures.js';
import { builtArtifact } from '../../support/artifacts.js';
import { guestParts } from './support/guest.js';

/**
 * Every flavour's dialect, rendered from one gateway and loaded by that flavour's own tools on its own kernel, in a guest.
 * BUILD_KERNEL_ARTIFACTS names a folder of artifacts; each folder in it is tried. Without it, nat-snat is built and tried.
 */

const folder = process.env['BUILD_KERNEL_ARTIFACTS'];
const names = folder === undefined ? ['nat-snat'] : readdirSync(folder).filter((name) => existsSync(join(folder, name, 'manifest.json')));
/** iptables for guests whose artifact brings none; a host has its own. */
const iptables = folder === undefined ? undefined : names.map((name) => join(folder, name)).find((path) => readdirSync(path).includes('tools-iptables-snat-static.tar.gz'));

const rule = (language: LanguageName, pool: readonly string[]): Gateway['snat'][number] => {
  if (language === 'snat-rules') return { from: '192.168.0.0/16', pool, gateway: ISP1, oif: 'eth1', algorithm: 'random' };
  return { from: ['dsnat', 'nat-service', 'nat-snat'].includes(language) ? '0.0.0.0/0' : '192.168.0.0/16', pool };
};

/** What CHROUTE sends to the other ISP. */
const DETOUR = 8080;

function specFor(flavour: string, addons: readonly string[], language: LanguageName, pool: readonly string[], sysctls: Readonly<Record<string, string>>): Gateway {
  const detour = addons.includes('chroute');
  return gateway({
    flavour,
    addons,
    language,
    interfaces: [
      { device: 'eth0', role: 'inside', addresses: [`${INSIDE}/24`], routes: [] },
      { device: 'eth1', role: 'outside', addresses: [`${OUTSIDE}/24`], gateways: [ISP1], routes: [] },
      ...(detour ? [{ device: 'eth2', role: 'outside' as const, addresses: [`${OUTSIDE2}/24`], routes: [] }] : []),
    ],
    snat: language === 'fullnat' ? [] : [rule(language, pool), ...(detour && language === 'iptables' ? [{ from: '192.168.0.0/16', oif: 'eth2', pool: POOL2 }] : [])],
    redirects: detour ? [{ from: '192.168.0.0/16', protocol: 'tcp', port: DETOUR, oif: 'eth1', oldHop: ISP1, nextHop: ISP2 }] : [],
    services: language === 'fullnat' ? [{ mode: 'fullnat', protocol: 'tcp', address: POOL[0], port: 80, servers: [{ address: '192.168.40.10', port: 80 }], scheduler: 'rr', local: pool.map((_address, index) => `192.168.40.${String(201 + index)}`) }] : [],
    tuning: { offloads: {}, rings: {}, irq: { policy: 'none', irqbalance: 'keep' }, rps: false, conntrack: {}, sysctls: { 'net.ipv4.ip_forward': '1', ...sysctls } },
  });
}

describe.each(names)('%s', (name) => {
  let scratch: string;
  let lab: Lab;
  let context: Context;
  let artifact: ArtifactTree;
  let language: LanguageName;
  let desiredFlavour: string;
  /** FULLNAT as published recognises answers by luck here (`broken` of the flavour): only that must not change unnoticed. */
  let lucky: boolean;
  let desired: Desired;
  let make: (pool: readonly string[]) => Promise<Desired>;

  const gw = (script: string): ReturnType<Context['run']> => context.run('gateway', script, 60_000);
  /** Status and what was said; iptables 1.4.7 asks `modprobe ip_tables -q`, and busybox's takes no option after a name. */
  const said = async (script: string): Promise<string> => {
    const { ended, stdout, stderr } = await gw(script);
    return `${ended} ${(stdout + stderr).replaceAll("modprobe: module 'ip_tables' not found\n", '')}`.trim();
  };

  async function put(next: Desired): Promise<void> {
    desired = next;
    await gw('mkdir -p /etc/build-kernel /var/lock/subsys');
    for (const each of next.resources) {
      if (each.kind === 'file' && typeof each.content === 'string' && each.path.startsWith('/etc/build-kernel/')) await lab.node('gateway').put(each.path, each.content, each.mode.toString(8));
      if (each.kind === 'absent' && each.path.startsWith('/etc/build-kernel/')) await gw(`rm -f ${each.path}`);
    }
  }

  async function drift(): Promise<string[]> {
    const found: string[] = [];
    for (const { id, probe, expect: wanted, needs } of desired.effects) {
      if (needs !== undefined && !(await lab.node('gateway').sh(`command -v ${needs}`)).ok) continue;
      if (id.startsWith('service ')) continue;
      const { stdout } = await lab.node('gateway').sh(probe);
      if (!holds(wanted, stdout)) found.push(`${id}: ${stdout.trim()}`);
    }
    return found;
  }

  /** Who connects to what, and as whom he is seen there: FULLNAT's clients are outside, their real server is inside. */
  const way = (pool: readonly string[] = POOL): { from: 'client' | 'server'; to: string; as: readonly string[] } =>
    language === 'fullnat' ? { from: 'server', to: POOL[0], as: pool.map((_address, index) => `192.168.40.${String(201 + index)}`) } : { from: 'client', to: REMOTE, as: pool };

  async function seen(count: number): Promise<string[]> {
    const { from, to } = way();
    const connections = await context.connect(from, to, 80, { count, timeout: 4000 });
    return connections.map(({ ok, seen: peer, error }) => (ok ? (peer?.address ?? '?') : (error ?? '?')));
  }

  async function answered(count: number, as: readonly string[]): Promise<void> {
    const others = (await seen(count)).filter((each) => !as.includes(each));
    if (lucky) expect(others).not.toEqual([]);
    else expect(others).toEqual([]);
  }

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'flavours-'));
    const parts = await guestParts(scratch);
    const built = folder === undefined ? await builtArtifact(name) : join(folder, name);
    const { system, manifest } = await systemFromArtifact(built, join(scratch, 'system'), parts.distro);
    if (iptables !== undefined && !existsSync(join(system.root, 'sbin/iptables'))) {
      await run(['tar', '-xzf', join(iptables, 'tools-iptables-snat-static.tar.gz'), '-C', join(scratch, 'system'), '--one-top-level=iptables']);
      await run(['rm', '-f', join(scratch, 'system/iptables/sbin/ipvsadm')]);
      await run(['cp', '-a', `${join(scratch, 'system/iptables/sbin')}/.`, join(system.root, 'sbin')]);
    }
    artifact = await openArtifact(built, join(scratch, 'artifact'));
    const flavour = await loadFlavour(manifest.flavour.split('+')[0] ?? '');
    language = flavour.language?.name as LanguageName;
    desiredFlavour = flavour.name;
    lucky = language === 'fullnat' && 'fullnat' in flavour.broken;
    const facts = { ...el6, programs: { iptables: '/sbin/iptables', ...(language === 'nat-snat' ? { ipvsadm: '/sbin/ipvsadm' } : {}) } };
    make = (pool) => desire(specFor(flavour.name, manifest.addons, language, pool, flavour.gateway.sysctls), facts, artifact);
    const initramfs = await makeInitramfs({ system, userland: parts.userland, nic: 'virtio-net', folder: scratch });
    lab = new Lab({ system, initramfs, qemu: parts.qemu, topology: 'netns', nodes: 'gateway', nic: 'virtio-net', bootTimeout: 300, folder: join(scratch, 'boot'), sockets: join(scratch, 's') });
    await lab.start();
    context = new Context(lab, { name, language, addons: manifest.addons, release: manifest.release, debug: false, programs: [] });
    await context.begin();
    await context.serve('server', { tcp: [80, DETOUR], udp: [53] });
    await context.serve('client', { tcp: [80] });
    await gw('sysctl -w net.ipv4.ip_forward=0');
  }, 900_000);
  afterAll(async () => {
    await context.end();
    await lab.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  it('starts, and what was claimed is in effect', async () => {
    await put(await make(POOL));
    expect(await said('/etc/build-kernel/gateway guard')).toBe('0');
    expect(await said('/etc/build-kernel/gateway start')).toBe('0');
    expect(await drift()).toEqual([]);
  });

  it('carries traffic, and nothing leaves untranslated', async () => {
    await answered(12, way().as);
    if (language === 'fullnat') return;
    // What the flavour does not translate must not get out either.
    await context.connect('client', REMOTE, 53, { count: 4, udp: true, timeout: 1500 });
    await context.ping('client', REMOTE, '-n', '2', '-T', '700');
    await checkNoLeak(context, ['isp1']);
    expect(context.checks.filter(({ ok }) => !ok)).toEqual([]);
  });

  it('CHROUTE sends what the redirects name, and netfilter translates, to the other ISP', async () => {
    if (!artifact.manifest.addons.includes('chroute')) return;
    const connections = await context.connect('client', REMOTE, DETOUR, { count: 4, timeout: 4000 });
    const by = async (segment: 'isp1' | 'isp2'): Promise<number> => (await context.packets(segment)).filter(({ protocol, destination, destinationPort, flags }) => protocol === 'tcp' && destination === REMOTE && destinationPort === DETOUR && flags === 'S').length;
    // IPVS finds the route of what it sends itself.
    const redirected = language === 'iptables';
    const pool: readonly string[] = redirected ? POOL2 : POOL;
    expect(connections.map(({ ok, seen: peer, error }) => (ok ? (peer?.address ?? '?') : (error ?? '?'))).filter((each) => !pool.includes(each))).toEqual([]);
    expect([await by('isp1'), await by('isp2')]).toEqual(redirected ? [0, 4] : [4, 0]);
  });

  it('started again it touches nothing; what another took away is put back', async () => {
    expect(await said('/etc/build-kernel/gateway start')).toBe('0');
    if (!['iptables', 'nftables'].includes(language)) {
      await gw('ipvsadm -C');
      expect((await drift()).some((line) => line.startsWith('rules'))).toBe(true);
      await gw('/etc/build-kernel/gateway reload');
    }
    expect(await drift()).toEqual([]);
  });

  it('reload to a smaller pool breaks no open connection', async () => {
    const { from, to } = way();
    // The files go to the guest before there are connections, which last for a time: only the reload falls into it.
    await put(await make(POOL.slice(0, 2)));
    const talking = await context.background(from, ['traffic', 'flows', '-n', '6', '-d', '6000', '-i', '100', to, '80'], 60_000);
    await context.run(from, 'sleep 1');
    const before = (await context.packets('isp1')).length;
    expect(await said('/etc/build-kernel/gateway reload')).toBe('0');
    if (!['iptables', 'fullnat'].includes(language)) expect((await gw('/etc/build-kernel/gateway status')).stdout).toContain(`draining ${POOL[2]}/32 eth1: `);
    expect(await drift()).toEqual([]);
    await answered(9, way(POOL.slice(0, 2)).as);
    const lines = (await talking()).stdout.split('\n').filter((line) => / (alive|lost) /.test(line));
    // The address stays while they use it. nat-snat-279's IPVS drops what belongs to a real server that is deleted, and a pool's addresses are that.
    if (!lucky) expect(lines.filter((line) => line.includes(' alive '))).toHaveLength(language === 'nat-service' ? 4 : 6);
    // dsnat's IPVS sends back where it came from what comes to an address that is not the host's: 15,000 packets a second.
    expect((await context.packets('isp1')).length - before).toBeLessThan(2000);
  });

  it('keepalived of the flavour is started by its init script, sets up the same rules, and stops', async () => {
    // nat-snat's is the distribution's, with a unit of its own (debian.test.ts).
    const has = (await gw('command -v keepalived')).ok && !['lvs-snat-zones', 'fwmark-snat', 'nat-snat'].includes(language);
    if (!has) return;
    const other = await desire({ ...specFor(desiredFlavour, [], language, POOL, {}), rulesBy: 'keepalived' }, { ...el6, programs: { iptables: '/sbin/iptables' } }, artifact);
    await gw('/etc/build-kernel/gateway stop; rm -f /etc/build-kernel/rules; mkdir -p /usr/local/sbin /etc/keepalived /etc/sysconfig /etc/rc.d/init.d; ln -sf "$(command -v keepalived)" /usr/local/sbin/keepalived');
    await put(other);
    for (const each of other.resources) if (each.kind === 'file' && typeof each.content === 'string' && /keepalived/.test(each.path)) await lab.node('gateway').put(each.path, each.content, each.mode.toString(8));
    expect(await said('/etc/build-kernel/gateway start')).toBe('0');
    const init = '/etc/rc.d/init.d/keepalived';
    expect((await gw(`${init} status`)).ended).toBe('3');
    expect((await gw(`${init} start`)).ended).toBe('0');
    expect((await gw(`${init} status`)).stdout).toContain('is running');
    let left: string[] = [];
    for (let tries = 0; tries < 20; tries += 1) {
      left = await drift();
      if (left.length === 0) break;
      await gw('sleep 1');
    }
    expect(left).toEqual([]);
    expect(other.effects.find(({ id }) => id === 'service keepalived')).toBeDefined();
    expect((await lab.node('gateway').sh(other.effects.find(({ id }) => id === 'service keepalived')?.probe ?? '')).stdout.trim()).toBe('running');
    await answered(6, way().as);
    expect((await gw(`${init} reload`)).ended).toBe('0');
    expect((await gw(`${init} stop`)).ended).toBe('0');
    expect((await gw(`${init} status`)).ended).toBe('3');
  });

  it('stops without a leak, and is removed', async () => {
    await gw('/etc/build-kernel/gateway stop; sysctl -w net.ipv4.ip_forward=1');
    const { from, to } = way();
    expect((await context.connect(from, to, 80, { count: 2, timeout: 1500 })).filter(({ ok }) => ok)).toEqual([]);
    await checkNoLeak(context, ['isp1']);
    expect(context.checks.filter(({ ok }) => !ok)).toEqual([]);
    const removed = await gw('/etc/build-kernel/gateway remove; ip -o addr show dev eth1; ipvsadm -ln 2>/dev/null; iptables-save 2>/dev/null');
    expect(removed.stdout).not.toMatch(new RegExp(`BK-|${POOL[0].replaceAll('.', '\\.')}|0\\.0\\.0\\.0:0`));
    expect(removed.stdout).toContain(`${OUTSIDE}/24`);
  });
});
