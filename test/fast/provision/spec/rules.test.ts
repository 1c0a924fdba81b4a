import { describe, expect, it } from 'vitest';
import { load, refusal, small } from './support.js';

const warnings = async (text: string): Promise<string[]> => (await load(text)).warnings.map((line) => line.replace(/^.*gateway\.yaml:/, ''));

/** The small gateway with one text of it replaced. */
const with_ = (from: string, to: string, more = '', flavour?: string): string => {
  const text = small(more, flavour);
  if (!text.includes(from)) throw new Error(`no ${from}`);
  return text.replace(from, to);
};

const pair = (change: (text: string) => string = (text) => text, flavour = 'nat-snat'): string =>
  change(`flavour: ${flavour}
interfaces:
  - {device: eth0, role: inside}
  - {device: eth1, role: outside, gateway: 203.0.113.254}
pools: {public: [203.0.113.100-203.0.113.103]}
snat: [{pool: public}]
ha:
  password_file: vrrp.password
  instances:
    - {device: eth0, id: 51, addresses: [192.168.40.1/24]}
    - {device: eth1, id: 52}
hosts:
  gw1: {priority: 150, addresses: {eth0: [192.168.40.2/24], eth1: [203.0.113.2/24]}}
  gw2: {priority: 100, addresses: {eth0: [192.168.40.3/24], eth1: [203.0.113.3/24]}}
`);

describe('addresses', () => {
  it.each<[string, string, RegExp]>([
    ['a next hop on no network', with_('gateway: 203.0.113.254', 'gateway: 203.0.114.254'), /^4:\d+: interfaces\.1\.gateway: 203\.0\.114\.254 is on no network of eth1 \(203\.0\.113\.2\/24\)$/],
    ['a next hop that is the gateway', with_('gateway: 203.0.113.254', 'gateway: 203.0.113.2'), /is the gateway itself \(eth1\)/],
    ['an address twice', with_('192.168.40.1/24', '203.0.113.2/24'), /203\.0\.113\.2 is eth0's already/],
    ['a pool inside', with_('203.0.113.100-203.0.113.103', '192.168.40.100'), /is in 192\.168\.40\.0\/24, the network inside/],
    ['a broadcast address', with_('203.0.113.100-203.0.113.103', '203.0.113.252-203.0.113.255'), /203\.0\.113\.255 is the broadcast address of 203\.0\.113\.0\/24/],
    ['a router in the pool', with_('203.0.113.100-203.0.113.103', '203.0.113.250-203.0.113.254'), /203\.0\.113\.254 is a next hop/],
    ['a pool that overlaps itself', with_('[203.0.113.100-203.0.113.103]', '[203.0.113.100-203.0.113.103, 203.0.113.103]'), /overlaps 203\.0\.113\.100-203\.0\.113\.103 of the same pool/],
    ['two families in a pool', with_('[203.0.113.100-203.0.113.103]', '[203.0.113.100, "2001:db8::1"]'), /IPv4 and IPv6/],
    ['a source of another family', with_('pool: public', 'from: "2001:db8::/64", pool: public'), /snat\.0\.from: is IPv6, the pool is IPv4/],
    ['two default routes', with_('pools:', '  - {device: eth2, role: outside, addresses: [198.51.100.2/24], gateway: 198.51.100.254}\npools:'), /interfaces\.2\.gateway: the default route is by eth1 already/],
    ['a service twice', small('services:\n  - {mode: nat, address: 203.0.113.20, port: 80, servers: [{address: 192.168.40.9}]}\n  - {mode: nat, address: 203.0.113.20, port: 80, servers: [{address: 192.168.40.9}]}\n'), /services\.0 is tcp 203\.0\.113\.20 80 already/],
    ['a real server that is the gateway', small('services:\n  - {mode: nat, address: 203.0.113.20, port: 80, servers: [{address: 192.168.40.1}]}\n'), /is the gateway's own address/],
    ['a rule twice', with_('  - {pool: public}', '  - {pool: public}\n  - {pool: public}'), /snat\.1: never gets its turn: snat\.0 takes all/],
    ['a gateway that nothing goes by', with_('addresses: [192.168.40.1/24]', 'addresses: [192.168.40.1/24], gateway: 192.168.40.254'), /^3:\d+: interfaces\.0\.gateway: nothing goes by it: say with routes what does/],
    ['a route of another family', with_('addresses: [192.168.40.1/24]', 'addresses: [192.168.40.1/24], gateway: 192.168.40.254, routes: ["2001:db8::/32"]'), /interfaces\.0\.routes\.0: is IPv6, and no gateway is/],
    ['a proof that cannot be', small('probe: {from: {destination: client}, connect: {address: "2001:db8::9", port: 80}}\n'), /probe\.connect\.address: is IPv6, and no pool is/],
    ['two next hops of one family', with_('gateway: 203.0.113.254', 'gateway: [203.0.113.254, 203.0.113.253]'), /^4:\d+: interfaces\.1\.gateway\.1: a second next hop of IPv4/],
    ['an IPv6 next hop on no network', with_('203.0.113.2/24], gateway: 203.0.113.254', '203.0.113.2/24, "2001:db8:1::2/64"], gateway: [203.0.113.254, "2001:db8::fe"]'), /interfaces\.1\.gateway\.1: 2001:db8::fe is on no network of eth1 \(2001:db8:1::2\/64\)/],
    ['no inside', with_('role: inside', 'role: other'), /none has role: inside/],
    ["a pool address that is the interface's own", with_('203.0.113.100-203.0.113.103', '203.0.113.2', '', 'dsnat-220'), /203\.0\.113\.2 is eth1's own address; dsnat-220 takes a pool's addresses whole/],
  ])('%s is refused', async (_name, text, words) => {
    expect((await refusal(text)).join('\n')).toMatch(new RegExp(words.source, 'm'));
  });
  it.each<[string, string, RegExp]>([
    ["a pool address that is the interface's own, where they can share", with_('203.0.113.100-203.0.113.103', '203.0.113.2'), /connections of the gateway itself use the same ports/],
    ['a pool that somebody must route', with_('203.0.113.100-203.0.113.103', '198.51.100.0/29'), /is on no network outside/],
    ['a pool that nobody uses', with_('pools:', 'pools:\n  spare: [203.0.113.60]'), /pools\.spare: no rule of snat uses this pool/],
    ['a source that is nowhere', with_('pool: public', 'from: 10.9.0.0/16, pool: public'), /10\.9\.0\.0\/16 is on no network inside/],
    ['routes without a gateway', with_('addresses: [192.168.40.1/24]', 'addresses: [192.168.40.1/24], routes: [10.9.0.0/16]'), /interfaces\.0\.routes: no gateway is said: eth0 gets no such routes/],
    ['a rule behind a wider one', with_('  - {pool: public}', '  - {from: 192.168.40.0/24, pool: public}\n  - {from: 192.168.40.128/25, pool: public}'), /snat\.1: never gets its turn/],
  ])('%s is warned of', async (_name, text, words) => {
    expect((await warnings(text)).join('\n')).toMatch(words);
  });
  it('nothing is said of a file that is right', async () => {
    expect(await warnings(small())).toEqual([]);
    expect(await warnings(pair())).toEqual([]);
  });
});

describe('several hosts', () => {
  it("have their own addresses, VRRP's move, and the highest priority is master", async () => {
    const spec = await load(pair());
    const [one, two] = [spec.gateway('gw1'), spec.gateway('gw2')];
    expect(one.interfaces[1]?.addresses).toEqual(['203.0.113.2/24']);
    expect(one.ha).toMatchObject({ priority: 150, master: true, password: 's3cr3t', syncGroup: 'GATEWAY', peers: [{ name: 'gw2', address: '192.168.40.3' }] });
    expect(two.ha).toMatchObject({ priority: 100, master: false });
    expect(one.ha?.instances).toEqual([
      { name: 'INSIDE', device: 'eth0', id: 51, addresses: ['192.168.40.1/24'] },
      { name: 'OUTSIDE', device: 'eth1', id: 52, addresses: [100, 101, 102, 103].map((last) => `203.0.113.${String(last)}/32`) },
    ]);
    const unicast = (await load(pair((text) => text.replace('ha:\n', 'ha:\n  unicast: true\n')))).gateway('gw2');
    expect(unicast.ha?.instances[1]?.unicast).toEqual({ source: '203.0.113.3', peers: ['203.0.113.2'] });
    // The adverts are of the family of the first address that moves, whatever stands first on the host.
    const both = (await load(pair((text) => text.replace('ha:\n', 'ha:\n  unicast: true\n').replace('eth1: [203.0.113.3/24]', 'eth1: ["2001:db8::3/64", 203.0.113.3/24]')))).gateway('gw2');
    expect(both.ha?.instances[1]?.unicast).toEqual({ source: '203.0.113.3', peers: ['203.0.113.2'] });
  });
  it.each<[string, (text: string) => string, RegExp]>([
    ['one id twice on a device', (text) => text.replace('{device: eth1, id: 52}', '{device: eth1, id: 52}\n    - {device: eth1, id: 52, name: X, addresses: [203.0.113.30/24]}'), /ha\.instances\.2\.id: 52 is that of OUTSIDE too/],
    ['equal priorities', (text) => text.replace('priority: 100', 'priority: 150'), /hosts\.gw2\.priority: priority 150 is that of gw1 too/],
    ['an address of two hosts', (text) => text.replace('192.168.40.3', '192.168.40.2'), /192\.168\.40\.2 is on gw1 and gw2/],
    ['an address that moves and is a host\'s', (text) => text.replace('192.168.40.1/24', '192.168.40.2/24'), /is the own address of gw1/],
    ['a host without an address of its own', (text) => text.replace('eth0: [192.168.40.3/24], ', ''), /hosts\.gw2: has no address of its own on eth0/],
    ['one host', (text) => text.replace(/ {2}gw2.*\n/, ''), /needs two hosts/],
    ['a pool on a device that does not move', (text) => text.replace('    - {device: eth1, id: 52}\n', ''), /none for eth1, whose pool/],
    ['an instance with nothing to move', (text) => text.replace('interfaces:', 'interfaces:\n  - {device: eth9, role: other, addresses: [10.9.0.1/24]}').replace('{device: eth1, id: 52}', '{device: eth1, id: 52}\n    - {device: eth9, id: 59}'), /OTHER has no address that moves/],
    ['a password too long', (text) => text.replace('password_file: vrrp.password', 'password: geheimgeheim'), /1 to 8 letters/],
    ['no password', (text) => text.replace('  password_file: vrrp.password\n', ''), /password or password_file is missing/],
    ['unicast without an address of the family', (text) => text.replace('ha:\n', 'ha:\n  unicast: true\n').replace('eth1: [203.0.113.3/24]', 'eth1: ["2001:db8::3/64"]'), /ha\.unicast: gw2 has no IPv4 address of its own on eth1/],
    ['unicast for keepalived 1.2', (text) => text.replace('ha:\n', 'ha:\n  unicast: true\n').replace('nat-snat', 'dsnat-279'), /unicast VRRP; flavours that can: .*nat-snat/],
  ])('%s is refused', async (_name, change, words) => {
    expect((await refusal(pair(change))).join('\n')).toMatch(words);
  });
  it('a password is in no message', async () => {
    for (const text of [pair((given) => given.replace('password_file: vrrp.password', 'password: "geheim geheim"')), pair((given) => given.replace('password_file: vrrp.password', 'password: *geheim')), pair((given) => given.replace('password_file: vrrp.password', 'password: [geheim')), pair((given) => given.replace('password_file: vrrp.password', 'password: "geheim'))]) {
      expect((await refusal(text)).join('\n')).not.toContain('geheim');
    }
  });
});

describe('the way in', () => {
  const fullnat = (management: string): string => small(`services:\n  - {mode: fullnat, address: 203.0.113.20, port: 80, local: [192.168.40.200], servers: [{address: 192.168.40.9}]}\n${management}`, 'lvs-snat-279');
  it.each<[string, string, RegExp]>([
    ['FULLNAT without a management address', fullnat(''), /access: management is missing: FULLNAT takes all traffic/],
    ['a management address that is a service', fullnat('access: {management: 203.0.113.20}\n'), /203\.0\.113\.20 is the address of a FULLNAT service, which takes it whole: ssh would be cut off/],
    ['a management address in a pool', fullnat('access: {management: 203.0.113.100}\n'), /is in a pool: ssh would be cut off/],
    ['a management address that is local to a service', fullnat('access: {management: 192.168.40.200}\n'), /is a local address of a service/],
    ['a management address that the host has not', fullnat('access: {management: 203.0.113.9}\n'), /203\.0\.113\.9 is no address of the host/],
    ['ssh to an address that is taken', fullnat('access: {management: 203.0.113.2}\nhosts: {gw: {ssh: {destination: root@203.0.113.20}}}\n'), /hosts\.gw\.ssh\.destination: 203\.0\.113\.20 is the address of a FULLNAT service/],
    ['a service on the host\'s own address', fullnat('access: {management: 192.168.40.1}\n').replace('address: 203.0.113.20', 'address: 203.0.113.2'), /is eth1's own address; FULLNAT takes an address whole/],
    ['LRO', small('tuning: {lro: on}\n'), /tuning\.lro: large receive offload/],
    ['no forwarding', small('tuning: {sysctls: {net.ipv4.ip_forward: 0}}\n'), /a gateway forwards/],
    ['a setting that runs a program', small('tuning: {sysctls: {kernel.core_pattern: /bin/sh}}\n'), /names a program/],
  ])('%s is refused', async (_name, text, words) => {
    expect((await refusal(text)).join('\n')).toMatch(words);
  });
  it('a free management address is fine', async () => {
    expect((await load(fullnat('access: {management: 203.0.113.2}\n'))).gateway('gw').access.management).toBe('203.0.113.2');
  });
});

describe('ports', () => {
  const expecting = (expect_: string, flavour = 'nat-snat', pool = '203.0.113.100-203.0.113.103'): string => small(`expect: ${expect_}\n`, flavour).replace('203.0.113.100-203.0.113.103', pool);
  it('that would run out are an error, with the sum', async () => {
    expect((await refusal(expecting('{connections: 300000}'))).join('\n')).toMatch(
      /^9:\d+: expect: ports would run out \("no port available"\): 4 addresses × 64,512 ports \(1024 to 65535\) = 258,048 connections to one server; 300,000 to 1 are 300,000\. It takes 7 addresses$/,
    );
    // FULLNAT's kernels begin at 5000.
    expect((await refusal(expecting('{connections: 65000}', 'dsnat-279', '203.0.113.100'))).join('\n')).toMatch(/1 address × 60,536 ports \(5000 to 65535\)/);
  });
  it('that are tight are warned of, and those that suffice are not', async () => {
    expect((await warnings(expecting('{connections: 200000}'))).join('\n')).toMatch(/78 % of the ports/);
    expect(await warnings(expecting('{connections: 300000, servers: 100}'))).toEqual([]);
  });
  it("are counted for a rule's own expectation, and the table's size is looked at", async () => {
    expect((await refusal(small('').replace('pool: public', 'pool: public, expect: {connections: 999999}'))).join('\n')).toMatch(/snat\.0\.expect: ports would run out/);
    expect((await warnings(expecting('{connections: 100000, servers: 10}').replace('expect:', 'tuning: {ipvs: {table_bits: 12}}\nexpect:'))).join('\n')).toMatch(/4,096 buckets for 100,000 connections/);
  });
});

describe('flavours', () => {
  it.each<[string, string, RegExp]>([
    ['sources for dsnat-220', small('', 'dsnat-220').replace('pool: public', 'from: 192.168.40.0/24, pool: public'), /^8:\d+: snat\.0: dsnat-220 cannot: dsnat cannot say: a choice by source network; flavours that can: distro-snat, dsnat-279, iptables-snat, lvs-snat-279, lvs-snat-v2, lvs-snat-v2-first, lvs-snat-v2-tree, nat-snat, nat-snat-full$/],
    ['NAT services beside dsnat', small('services: [{mode: nat, address: 203.0.113.20, port: 80, servers: [{address: 192.168.40.9}]}]\n', 'dsnat-279'), /services\.0: dsnat-279 cannot: NAT services do not work: .*; flavours that can: .*lvs-snat-279/],
    ['IPv6 for lvs-snat-v2', small('', 'lvs-snat-v2').replace('203.0.113.100-203.0.113.103', '"2001:db8::100"'), /SNAT of IPv6; flavours that can: distro-snat, nat-snat, nat-snat-full$/],
    ['IPv6 for iptables of 2.6.32', small('', 'iptables-snat').replace('203.0.113.100-203.0.113.103', '"2001:db8::100"'), /it translates no IPv6; flavours that can: distro-snat, nat-snat, nat-snat-full$/],
    ['another next hop for nat-snat', small().replace('pool: public', 'from: 192.168.40.0/24, pool: public, new_gw: 203.0.113.250'), /new_gw 203\.0\.113\.250; flavours that can: lvs-snat-v2, lvs-snat-v2-tree$/],
    ['persistence of one family for nat-snat', small().replace('  - {pool: public}', '  - {pool: public, persistence: true}\n  - {pool: ["2001:db8::100"]}'), /snat: nat-snat cannot: nat-snat cannot say: persistence for everything of one family only/],
    ['all sources for lvs-snat-v2', small('', 'lvs-snat-v2'), /snat\.0: lvs-snat-v2 cannot: .*a rule for all sources .*: say with from which networks are inside; flavours that can: .*nat-snat/],
    ['gaps for lvs-snat-v2', small('', 'lvs-snat-v2').replace('pool: public', 'from: 192.168.40.0/24, pool: public').replace('[203.0.113.100-203.0.113.103]', '[203.0.113.100, 203.0.113.102]'), /a pool with gaps \(203\.0\.113\.100, 203\.0\.113\.102\).*; flavours that can: /],
    ['zones by keepalived for lvs-snat-279', small('rules_by: keepalived\n', 'lvs-snat-279'), /zones \(its author left keepalived as it was\); rules_by: script can/],
    ['redirects without the add-on', small('redirects: [{from: 192.168.40.0/24, next_hop: 203.0.113.250}]\n', 'dsnat-279'), /redirects: needs the add-on: with: \[chroute\]/],
    ['a redirect to where nothing is translated', small('with: [chroute]\nredirects: [{from: 192.168.40.0/24, next_hop: 198.51.100.254}]\n', 'iptables-snat').replace('pools:', '  - {device: eth2, role: outside, addresses: [198.51.100.2/24]}\npools:'), /redirects\.0\.next_hop: 198\.51\.100\.254 is beyond eth2, where no rule of snat translates what comes; add one with oif: eth2/],
    ['a redirect of IPv6', small('with: [chroute]\nredirects: [{to: "2001:db8::/64", next_hop: 203.0.113.250}]\n', 'iptables-snat'), /redirects\.0: CHROUTE is for IPv4/],
    ['what none can', small('', 'fullnat-v2').replace('pool: public', 'pool: public, new_gw: 203.0.113.250, persistence: 7'), /no flavour can do all of this file/],
  ])('%s: refused', async (_name, text, words) => {
    expect((await refusal(text)).join('\n')).toMatch(new RegExp(words.source, 'm'));
  });
  it('a redirect of what IPVS translates is said to do nothing', async () => {
    const text = small('with: [chroute]\nredirects: [{from: 192.168.40.0/24, next_hop: 203.0.113.250}]\n', 'dsnat-279');
    expect((await warnings(text)).join('\n')).toMatch(/redirects\.0: what IPVS translates is not redirected/);
    expect((await warnings(text.replace('dsnat-279', 'iptables-snat'))).join('\n')).not.toContain('redirects');
  });
  it('what a flavour does not translate is said', async () => {
    const dsnat = (await warnings(small('', 'dsnat-220'))).join('\n');
    expect(dsnat).toMatch(/dsnat-220 does not translate UDP \(.*access\.leak_guard stops it/);
    expect(dsnat).toMatch(/does not translate ping/);
    expect((await warnings(small('protocols: [tcp, udp]\n', 'dsnat-220'))).join('\n')).toMatch(/protocols: dsnat-220 does not translate UDP right/);
    expect((await warnings(small('access: {leak_guard: false}\n', 'dsnat-220'))).join('\n')).toMatch(/leaves with its inside source/);
    expect((await warnings(small('', 'nat-snat-279'))).join('\n')).toMatch(/it keeps the source port/);
    expect((await warnings(small('services: [{mode: nat, address: 203.0.113.20, port: 80, servers: [{address: 192.168.40.9}]}]\n', 'fullnat-tarball').replace('snat:\n  - {pool: public}\n', ''))).join('\n')).toMatch(/answers of real servers are not recognised without a NIC/);
  });
});

describe('what a kernel takes', () => {
  it('2.6.32 has no parameter for the size of IPVS’s table: a module is not loaded with one that it does not know', async () => {
    expect((await refusal(small('tuning: {ipvs: {table_bits: 20}}\n', 'dsnat-220'))).join('\n')).toMatch(/^9:\d+: tuning\.ipvs\.table_bits: the ip_vs of 2\.6\.32-220\.\S+ has no such parameter.*build-kernel dsnat-220 --set CONFIG_IP_VS_TAB_BITS=20$/);
    expect(await warnings(small('tuning: {ipvs: {table_bits: 20}}\n'))).toEqual([]);
  });
  it('buckets of conntrack are rounded: the number that it will be is asked for', async () => {
    expect((await refusal(small('tuning: {conntrack: {buckets: 10000}}\n'))).join('\n')).toMatch(/tuning\.conntrack\.buckets: the kernel takes multiples of 512: 10240$/);
    expect(await warnings(small('tuning: {conntrack: {buckets: 10240}}\n'))).toEqual([]);
  });
  it('keepalived 1.2 has no id of the synchronisation', async () => {
    const synced = (id: string, flavour: string): string => pair((text) => text.replace('hosts:', `  sync: {device: eth0${id}}\nhosts:`), flavour);
    expect((await refusal(synced(', id: 7', 'nat-snat-279'))).join('\n')).toMatch(/ha\.sync\.id: keepalived 1\.2 takes the id of the first instance: leave it out, or say 51/);
    for (const text of [synced('', 'nat-snat-279'), synced(', id: 51', 'nat-snat-279'), synced(', id: 7', 'nat-snat')]) expect((await load(text)).hosts).toHaveLength(2);
    expect((await load(synced('', 'nat-snat'))).gateway('gw1').ha?.sync).toEqual({ device: 'eth0', id: 1 });
  });
  it('protocols are said to mean nothing where rules take all alike', async () => {
    expect((await warnings(small('protocols: [tcp]\n'))).join('\n')).toMatch(/protocols: UDP is left out: access\.leak_guard stops it/);
    for (const text of [small('protocols: [tcp]\n', 'iptables-snat'), with_('pool: public', 'from: 192.168.40.0/24, pool: public', 'protocols: [tcp]\n')]) {
      const said = (await warnings(text)).join('\n');
      expect(said).toMatch(/protocols: means nothing here: \S+'s rules take all protocols alike/);
      expect(said).not.toMatch(/left out/);
    }
  });
  it('a proof without SNAT is none', async () => {
    const text = small('services: [{mode: nat, address: 203.0.113.20, port: 80, servers: [{address: 192.168.40.9}]}]\nprobe: {from: {destination: client}, connect: {address: 198.51.100.9, port: 80}}\n').replace('snat:\n  - {pool: public}\n', '').replace(/pools:\n.*\n/, '');
    expect((await warnings(text)).join('\n')).toMatch(/probe: there is no snat that it could prove/);
  });
});

describe('IPv6', () => {
  const dual = (gateway: string, more = ''): string => with_('203.0.113.2/24], gateway: 203.0.113.254', `203.0.113.2/24, "2001:db8::2/64"], gateway: ${gateway}`, more).replace('  - {pool: public}', '  - {pool: public}\n  - {pool: ["2001:db8::100"]}');
  it('has a next hop of its own, or is told to heed advertisements', async () => {
    const spec = await load(dual('[203.0.113.254, "2001:DB8::FE"]'));
    expect(spec.warnings).toEqual([]);
    expect(spec.gateway('gw1').interfaces[1]?.gateways).toEqual(['203.0.113.254', '2001:db8::fe']);
    expect(await warnings(dual('[203.0.113.254, "fe80::1"]'))).toEqual([]);
    expect((await warnings(dual('203.0.113.254'))).join('\n')).toMatch(/^9:\d+: snat\.1\.pool: no outside device has an IPv6 gateway.*net\.ipv6\.conf\.eth1\.accept_ra: 2/);
    expect(await warnings(dual('203.0.113.254', 'tuning: {sysctls: {net.ipv6.conf.eth1.accept_ra: 2}}\n'))).toEqual([]);
  });
  const forwards = async (text: string): Promise<boolean> => 'net.ipv6.conf.all.forwarding' in (await load(text)).gateway('gw1').tuning.sysctls;
  it('is forwarded when anything of it is there, what VRRP moves too', async () => {
    expect(await forwards(pair())).toBe(false);
    expect(await forwards(pair((text) => text.replace('id: 51, addresses: [192.168.40.1/24]', 'id: 51, addresses: [192.168.40.1/24, "fd00:0:0:40::1/64"]')))).toBe(true);
    expect(await forwards(pair((text) => `${text}services: [{mode: nat, address: "2001:db8::20", port: 80, servers: [{address: "fd00::9"}]}]\n`))).toBe(true);
  });
  it('is the same address however it is written', async () => {
    const text = `${dual('[203.0.113.254, "2001:db8::fe"]').replace('"2001:db8::2/64"', '"2001:DB8:0::2/64"')}access: {management: "2001:db8::2"}\nservices: [{mode: nat, address: "2001:db8::20", port: 80, servers: [{address: "2001:db8:0:0::2"}]}]\n`;
    expect(await refusal(text)).toEqual([expect.stringMatching(/services\.0\.servers\.0\.address: is the gateway's own address$/)]);
  });
  it('has one form for each address', async () => {
    const gateway = (await load(pair((text) => text.replace('id: 51, addresses: [192.168.40.1/24]', 'id: 51, addresses: [192.168.40.1/24, "FD00:0:0:40::1/64"]')))).gateway('gw1');
    expect(gateway.ha?.instances[0]?.addresses).toEqual(['192.168.40.1/24', 'fd00:0:0:40::1/64']);
  });
});
