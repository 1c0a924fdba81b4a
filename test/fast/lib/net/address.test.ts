import { describe, expect, it } from 'vitest';
import { addressesOf, contains, formatAddress, formatCidr, formatNetwork, isHostAddress, isPrivateAddress, overlap, parseAddress, parseCidr, parseRange, sizeOf, toRanges } from '../../../../tasks/lib/net/address.js';

const address = (text: string): NonNullable<ReturnType<typeof parseAddress>> => {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not parsed: ${text}`);
  return parsed;
};
const cidr = (text: string): NonNullable<ReturnType<typeof parseCidr>> => {
  const parsed = parseCidr(text);
  if (!parsed) throw new Error(`not parsed: ${text}`);
  return parsed;
};

describe('addresses', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ])('%s is %s', (text, plain) => {
    expect(formatAddress(address(text))).toBe(plain);
  });
  it.each(['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.4 ', '1.2.3.4\n', 'fe80::1%eth0', 'fe80::1%$(reboot)', '::1::', 'g::', '1:2:3:4:5:6:7:8:9', '1.2.3.4;ls', '0x7f.1'])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
    expect(parseRange(text)).toBeUndefined();
  });
  it.each(['1.2.3.4/33', '1.2.3.4/-1', '1.2.3.4/', '1.2.3.4/08', '1.2.3.4/8/8', '::/129', '/8'])('%j is no network', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });
  it('networks and ranges', () => {
    expect(formatNetwork(cidr('192.168.40.7/24'))).toBe('192.168.40.0/24');
    expect(formatCidr(cidr('192.168.40.7/24'))).toBe('192.168.40.7/24');
    expect(contains(cidr('192.168.40.0/24'), address('192.168.40.255'))).toBe(true);
    expect(contains(cidr('192.168.40.0/24'), address('192.168.41.0'))).toBe(false);
    expect(contains(cidr('::/0'), address('1.2.3.4'))).toBe(false);
    expect(overlap(cidr('10.0.0.0/8'), cidr('10.255.0.0/16'))).toBe(true);
    expect(overlap(cidr('10.0.0.0/9'), cidr('10.128.0.0/9'))).toBe(false);
    expect(parseRange('203.0.113.9-203.0.113.8')).toBeUndefined();
    expect(parseRange('203.0.113.9-2001:db8::1')).toBeUndefined();
    expect(parseRange('203.0.113.9/24')).toBeUndefined();
    const range = parseRange('203.0.113.254-203.0.114.1');
    expect(range && addressesOf(range)).toEqual(['203.0.113.254', '203.0.113.255', '203.0.114.0', '203.0.114.1']);
    expect(sizeOf(cidr('2001:db8::/64'))).toBe(1n << 64n);
  });
  it('neighbours are one range, gaps and turns are not', () => {
    expect(toRanges(['1.0.0.1', '1.0.0.2', '1.0.0.4', '1.0.0.3']).map(({ first, last }) => Number(last - first))).toEqual([1, 0, 0]);
  });
  it('tells what a host can have and what is private', () => {
    for (const text of ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'ff02::1', '::ffff:1.2.3.4']) expect(isHostAddress(address(text)), text).toBe(false);
    for (const text of ['1.1.1.1', '10.0.0.1', '2001:db8::1', '223.255.255.255']) expect(isHostAddress(address(text)), text).toBe(true);
    expect(isPrivateAddress(address('172.31.0.1'))).toBe(true);
    expect(isPrivateAddress(address('172.32.0.1'))).toBe(false);
    expect(isPrivateAddress(address('fd00::1'))).toBe(true);
  });
});
