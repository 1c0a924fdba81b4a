import { open } from 'node:fs/promises';
import { errno } from '../../lib/errors.js';

/** Reads captures as QEMU's filter-dump writes them (classic pcap, Ethernet), as far as a SNAT gateway's headers go. */

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

export interface Packet {
  /** Seconds of QEMU's clock. */
  at: number;
  protocol: 'tcp' | 'udp' | 'icmp' | 'icmp6' | 'arp' | 'other';
  source: string;
  destination: string;
  sourcePort?: number;
  destinationPort?: number;
  /** TCP: S, F, R, P, . as a sniffer prints them. */
  flags?: string;
  icmpType?: number;
  icmpCode?: number;
  /** Bytes on the wire, Ethernet header included. */
  length: number;
  /** TCP options by number: kind to bytes. */
  options?: Map<number, Buffer>;
}

/** Bytes of a capture so far: where the next packet will be written. */
export async function captureSize(path: string): Promise<number> {
  try {
    const handle = await open(path);
    const { size } = await handle.stat();
    await handle.close();
    return Math.max(size, FILE_HEADER);
  } catch (error) {
    if (errno(error) === 'ENOENT') return FILE_HEADER;
    throw error;
  }
}

/** The file header and the packets between two positions: a capture of its own. */
export async function captureSlice(path: string, from: number, to: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const head = Buffer.alloc(FILE_HEADER);
    await handle.read(head, 0, FILE_HEADER, 0);
    const body = Buffer.alloc(Math.max(0, to - from));
    await handle.read(body, 0, body.length, from);
    return Buffer.concat([head, body]);
  } finally {
    await handle.close();
  }
}

const ipv4 = (data: Buffer, at: number): string => [...data.subarray(at, at + 4)].join('.');

/** RFC 5952 text of an IPv6 address. */
function ipv6(data: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => data.readUInt16BE(at + 2 * index).toString(16));
  const text = groups.join(':');
  const zeros = text.match(/(?:^|:)0(?::0)+(?=:|$)/g)?.sort((a, b) => b.length - a.length)[0];
  return zeros === undefined ? text : text.replace(zeros, zeros.startsWith(':') ? ':' : '::').replace(/:{3,}/, '::').replace(/([^:]):$/, '$1::');
}

const FLAGS: readonly [number, string][] = [[0x02, 'S'], [0x01, 'F'], [0x04, 'R'], [0x08, 'P'], [0x10, '.']];

function tcpOptions(data: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at < data.length;) {
    const kind = data[at] ?? 0;
    if (kind === 0) break;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = data[at + 1] ?? 0;
    if (length < 2) break;
    found.set(kind, data.subarray(at + 2, at + length));
    at += length;
  }
  return found;
}

type Transport = Omit<Packet, 'at' | 'source' | 'destination' | 'length'>;

function transport(number: number, data: Buffer, first: boolean): Transport {
  if (number === 1 && data.length >= 2) return { protocol: 'icmp', icmpType: data[0], icmpCode: data[1] };
  if (number === 58 && data.length >= 2) return { protocol: 'icmp6', icmpType: data[0], icmpCode: data[1] };
  // Only the first fragment of a datagram has ports.
  if (number === 17) return { protocol: 'udp', ...(first && data.length >= 4 ? { sourcePort: data.readUInt16BE(0), destinationPort: data.readUInt16BE(2) } : {}) };
  if (number === 6 && first && data.length >= 20) {
    const bits = data[13] ?? 0;
    return {
      protocol: 'tcp',
      sourcePort: data.readUInt16BE(0),
      destinationPort: data.readUInt16BE(2),
      flags: FLAGS.filter(([bit]) => bits & bit).map(([, letter]) => letter).join(''),
      options: tcpOptions(data.subarray(20, ((data[12] ?? 0) >> 4) * 4)),
    };
  }
  return { protocol: number === 6 ? 'tcp' : 'other' };
}

function decode(frame: Buffer): Omit<Packet, 'at' | 'length'> {
  let at = 12;
  let type = frame.length >= 14 ? frame.readUInt16BE(at) : 0;
  if (type === 0x8100) {
    at += 4;
    type = frame.length >= at + 2 ? frame.readUInt16BE(at) : 0;
  }
  const ip = frame.subarray(at + 2);
  if (type === 0x0806 && ip.length >= 28) return { protocol: 'arp', source: ipv4(ip, 14), destination: ipv4(ip, 24) };
  if (type === 0x0800 && ip.length >= 20) {
    const first = (ip.readUInt16BE(6) & 0x1fff) === 0;
    return { source: ipv4(ip, 12), destination: ipv4(ip, 16), ...transport(ip[9] ?? 0, ip.subarray(((ip[0] ?? 0) & 15) * 4), first) };
  }
  if (type === 0x86dd && ip.length >= 40) {
    let next = ip[6] ?? 0;
    let rest = ip.subarray(40);
    let first = true;
    if (next === 44 && rest.length >= 8) {
      first = (rest.readUInt16BE(2) & 0xfff8) === 0;
      next = rest[0] ?? 0;
      rest = rest.subarray(8);
    }
    return { source: ipv6(ip, 8), destination: ipv6(ip, 24), ...transport(next, rest, first) };
  }
  return { protocol: 'other', source: '', destination: '' };
}

/** Packets of a capture; a last one that is cut off is left out. */
export function parseCapture(data: Buffer): Packet[] {
  const packets: Packet[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= data.length;) {
    const kept = data.readUInt32LE(at + 8);
    const end = at + RECORD_HEADER + kept;
    if (end > data.length) break;
    packets.push({
      at: data.readUInt32LE(at) + data.readUInt32LE(at + 4) / 1e6,
      length: data.readUInt32LE(at + 12),
      ...decode(data.subarray(at + RECORD_HEADER, end)),
    });
    at = end;
  }
  return packets;
}

/** A packet as a sniffer would print it. */
export function describePacket(packet: Packet): string {
  const { protocol, source, destination, sourcePort, destinationPort, flags, icmpType, icmpCode, length } = packet;
  const end = (address: string, port: number | undefined): string => (port === undefined ? address : `${address}.${String(port)}`);
  const detail = flags !== undefined ? ` [${flags}]` : icmpType !== undefined ? ` type ${String(icmpType)} code ${String(icmpCode)}` : '';
  return `${protocol} ${end(source, sourcePort)} > ${end(destination, destinationPort)}${detail} ${String(length)}`;
}
