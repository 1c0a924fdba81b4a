import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { run } from '../../../../tasks/lib/exec.js';
import { packageRoot } from '../../../../tasks/lib/paths.js';
import { addressOfHex, rangeWords } from '../../../../tasks/provision/status/hex.js';
import { parseDevices, parseEngine, parseHeld, parseIpvsConnections, parseUsage, ratesOf } from '../../../../tasks/provision/status/parse.js';
import { lookAtAll, lookDocument, showLook } from '../../../../tasks/provision/status/look.js';
import { showStatus } from '../../../../tasks/provision/status/show.js';
import type { GatewayStatus } from '../../../../tasks/provision/status/types.js';

const AWKS: [string, ...string[]][] = [['awk'], ['busybox', 'awk']];
const POOL = ['203.0.113.100', '203.0.113.101', '203.0.113.104', '2001:db8:1::100'];

async function usage(awk: [string, ...string[]], table: string, text: string): Promise<ReturnType<typeof parseUsage>> {
  const folder = await mkdtemp(join(tmpdir(), 'bk-awk-'));
  await writeFile(join(folder, 'table'), text);
  const { stdout } = await run([...awk, '-v', `TABLE=${table}`, '-v', `RANGES=${rangeWords(POOL)}`, '-f', join(packageRoot, 'templates/provision/probe/usage.awk'), join(folder, 'table')]);
  await rm(folder, { recursive: true });
  return parseUsage(stdout);
}

describe('words of addresses', () => {
  it('join neighbours and come back', () => {
    expect(rangeWords(POOL)).toBe('CB007164-CB007165 CB007168-CB007168 20010DB8000100000000000000000100-20010DB8000100000000000000000100');
    expect(addressOfHex('CB007164')).toBe('203.0.113.100');
    expect(addressOfHex('20010DB8000100000000000000000100')).toBe('2001:db8:1::100');
  });
});

describe.each(AWKS)('usage of pool addresses, counted by %s %s', (...awk) => {
  it('in IPVS: entries, and ports once', async () => {
    const { use, states } = await usage(awk, 'ipvs', `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C6336409 0050 CB007164 C351 C0A82807 C350 ESTABLISHED     899
TCP C633640A 0050 CB007164 C351 C0A82807 C350 ESTABLISHED     899
TCP C6336409 0050 CB007165 C352 C0A82807 C351 FIN_WAIT        99
UDP C6336409 0035 CB007165 C350 C0A82807 C350 UDP             299
TCP C0A82807 C350 C6336409 0050 CB007168 1389 C6336409 0050 ESTABLISHED     899
TCP C6336409 0050 CB007166 C352 C0A82807 C351 ESTABLISHED        99
TCP 2001:0db8:0002:0000:0000:0000:0000:0009 0050 2001:0db8:0001:0000:0000:0000:0000:0100 C351 fd00:0000:0000:0000:0000:0000:0000:0007 C350 ESTABLISHED     899
`);
    expect(Object.fromEntries(use)).toEqual({
      '203.0.113.100': { tcp: { connections: 2, ports: 1 } },
      '203.0.113.101': { tcp: { connections: 1, ports: 1 }, udp: { connections: 1, ports: 1 } },
      '203.0.113.104': { tcp: { connections: 1, ports: 1 } },
      '2001:db8:1::100': { tcp: { connections: 1, ports: 1 } },
    });
    expect(states).toEqual([
      { protocol: 'tcp', state: 'ESTABLISHED', connections: 5 },
      { protocol: 'tcp', state: 'FIN_WAIT', connections: 1 },
      { protocol: 'udp', state: 'UDP', connections: 1 },
    ]);
  });
  it('in conntrack, the file and the listing', async () => {
    const { use, states } = await usage(awk, 'conntrack', `ipv4     2 tcp      6 117 TIME_WAIT src=192.168.40.7 dst=198.51.100.9 sport=50000 dport=80 src=198.51.100.9 dst=203.0.113.100 sport=80 dport=50001 [ASSURED] mark=0 use=2
udp      17 29 src=192.168.40.7 dst=198.51.100.9 sport=50000 dport=53 [UNREPLIED] src=198.51.100.9 dst=203.0.113.101 sport=53 dport=50000 use=1
tcp      6 431999 ESTABLISHED src=192.168.40.7 dst=203.0.113.100 sport=50000 dport=80 src=198.51.100.9 dst=192.168.40.7 sport=80 dport=50000 [ASSURED] use=1
`);
    expect(Object.fromEntries(use)).toEqual({ '203.0.113.100': { tcp: { connections: 1, ports: 1 } }, '203.0.113.101': { udp: { connections: 1, ports: 1 } } });
    expect(states.map(({ protocol, state }) => `${protocol} ${state}`).sort()).toEqual(['tcp ESTABLISHED', 'tcp TIME_WAIT', 'udp NONE']);
  });
});

describe('what files and programs print', () => {
  it('counters of devices and rates', () => {
    const text = (rx: number): string => `Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop\n  eth0: ${String(rx)}  20    0    3    0     0          0         0  900  9    0    1    0     0       0          0\n`;
    const before = { uptime: 10, devices: parseDevices(text(1000)), connections: 5 };
    const after = { uptime: 12.5, devices: parseDevices(text(6000)), connections: 30 };
    expect(ratesOf(before, after, [{ device: 'eth0', role: 'inside', addresses: [], routes: [] }, { device: 'gone', role: 'outside', addresses: [], routes: [] }])).toEqual({
      seconds: 2.5,
      newConnections: 10,
      devices: [{ device: 'eth0', role: 'inside', rxPackets: 0, txPackets: 0, rxBytes: 2000, txBytes: 0, rxDropped: 0, txDropped: 0 }],
    });
  });
  it("IPVS's counter is hexadecimal", () => {
    expect(parseIpvsConnections('   Total Incoming Outgoing         Incoming         Outgoing\n   Conns  Packets  Packets            Bytes            Bytes\n      1A       2B        0              3C0                0\n\n Conns/s Pkts/s\n       0        0        0                0                0\n')).toBe(26);
    expect(parseIpvsConnections('')).toBeUndefined();
  });
  it('addresses, in one form', () => {
    expect([...parseHeld('1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n2: eth0    inet6 2001:DB8::0:1/64 scope global \\ x')]).toEqual(['127.0.0.1', '2001:db8::1']);
  });
  it('the engine', () => {
    expect(parseEngine('current a1 confirmed\npending b2 tried\nrun a1 confirmed\nrun b2 tried\nseconds-left b2 321\n')).toEqual({ current: { id: 'a1', state: 'confirmed' }, pending: { id: 'b2', state: 'tried', secondsLeft: 321 } });
    expect(parseEngine('')).toBeUndefined();
  });
});

it('of several hosts is shown though one of them is away', async () => {
  const here: GatewayStatus = { host: 'gw2', flavour: 'nat-snat', date: '', release: '6.1', uptime: 1, pools: [], states: [], rates: { seconds: 2, devices: [] } };
  const away = (): Promise<GatewayStatus> => Promise.reject(new ExpectedError({ code: 'network', what: 'gw1 does not answer.', why: 'ssh: no route' }));
  const looks = await lookAtAll(new Map([['gw1', away], ['gw2', () => Promise.resolve(here)]]));
  expect(looks.map((look) => showLook(look, {}).split('\n')[0])).toEqual(['gw1: cannot be looked at: gw1 does not answer.', 'gw2, nat-snat: kernel 6.1, up 1.0s']);
  expect(looks.map(lookDocument)).toMatchObject([{ host: 'gw1', error: { code: 'network' } }, { host: 'gw2', release: '6.1' }]);
  await expect(lookAtAll(new Map([['gw1', away]]))).rejects.toThrow('gw1 does not answer.');
});

it('is shown with the most used addresses first', () => {
  const status: GatewayStatus = {
    host: 'gw1',
    flavour: 'nat-snat',
    date: '2026-01-01T00:00:00Z',
    release: '6.1.0-56-amd64',
    uptime: 3600,
    table: 'ipvs',
    pools: [{ from: '0.0.0.0/0', ports: 60536, addresses: Array.from({ length: 20 }, (_, index) => ({ address: `203.0.113.${String(index)}`, held: index !== 19, use: { tcp: { connections: index * 100, ports: index * 100 } } })) }],
    states: [{ protocol: 'tcp', state: 'ESTABLISHED', connections: 19000 }],
    conntrack: { count: 7, max: 262144 },
    rates: { seconds: 2, newConnections: 12.5, devices: [] },
    vrrp: { role: 'mixed', running: true, instances: [{ name: 'INSIDE', device: 'eth0', held: [], missing: ['192.168.40.1'] }] },
    run: { current: { id: 'a1', state: 'confirmed' } },
  };
  const lines = showStatus(status).split('\n').map((line) => line.replace(/\s+/g, ' ').trim());
  expect(lines).toContain('203.0.113.19 1900 1900 (3.1 %) 0 0 (0.0 %) not on this host');
  expect(lines.findIndex((line) => line.startsWith('203.0.113.19 '))).toBeLessThan(lines.findIndex((line) => line.startsWith('203.0.113.18 ')));
  expect(lines).toContain('… and 4 more addresses, less used (--all)');
  expect(lines).toContain('INSIDE on eth0 without 192.168.40.1');
  expect(lines).toContain('run: a1 confirmed');
  expect(lines).toContain('connections: 19000 in the IPVS table: tcp ESTABLISHED 19000');
});
