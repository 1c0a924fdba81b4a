import { isIPv4, isIPv6 } from 'node:net';

/** IPv4 and IPv6 addresses and networks as numbers: what contains what, what overlaps, which one is next. */

export type Family = 4 | 6;

/** An address: its family and its value, 32 or 128 bits. */
export interface Address {
  family: Family;
  value: bigint;
}

/** Addresses from `first` to `last`, both included. */
export interface Range {
  family: Family;
  first: bigint;
  last: bigint;
}

/** 192.168.40.1/24: an address in a network. */
export interface Cidr extends Range {
  /** The address before the slash, which need not be the network's first. */
  address: bigint;
  prefix: number;
}

const BITS: Record<Family, number> = { 4: 32, 6: 128 };

export const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4);

function parse6(text: string): bigint {
  // An IPv4 tail (::ffff:192.0.2.1) is two groups.
  const tail = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const groups = tail ? `${tail[1] ?? ''}${((Number(tail[2]) << 8) | Number(tail[3])).toString(16)}:${((Number(tail[4]) << 8) | Number(tail[5])).toString(16)}` : text;
  const [head = '', rest] = groups.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const all = rest === undefined ? left : [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return all.reduce((value, group) => (value << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
}

/** @returns undefined for what is no address; zones (fe80::1%eth0) are none */
export function parseAddress(text: string): Address | undefined {
  if (text.length > 45 || !/^[0-9a-fA-F:.]+$/.test(text)) return undefined;
  if (isIPv4(text)) return { family: 4, value: text.split('.').reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n) };
  if (isIPv6(text)) return { family: 6, value: parse6(text) };
  return undefined;
}

/** The address as iproute2 prints it: IPv6 in lower case, its longest run of zero groups left out (RFC 5952). */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));
  let start = -1;
  let length = 1;
  for (let from = 0; from < 8; from += 1) {
    let to = from;
    while (to < 8 && groups[to] === '0') to += 1;
    if (to - from > length) [start, length] = [from, to - from];
  }
  return start < 0 ? groups.join(':') : `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** @returns undefined for what is no address with a prefix length; the length may be left out: a single address */
export function parseCidr(text: string): Cidr | undefined {
  const [before = '', length, more] = text.split('/');
  const address = parseAddress(before);
  if (!address || more !== undefined || (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length))) return undefined;
  const bits = BITS[address.family];
  const prefix = length === undefined ? bits : Number(length);
  if (prefix > bits) return undefined;
  const host = (1n << BigInt(bits - prefix)) - 1n;
  return { family: address.family, address: address.value, prefix, first: address.value & ~host, last: address.value | host };
}

/** 203.0.113.0/24: the network, as routing tables have it. */
export const formatNetwork = ({ family, first, prefix }: Cidr): string => `${formatAddress({ family, value: first })}/${String(prefix)}`;

/** 203.0.113.5/24 with the address in its usual form. */
export const formatCidr = ({ family, address, prefix }: Cidr): string => `${formatAddress({ family, value: address })}/${String(prefix)}`;

/** A single address, first-last or a CIDR. @returns undefined for anything else, and when last comes before first */
export function parseRange(text: string): Range | undefined {
  const [from = '', to, more] = text.split('-');
  if (to === undefined) {
    const cidr = parseCidr(from);
    return cidr && (cidr.address === cidr.first ? { family: cidr.family, first: cidr.first, last: cidr.last } : undefined);
  }
  const [first, last] = [parseAddress(from), parseAddress(to)];
  if (more !== undefined || !first || !last || first.family !== last.family || last.value < first.value) return undefined;
  return { family: first.family, first: first.value, last: last.value };
}

export const sizeOf = ({ first, last }: Range): bigint => last - first + 1n;

/** Every address of a range, in order. The caller has looked at its size. */
export function addressesOf({ family, first, last }: Range): string[] {
  const list: string[] = [];
  for (let value = first; value <= last; value += 1n) list.push(formatAddress({ family, value }));
  return list;
}

export const contains = (range: Range, address: Address): boolean => range.family === address.family && range.first <= address.value && address.value <= range.last;

export const overlap = (one: Range, other: Range): boolean => one.family === other.family && one.first <= other.last && other.first <= one.last;

/** Lists of addresses as the ranges they make up: neighbours joined, order kept. */
export function toRanges(addresses: readonly string[]): Range[] {
  const ranges: Range[] = [];
  for (const text of addresses) {
    const address = parseAddress(text);
    if (!address) throw new Error(`no address: ${text}`);
    const before = ranges[ranges.length - 1];
    if (before && before.family === address.family && before.last + 1n === address.value) before.last = address.value;
    else ranges.push({ family: address.family, first: address.value, last: address.value });
  }
  return ranges;
}

const special = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/127', 'ff00::/8', '::ffff:0:0/96'].flatMap((text) => parseCidr(text) ?? []);

/** An address that a host can have and a packet can come from: not unspecified, loopback, multicast, reserved or mapped. */
export const isHostAddress = (address: Address): boolean => !special.some((range) => contains(range, address));

const privates = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'].flatMap((text) => parseCidr(text) ?? []);

/** Private, shared and link-local addresses: RFC 1918, 6598, 3927, 4193. */
export const isPrivateAddress = (address: Address): boolean => privates.some((range) => contains(range, address));
