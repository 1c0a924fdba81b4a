import { describe, expect, it } from 'vitest';
import { load, refusal, small } from './support.js';

describe('gateway.yaml', () => {
  it('becomes the gateway of a host', async () => {
    const spec = await load(small('confirm_minutes: 5\n'));
    const gateway = spec.gateway('gw1');
    expect(gateway).toMatchObject({ host: 'gw1', flavour: 'nat-snat', language: 'nat-snat', protocols: ['tcp', 'udp'], rulesBy: 'script', confirmMinutes: 5 });
    expect(gateway.snat).toEqual([{ from: '0.0.0.0/0', pool: ['203.0.113.100', '203.0.113.101', '203.0.113.102', '203.0.113.103'] }]);
    expect(gateway.artifact).toMatch(/\/artifacts\/nat-snat$/);
    // The gateway itself must have the addresses, or answers never reach it.
    expect(gateway.interfaces[1]?.addresses).toEqual(['203.0.113.2/24', '203.0.113.100/32', '203.0.113.101/32', '203.0.113.102/32', '203.0.113.103/32']);
    expect(gateway.tuning.offloads).toEqual({ eth0: { lro: 'off' }, eth1: { lro: 'off' } });
    expect(gateway.tuning.sysctls).toMatchObject({ 'net.ipv4.ip_forward': '1', 'net.ipv4.vs.snat_guard': '1' });
  });
  it("has the flavour's needs as defaults, and the operator's word over them", async () => {
    const dsnat = (await load(small('', 'dsnat-220'))).gateway('gw');
    expect(dsnat.protocols).toEqual(['tcp']);
    expect(dsnat.tuning.offloads['eth1']).toEqual({ lro: 'off', gro: 'off' });
    expect(dsnat.tuning.sysctls).toMatchObject({ 'net.ipv4.vs.defence_tcp_drop': '0', 'net.ipv4.vs.fullnat_toa_entry': '0' });
    const asked = (await load(small('tuning: {gro: on, sysctls: {net.ipv4.vs.defence_tcp_drop: 1}}\n', 'dsnat-220'))).gateway('gw');
    expect(asked.tuning.offloads['eth1']).toEqual({ lro: 'off', gro: 'on' });
    expect(asked.tuning.sysctls['net.ipv4.vs.defence_tcp_drop']).toBe('1');
  });
  it('names file, line and column of every fault', async () => {
    const lines = await refusal('flavour: nat-snat\ninterfaces:\n  - {device: eth0, role: inner}\n  - {device: eth1; reboot, role: outside}\nsnat:\n  - pol: x\n');
    expect(lines).toEqual([
      expect.stringMatching(/^3:26: interfaces\.0\.role: /),
      expect.stringMatching(/^4:14: interfaces\.1\.device: the name of a network device/),
      expect.stringMatching(/^6:5: snat\.0\.pool: /),
      expect.stringMatching(/^6:5: snat\.0\.pol: no such key$/),
    ]);
  });
  it.each<[string, string, string]>([
    ['a key that is missing', small('services:\n  - {mode: nat, address: 203.0.113.20}\n'), '10:5: services.0.port: is missing: a port, 1 to 65535\n10:5: services.0.servers: is missing: a list'],
    ['a list for a mapping', small('hosts: [gw1]\n'), '9:8: hosts: a mapping of keys to values'],
    ['a word that is none of several', small('rules_by: me\n'), '9:11: rules_by: one of script, keepalived'],
    ['a number out of bounds', small('confirm_minutes: 0\n'), '9:18: confirm_minutes: at least 1'],
    ['an empty list', small('protocols: []\n'), '9:12: protocols: at least 1 value'],
    ['a value of no branch', small('tuning: {rings: {eth0: {rx: full}}}\n'), '9:29: tuning.rings.eth0.rx: max or a number of descriptors'],
    ['an alias without its anchor', small('expect: *nobody\n'), '9:9: an alias (*) without its anchor (&)'],
    ['a second document', small('---\nflavour: x\n'), '9:1: a second document begins here (---); a file is one'],
  ])('says in plain words: %s', async (_name, text, said) => {
    expect((await refusal(text)).join('\n')).toBe(said);
  });
  it('names what rules across fields find, at its place', async () => {
    expect(await refusal(small('').replace('pool: public', 'pool: publik, oif: eth9'))).toEqual(['8:25: snat.0.oif: eth9 is no device of interfaces', '8:12: snat.0.pool: there is no pool publik (did you mean public?); pools names public'].map((line): unknown => expect.stringContaining(line)));
  });
  it('knows no flavour that is none, and no host that is not there', async () => {
    expect(await refusal(small('', 'nat-snatt'))).toEqual([expect.stringMatching(/^1:10: flavour: There is no flavour nat-snatt\. Did you mean nat-snat\?/)]);
    expect(await refusal(small('with: [toa]\n'))).toEqual([expect.stringMatching(/with\.0: toa cannot be put/)]);
    const spec = await load(small('hosts: {gw1: {}, gw2: null}\n'));
    expect(spec.hosts).toEqual(['gw1', 'gw2']);
    expect(() => spec.gateway('gw3')).toThrow(/names no host "gw3"/);
    expect(spec.ssh('gw2')).toEqual({ destination: 'gw2', oldAlgorithms: false });
  });
});
