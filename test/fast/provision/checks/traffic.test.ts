import { createServer, type Server } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../../../tasks/lib/exec.js';
import { parseTables, readSocketWord, searchWords, socketWord, translation } from '../../../../tasks/provision/checks/connections.js';
import { checkTraffic } from '../../../../tasks/provision/checks/traffic.js';
import type { Target } from '../../../../tasks/provision/types.js';
import { folderTarget } from './local.js';

/** The system's own, not a wrapper earlier in the path that needs the rest of it. */
async function where(program: string): Promise<string> {
  return (await run(['sh', '-c', `command -v ${program}`], { env: { PATH: '/usr/bin:/bin' }, ok: [0, 1, 127] })).stdout;
}

describe('connection tables', () => {
  const client = { address: '192.168.40.7', port: 50000 };
  const server = { address: '198.51.100.9', port: 80 };
  const pool = new Set(['203.0.113.100', '203.0.113.101']);
  // nat-snat: server, public address, client. 2.6.32 with FULLNAT: client, virtual, local (public), real server.
  const NAT_SNAT = `table ipvs
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C6336409 0050 CB007164 C351 C0A82807 C350 ESTABLISHED     899
UDP C6336409 0035 CB007165 C350 C0A82807 C350 UDP             299`;
  const FULLNAT = `table ipvs
Pro FromIP   FPrt ToIP     TPrt LocalIP  LPrt DestIP   DPrt State       Expires
TCP C0A82807 C350 C6336409 0050 CB007165 1389 C6336409 0050 ESTABLISHED     899`;
  const CONNTRACK = `table conntrack
ipv4     2 tcp      6 117 TIME_WAIT src=192.168.40.7 dst=198.51.100.9 sport=50000 dport=80 src=198.51.100.9 dst=203.0.113.100 sport=80 dport=50000 [ASSURED] mark=0 use=2`;
  const LISTED = `table conntrack
tcp      6 431999 ESTABLISHED src=192.168.40.7 dst=198.51.100.9 sport=50000 dport=80 src=198.51.100.9 dst=192.168.40.7 sport=80 dport=50000 [ASSURED] use=1`;

  it.each([
    ['nat-snat', NAT_SNAT, { address: '203.0.113.100', port: 0xc351 }],
    ['FULLNAT kernels', FULLNAT, { address: '203.0.113.101', port: 5001 }],
    ['conntrack', CONNTRACK, { address: '203.0.113.100', port: 50000 }],
    ['untranslated', LISTED, false],
    ['another port', NAT_SNAT.replace('C0A82807 C350 ESTAB', 'C0A82807 C351 ESTAB'), undefined],
    ['nothing', 'table ipvs\n', undefined],
  ])('%s', (_name, text, expected) => {
    expect(translation(parseTables(text), client, server, pool)).toEqual(expected);
  });
  it('IPv6, with and without brackets', () => {
    const [one, two] = parseTables(`table ipvs\nTCP [2001:db8:2::9] 0050 [2001:db8:1::100] C351 [fd00::7] C350 ESTABLISHED 1\nTCP 2001:0db8:0002:0000:0000:0000:0000:0009 0050 2001:0db8:0001:0000:0000:0000:0000:0100 C351 fd00:0000:0000:0000:0000:0000:0000:0007 C350 ESTABLISHED 1`);
    expect(one?.ends).toEqual([{ address: '2001:db8:2::9', port: 80 }, { address: '2001:db8:1::100', port: 0xc351 }, { address: 'fd00::7', port: 50000 }]);
    expect(two?.ends).toEqual(one?.ends);
  });
  it('words of /proc/net/tcp', () => {
    expect(socketWord({ address: '127.0.0.1', port: 80 })).toBe('0100007F:0050');
    expect(socketWord({ address: '::1', port: 8080 })).toBe('00000000000000000000000001000000:1F90');
    for (const end of [server, { address: '2001:db8::9', port: 1 }]) expect(readSocketWord(socketWord(end))).toEqual(end);
    expect(readSocketWord('x')).toBeUndefined();
  });
  it('words to search for', () => {
    expect(searchWords(server)).toEqual(['C6336409', '=198.51.100.9 ']);
    expect(searchWords({ address: '2001:db8::9', port: 1 })).toEqual(['2001:0db8:0000:0000:0000:0000:0000:0009', '[2001:db8::9]', '=2001:db8::9 ']);
  });
});

describe('the probe', () => {
  let server: Server;
  let bin: string;
  const ports: number[] = [];
  const connect = { address: '127.0.0.1', port: 0 };
  beforeAll(async () => {
    server = createServer((socket) => {
      ports.push(socket.remotePort ?? 0);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    connect.port = typeof address === 'object' && address ? address.port : 0;
    bin = await mkdtemp(join(tmpdir(), 'bk-bin-'));
  });
  afterAll(async () => {
    server.close();
    await rm(bin, { recursive: true });
  });
  const pool = ['203.0.113.100', '203.0.113.101'];
  /** A gateway that has translated the last connection to `to`. */
  const gateway = (to: string): Target => ({
    ...folderTarget(''),
    name: 'gw1',
    sh: () =>
      Promise.resolve({
        exitCode: 0,
        stderr: '',
        stdout: `table conntrack\ntcp 6 9 ESTABLISHED src=127.0.0.1 dst=127.0.0.1 sport=${String(ports.at(-1))} dport=${String(connect.port)} src=127.0.0.1 dst=${to} sport=${String(connect.port)} dport=999 use=1`,
      }),
  });

  /** A client that has only the programs of busybox and those named. */
  const bare = async (...programs: string[]): Promise<Target> => {
    const folder = await mkdtemp(join(bin, 'p'));
    await run(['busybox', '--install', '-s', folder]);
    await rm(join(folder, 'nc'), { force: true });
    await rm(join(folder, 'bash'), { force: true });
    for (const program of programs) {
      const path = await where(program);
      await writeFile(join(folder, program), `#!/bin/sh\nexec ${path} "$@"\n`, { mode: 0o755 });
    }
    // The script adds the system's folders to the path: what is not to be found must not be there either.
    return { ...folderTarget('', ['sh']), sh: (script, args = []) => run(['sh', '-s', '--', ...args], { input: script.replace(/^PATH=.*$/m, `PATH=${folder}`), env: { PATH: folder } }) };
  };

  it.each([['bash'], ['python3'], ['nc'], ['busybox'], ['curl']])('opens a connection with %s', async (program) => {
    if ((await where(program)) === '') return;
    const result = await checkTraffic(gateway('203.0.113.101'), { client: await bare(program), connect, pool });
    expect(result).toMatchObject({ status: 'pass', seen: `203.0.113.101, port 999 (from 127.0.0.1, port ${String(ports.at(-1))}, by ${program === 'busybox' ? 'busybox nc' : program})` });
  });
  it.each([['bash'], ['python3'], ['nc'], ['busybox'], ['curl']])('opens an IPv6 connection with %s', async (program) => {
    if ((await where(program)) === '') return;
    const seen: number[] = [];
    const six = createServer((socket) => {
      seen.push(socket.remotePort ?? 0);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => six.listen(0, '::1', resolve));
    const address = six.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const full = '2001:0db8:0000:0000:0000:0000:0000:0100';
    const one = '0000:0000:0000:0000:0000:0000:0000:0001';
    const translated: Target = { ...folderTarget(''), name: 'gw1', sh: () => Promise.resolve({ exitCode: 0, stderr: '', stdout: `table ipvs\nTCP ${one} ${port.toString(16).toUpperCase().padStart(4, '0')} ${full} 1389 ${one} ${(seen.at(-1) ?? 0).toString(16).toUpperCase().padStart(4, '0')} ESTABLISHED 899` }) };
    expect(await checkTraffic(translated, { client: await bare(program), connect: { address: '::1', port }, pool: ['203.0.113.100', '2001:db8::100'] })).toMatchObject({ status: 'pass', seen: expect.stringContaining('2001:db8::100, port 5001 (from ::1') as string });
    six.close();
  });
  it('what is not translated, goes another way, or does not open', async () => {
    const client = folderTarget('');
    expect(await checkTraffic(gateway('127.0.0.1'), { client, connect, pool })).toMatchObject({ status: 'fail', seen: expect.stringContaining('did not translate') as string });
    const other = { ...folderTarget(''), sh: () => Promise.resolve({ exitCode: 0, stdout: 'table ipvs\n', stderr: '' }) };
    expect(await checkTraffic(other, { client, connect, pool })).toMatchObject({ status: 'fail', seen: expect.stringContaining('another way') as string });
    expect(await checkTraffic(other, { client, connect: { address: '127.0.0.1', port: 1 }, pool })).toMatchObject({ status: 'fail', seen: 'no connection within 10 s' });
    expect(await checkTraffic(other, { client: await bare(), connect, pool })).toMatchObject({ status: 'error' });
  });
  it('without a client it says so', async () => {
    expect(await checkTraffic(gateway(''), undefined)).toMatchObject({ status: 'skip', reason: expect.stringContaining('probe:') as string });
  });
});
