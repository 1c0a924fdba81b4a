import { formatAddress, parseAddress } from '../../lib/net/address.js';

/** The kernel's connection tables: /proc/net/ip_vs_conn of every flavour, /proc/net/nf_conntrack. */

export interface End {
  address: string;
  port: number;
}

export interface Connection {
  table: 'ipvs' | 'conntrack';
  /** tcp, udp, icmp, … */
  protocol: string;
  /**
   * All ends that the entry names, in its order. IPVS: client, virtual, (FULLNAT and SNAT kernels: local,) real server;
   * nat-snat's are reversed: server outside, public address, client inside. conntrack: source and destination of each direction.
   */
  ends: readonly End[];
  state: string;
}

/**
 * A line of /proc/net/ip_vs_conn: fields are `ADDRESS PORT` pairs in hexadecimal; how many there are depends on the kernel.
 * IPv6 is written with colons, in brackets or not. A persistence engine may stand in between.
 */
function ipvsLine(line: string): Connection | undefined {
  const [protocol = '', ...fields] = line.trim().split(/\s+/);
  if (!/^[A-Z]+$/.test(protocol)) return undefined;
  const ends: End[] = [];
  let at = 0;
  for (; at + 1 < fields.length; at += 2) {
    const address = hexAddress(fields[at] ?? '');
    const port = fields[at + 1] ?? '';
    if (address === undefined || !/^[0-9A-F]{4}$/i.test(port)) break;
    ends.push({ address, port: Number.parseInt(port, 16) });
  }
  return ends.length >= 2 ? { table: 'ipvs', protocol: protocol.toLowerCase(), ends, state: fields[at] ?? '' } : undefined;
}

function hexAddress(text: string): string | undefined {
  if (/^[0-9A-F]{8}$/i.test(text)) return (text.match(/../g) ?? []).map((byte) => String(Number.parseInt(byte, 16))).join('.');
  const address = text.includes(':') ? parseAddress(text.replace(/^\[|\]$/g, '')) : undefined;
  return address && formatAddress(address);
}

/** A line of /proc/net/nf_conntrack or of `conntrack -L` (which leaves out the first two fields). */
function conntrackLine(line: string): Connection | undefined {
  const values = (name: string): string[] => [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map((match) => match[1] ?? '');
  const [sources, destinations, from, to] = [values('src'), values('dst'), values('sport'), values('dport')];
  const ends = sources.flatMap((source, index) => [
    { address: canonical(source), port: Number(from[index] ?? 0) },
    { address: canonical(destinations[index] ?? ''), port: Number(to[index] ?? 0) },
  ]);
  const protocol = /^(?:ipv[46]\s+\d+\s+)?([a-z0-9-]+)\s/.exec(line)?.[1];
  if (protocol === undefined || ends.length < 4) return undefined;
  return { table: 'conntrack', protocol, ends, state: /\s([A-Z_]+)\s+src=/.exec(line)?.[1] ?? '' };
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address ? formatAddress(address) : text;
}

/** Reads what templates/provision/probe/tables.sh prints. */
export function parseTables(text: string): Connection[] {
  let table: string | undefined;
  return text.split('\n').flatMap((line) => {
    const named = /^table (ipvs|conntrack)$/.exec(line)?.[1];
    if (named !== undefined) {
      table = named;
      return [];
    }
    const one = table === 'ipvs' ? ipvsLine(line) : table === 'conntrack' ? conntrackLine(line) : undefined;
    return one ? [one] : [];
  });
}

/**
 * What a client's connection was translated to.
 * @param client address and port that the client has; its port alone decides when it stands behind another translation
 * @param server where it went
 * @param pool public addresses
 * @returns the public end, undefined without such a connection, false when it is there untranslated
 */
export function translation(connections: readonly Connection[], client: End, server: End, pool: ReadonlySet<string>): End | false | undefined {
  const same = (one: End, other: End): boolean => one.address === other.address && one.port === other.port;
  const ours = connections.filter(({ protocol, ends }) => protocol === 'tcp' && ends.some((end) => same(end, client)) && ends.some((end) => same(end, server)));
  for (const { ends } of ours) {
    const end = ends.find((one) => pool.has(one.address) && !same(one, server));
    if (end) return end;
  }
  return ours.length > 0 ? false : undefined;
}

/** Words by which a line of a table can be told that has an end: its address as each table writes it. */
export function searchWords({ address }: End): string[] {
  const parsed = parseAddress(address);
  if (!parsed) return [address];
  if (parsed.family === 4) return [hex(parsed.value, 8), `=${address} `];
  const groups = hex(parsed.value, 32).toLowerCase().match(/.{4}/g) ?? [];
  return [groups.join(':'), `[${address}]`, `=${address} `];
}

/** The end as /proc/net/tcp and tcp6 write it: 32-bit words in the byte order of the machine (little-endian), the port as a number. */
export function socketWord({ address, port }: End): string {
  const parsed = parseAddress(address);
  const digits = parsed ? hex(parsed.value, parsed.family === 4 ? 8 : 32) : '';
  const words = (digits.match(/.{8}/g) ?? []).map((word) => (word.match(/../g) ?? []).reverse().join(''));
  return `${words.join('')}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The reverse of socketWord. @returns undefined for what is none */
export function readSocketWord(text: string): End | undefined {
  const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(text);
  if (!match) return undefined;
  const straight = (match[1]?.match(/.{8}/g) ?? []).map((word) => (word.match(/../g) ?? []).reverse().join('')).join('');
  const value = BigInt(`0x${straight}`);
  return { address: formatAddress({ family: straight.length === 8 ? 4 : 6, value }), port: Number.parseInt(match[2] ?? '', 16) };
}

function hex(value: bigint, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
