import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { captureSize, captureSlice, describePacket, parseCapture } from '../../../tasks/verify/lab/pcap.js';

const HEADER = Buffer.from('d4c3b2a1020004000000000000000000000100000100000000'.slice(0, 48), 'hex');

function record(frame: Buffer, seconds = 1): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(seconds, 0);
  head.writeUInt32LE(500_000, 4);
  head.writeUInt32LE(frame.length, 8);
  head.writeUInt32LE(frame.length + 1000, 12);
  return Buffer.concat([head, frame]);
}

const ethernet = (type: number, payload: Buffer): Buffer => Buffer.concat([Buffer.alloc(12), Buffer.from([type >> 8, type & 255]), payload]);

function ip4(protocol: number, source: string, destination: string, payload: Buffer, fragment = 0): Buffer {
  const head = Buffer.alloc(20);
  head[0] = 0x45;
  head.writeUInt16BE(fragment, 6);
  head[9] = protocol;
  Buffer.from(source.split('.').map(Number)).copy(head, 12);
  Buffer.from(destination.split('.').map(Number)).copy(head, 16);
  return ethernet(0x0800, Buffer.concat([head, payload]));
}

function tcp(source: number, destination: number, flags: number, options = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt16BE(source, 0);
  head.writeUInt16BE(destination, 2);
  head[12] = ((20 + options.length) / 4) << 4;
  head[13] = flags;
  return Buffer.concat([head, options]);
}

describe('captures', () => {
  it('TCP with the TOA option that FULLNAT adds', () => {
    const toa = Buffer.from([200, 8, 0xa1, 0x0d, 192, 168, 40, 10]);
    const [packet] = parseCapture(Buffer.concat([HEADER, record(ip4(6, '203.0.113.100', '192.0.2.10', tcp(5001, 80, 0x12, toa)))]));
    expect(packet).toMatchObject({ protocol: 'tcp', source: '203.0.113.100', destination: '192.0.2.10', sourcePort: 5001, destinationPort: 80, flags: 'S.', at: 1.5 });
    expect([...(packet?.options?.get(200) ?? [])]).toEqual([0xa1, 0x0d, 192, 168, 40, 10]);
  });

  it('UDP, its later fragments without ports, ICMP, ARP', () => {
    const udp = Buffer.from([0, 53, 0x13, 0x88, 0, 8, 0, 0]);
    const arp = Buffer.alloc(28);
    Buffer.from([192, 168, 40, 1]).copy(arp, 14);
    Buffer.from([192, 168, 40, 10]).copy(arp, 24);
    const packets = parseCapture(
      Buffer.concat([
        HEADER,
        record(ip4(17, '192.0.2.10', '203.0.113.1', udp)),
        record(ip4(17, '192.0.2.10', '203.0.113.1', udp, 0x0010)),
        record(ip4(1, '192.0.2.10', '203.0.113.1', Buffer.from([3, 3, 0, 0]))),
        record(ethernet(0x0806, arp)),
      ]),
    );
    expect(packets.map(describePacket)).toEqual([
      expect.stringContaining('udp 192.0.2.10.53 > 203.0.113.1.5000'),
      expect.stringMatching(/^udp 192\.0\.2\.10 > 203\.0\.113\.1 /),
      expect.stringContaining('icmp 192.0.2.10 > 203.0.113.1 type 3 code 3'),
      expect.stringContaining('arp 192.168.40.1 > 192.168.40.10'),
    ]);
  });

  it('IPv6 addresses in their short form', () => {
    const head = Buffer.alloc(40);
    head[6] = 58;
    Buffer.from('fd000040000000000000000000000010', 'hex').copy(head, 8);
    Buffer.from('20010db8000000000000000000000001', 'hex').copy(head, 24);
    const [packet] = parseCapture(Buffer.concat([HEADER, record(ethernet(0x86dd, Buffer.concat([head, Buffer.from([128, 0, 0, 0])])))]));
    expect(packet).toMatchObject({ protocol: 'icmp6', source: 'fd00:40::10', destination: '2001:db8::1', icmpType: 128 });
  });

  it('a packet that is still being written is left for later', () => {
    const whole = record(ip4(6, '10.0.0.1', '10.0.0.2', tcp(1, 2, 2)));
    expect(parseCapture(Buffer.concat([HEADER, whole, whole.subarray(0, 30)]))).toHaveLength(1);
  });

  it('a slice is a capture of its own', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'bk-pcap-')), 'a.pcap');
    const first = record(ip4(6, '10.0.0.1', '10.0.0.2', tcp(1, 2, 2)), 1);
    const second = record(ip4(6, '10.0.0.3', '10.0.0.4', tcp(3, 4, 2)), 2);
    await writeFile(file, Buffer.concat([HEADER, first]));
    const middle = await captureSize(file);
    await writeFile(file, Buffer.concat([HEADER, first, second]));
    const packets = parseCapture(await captureSlice(file, middle, await captureSize(file)));
    expect(packets.map(({ source }) => source)).toEqual(['10.0.0.3']);
  });

  it('a capture that is not there yet begins after its header', async () => {
    expect(await captureSize('/nonexistent/a.pcap')).toBe(24);
  });
});
