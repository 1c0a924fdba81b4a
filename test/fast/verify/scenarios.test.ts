import { mkdtemp, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadFlavours } from '../../../tasks/lib/flavours/catalog.js';
import { chooseModules, moduleName, parseModulesDep } from '../../../tasks/lib/modules.js';
import { configureScript, macOf, TOPOLOGIES } from '../../../tasks/verify/lab/topology.js';
import { machineWiring, netnsWiring } from '../../../tasks/verify/lab/wiring.js';
import { SCENARIOS } from '../../../tasks/verify/scenarios/index.js';
import { parseConnections, parsePings, showTally, tally } from '../../../tasks/verify/scenarios/traffic.js';
import { selectScenarios } from '../../../tasks/verify/select.js';

describe('the scenarios', () => {
  it('have names of their own and claims that are sentences', () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { claim } of SCENARIOS) expect(claim).toMatch(/^.{20,}\.$/);
  });

  it('that flavours call broken exist', async () => {
    const names = SCENARIOS.map(({ name }) => name);
    for (const flavour of await loadFlavours()) for (const name of Object.keys(flavour.broken)) expect(names, flavour.name).toContain(name);
  });

  it('are selected by name; slow ones only when named or asked for', () => {
    expect(selectScenarios(['icmp', 'boot'], false).map(({ scenario }) => scenario.name)).toEqual(['boot', 'icmp']);
    expect(selectScenarios([], false).find(({ scenario }) => scenario.name === 'pool-exhaustion')?.skip).toContain('--slow');
    expect(selectScenarios(['pool-exhaustion'], false)[0]?.skip).toBeUndefined();
    expect(() => selectScenarios(['nat-besides'], false)).toThrow('nat-besides');
  });
});

describe('what the traffic program prints', () => {
  it('connections', () => {
    expect(parseConnections('0 ok 192.168.40.10:4000 203.0.113.100:5001 12\n1 err ETIMEDOUT 3000\n0 kept 203.0.113.100:5001\n')).toEqual([
      { ok: true, kept: true, local: { address: '192.168.40.10', port: 4000 }, seen: { address: '203.0.113.100', port: 5001 } },
      { ok: false, error: 'ETIMEDOUT' },
    ]);
  });
  it('addresses of IPv6 lose their brackets', () => {
    expect(parseConnections('0 ok [fd00::1]:4000 [2001:db8::1]:5001 1')[0]?.seen).toEqual({ address: '2001:db8::1', port: 5001 });
  });
  it('pings', () => {
    expect(parsePings('1 reply 192.0.2.10 3\n2 timeout\n3 toobig 1400 203.0.113.9\n').map(({ kind }) => kind)).toEqual(['reply', 'timeout', 'toobig']);
  });
  it('tallies', () => {
    expect(showTally(tally(['a', 'b', 'b']))).toBe('2 × b, 1 × a');
    expect(showTally(tally([]))).toBe('none');
  });
});

describe('modules of a guest', () => {
  it('load after those they need, and compressed ones keep their names', async () => {
    expect(parseModulesDep('a.ko: b.ko c.ko\nc.ko:\n').get('a.ko')).toEqual(['b.ko', 'c.ko']);
    expect(moduleName('kernel/net/netfilter/xt_set-x.ko.xz')).toBe('xt_set_x');
    const dir = await mkdtemp(join(tmpdir(), 'bk-modules-'));
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'modules.dep'), 'kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/netfilter/nf_conntrack.ko kernel/lib/libcrc32c.ko\nkernel/net/netfilter/nf_conntrack.ko: kernel/lib/libcrc32c.ko\nkernel/lib/libcrc32c.ko:\nkernel/drivers/net/e1000.ko:\n');
    expect(await chooseModules(dir, ['ip_vs', 'builtin'], [])).toEqual({
      load: ['kernel/lib/libcrc32c.ko', 'kernel/net/netfilter/nf_conntrack.ko', 'kernel/net/netfilter/ipvs/ip_vs.ko'],
      all: ['kernel/lib/libcrc32c.ko', 'kernel/net/netfilter/nf_conntrack.ko', 'kernel/net/netfilter/ipvs/ip_vs.ko'],
    });
    expect((await chooseModules(dir, [], ['kernel/drivers'])).all).toEqual(['kernel/drivers/net/e1000.ko']);
    await expect(chooseModules(join(dir, 'none'), [], [])).rejects.toThrow('modules.dep');
  });
});

describe('the wiring', () => {
  const nodes = TOPOLOGIES.pair;
  const values = (args: string[], option: string): string[] => args.flatMap((arg, index) => (arg === option ? [args[index + 1] ?? ''] : []));

  it('gives every NIC an address of its own and a port on its segment', () => {
    const macs = nodes.flatMap((node) => node.interfaces.map(({ segment }) => macOf(nodes, node, segment)));
    expect(new Set(macs).size).toBe(macs.length);
    const args = netnsWiring(TOPOLOGIES.gateway, 'e1000', '/tmp/x');
    expect(values(args, '-device')).toHaveLength(6);
    expect(values(args, '-netdev').every((each) => each.startsWith('hubport,'))).toBe(true);
    expect(values(args, '-object')).toHaveLength(3);
  });

  it('lets every machine connect to a socket that another one listens on', () => {
    const all = nodes.map((node) => machineWiring(nodes, node, 'virtio-net', '/s', '/f'));
    const streams = all.flatMap((args) => values(args, '-netdev').filter((each) => each.startsWith('stream,')));
    const paths = (server: 'on' | 'off'): string[] => streams.filter((each) => each.includes(`server=${server}`)).map((each) => /path=(.*)/.exec(each)?.[1] ?? '').sort();
    expect(paths('on')).toEqual(paths('off'));
    expect(paths('on')).toHaveLength(6);
  });

  it('no argument names a host interface', () => {
    const text = [...nodes.flatMap((node) => machineWiring(nodes, node, 'virtio-net', '/s', '/f')), ...netnsWiring(TOPOLOGIES.gateway, 'virtio-net', '/f')].join(' ');
    expect(text).not.toMatch(/\b(tap|bridge|user|vde|l2tpv3)\b/);
  });

  it('the server has no route to the inside', () => {
    const server = TOPOLOGIES.gateway.find(({ name }) => name === 'server');
    expect(configureScript(server ?? nodes[0]!)).not.toMatch(/192\.168|default/);
  });
});
