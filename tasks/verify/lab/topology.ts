import type { DrawnNode } from '../types.js';

/**
 * The network of the recipes: a client inside, a gateway with two uplinks, a server that is both ISPs' router and the
 * host outside. Addresses are those reserved for documentation. The server has no route to the inside: what leaves
 * without translation gets no answer.
 */

export type Segment = 'inside' | 'isp1' | 'isp2';
export const SEGMENTS: readonly Segment[] = ['inside', 'isp1', 'isp2'];

export type NodeName = 'client' | 'gateway' | 'gateway2' | 'server';

export interface Interface {
  /** eth0 … in the order of the machine's slots. */
  name: string;
  segment: Segment;
  /** With prefix length; IPv4 and IPv6. */
  addresses: string[];
}

export interface TopologyNode {
  name: NodeName;
  role: DrawnNode['role'];
  interfaces: Interface[];
  /** On lo, with prefix length. */
  loopback: string[];
  /** Arguments of `ip route add`. */
  routes: string[];
  forwards: boolean;
}

/** The gateway's inside address in each inside network; clients' default route. */
export const INSIDE = '192.168.40.1';
export const INSIDE2 = '192.168.50.1';
export const CLIENT = '192.168.40.10';
/** More clients, as further addresses of the one. */
export const CLIENTS = ['192.168.40.10', '192.168.40.11', '192.168.40.12', '192.168.40.13'] as const;
/** A client of another inside network. */
export const CLIENT2 = '192.168.50.10';
export const INSIDE_NET = '192.168.40.0/24';
export const INSIDE2_NET = '192.168.50.0/24';
export const OUTSIDE = '203.0.113.1';
export const OUTSIDE2 = '198.51.100.1';
export const ISP1 = '203.0.113.2';
export const ISP2 = '198.51.100.2';
/** Hosts beyond both ISPs: the first goes by the default route (ISP 1), the second has a route by ISP 2. */
export const REMOTE = '192.0.2.10';
export const REMOTE2 = '192.0.2.20';
/** Public addresses that scenarios give to pools, all of ISP 1's network … */
export const POOL = ['203.0.113.100', '203.0.113.101', '203.0.113.102'] as const;
/** … and of ISP 2's. */
export const POOL2 = ['198.51.100.100', '198.51.100.101'] as const;
/** The same network in IPv6. */
export const INSIDE6 = 'fd00:40::1';
export const CLIENT6 = 'fd00:40::10';
export const OUTSIDE6 = '2001:db8:1::1';
export const ISP6 = '2001:db8:1::2';
export const REMOTE6 = '2001:db8:ffff::10';
export const POOL6 = ['2001:db8:1::100', '2001:db8:1::101', '2001:db8:1::102'] as const;
/** A virtual service's address outside, and its local addresses inside. */
export const SERVICE = '203.0.113.50';
export const LOCALS = ['192.168.40.201', '192.168.40.202'] as const;

const CLIENT_NODE: TopologyNode = {
  name: 'client',
  role: 'client',
  interfaces: [{ name: 'eth0', segment: 'inside', addresses: [...CLIENTS.map((address) => `${address}/24`), `${CLIENT2}/24`, `${CLIENT6}/64`] }],
  loopback: [],
  routes: [`default via ${INSIDE}`, `default via ${INSIDE6}`],
  forwards: false,
};

const SERVER_NODE: TopologyNode = {
  name: 'server',
  role: 'server',
  interfaces: [
    { name: 'eth0', segment: 'isp1', addresses: [`${ISP1}/24`, `${ISP6}/64`] },
    { name: 'eth1', segment: 'isp2', addresses: [`${ISP2}/24`] },
  ],
  loopback: [`${REMOTE}/32`, `${REMOTE2}/32`, `${REMOTE6}/128`],
  routes: [],
  forwards: false,
};

function gateway(name: 'gateway' | 'gateway2', addresses: { inside: string[]; isp1: string[]; isp2: string[] }): TopologyNode {
  return {
    name,
    role: 'gateway',
    interfaces: [
      { name: 'eth0', segment: 'inside', addresses: addresses.inside },
      { name: 'eth1', segment: 'isp1', addresses: addresses.isp1 },
      { name: 'eth2', segment: 'isp2', addresses: addresses.isp2 },
    ],
    loopback: [],
    routes: [`default via ${ISP1}`, `${REMOTE2}/32 via ${ISP2}`, `default via ${ISP6}`],
    forwards: true,
  };
}

export type TopologyName = 'gateway' | 'pair';

/** `gateway`: one gateway. `pair`: two, of which VRRP gives one the clients' gateway address and the pool. */
export const TOPOLOGIES: Record<TopologyName, TopologyNode[]> = {
  gateway: [gateway('gateway', { inside: [`${INSIDE}/24`, `${INSIDE2}/24`, `${INSIDE6}/64`], isp1: [`${OUTSIDE}/24`, `${OUTSIDE6}/64`], isp2: [`${OUTSIDE2}/24`] }), CLIENT_NODE, SERVER_NODE],
  pair: [
    gateway('gateway', { inside: ['192.168.40.2/24'], isp1: ['203.0.113.11/24'], isp2: ['198.51.100.11/24'] }),
    gateway('gateway2', { inside: ['192.168.40.3/24'], isp1: ['203.0.113.12/24'], isp2: ['198.51.100.12/24'] }),
    CLIENT_NODE,
    SERVER_NODE,
  ],
};

/** A NIC's address tells node and segment: 52:54:00:0b:NODE:SEGMENT. */
export function macOf(nodes: readonly TopologyNode[], node: TopologyNode, segment: Segment): string {
  const two = (value: number): string => value.toString(16).padStart(2, '0');
  return `52:54:00:0b:${two(nodes.indexOf(node) + 1)}:${two(SEGMENTS.indexOf(segment) + 1)}`;
}

/** `ip` for an address or route of either family. */
const ip = (text: string): string => (text.includes(':') ? 'ip -6' : 'ip');

/** Shell script that gives a node its addresses and routes; run again it puts them back as they were. */
export function configureScript(node: TopologyNode): string {
  // Without a wait for duplicates an IPv6 address can be used at once.
  const lines = ['for f in /proc/sys/net/ipv6/conf/*/accept_dad; do [ -e $f ] && echo 0 > $f; done'];
  lines.push('ip link set lo up', 'ip -4 addr flush dev lo', 'ip addr add 127.0.0.1/8 dev lo');
  for (const address of node.loopback) lines.push(address.includes(':') ? `ip -6 addr add ${address} dev lo 2>/dev/null` : `ip addr add ${address} dev lo`);
  for (const { name, addresses } of node.interfaces) {
    lines.push(`ip link set ${name} up`, `ip -4 addr flush dev ${name}`, `ip -6 addr flush dev ${name} scope global`);
    for (const address of addresses) lines.push(`${ip(address)} addr add ${address} dev ${name}`);
  }
  lines.push('for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done');
  // Redirects would teach clients to go around the gateway.
  lines.push('for f in /proc/sys/net/ipv4/conf/*/send_redirects /proc/sys/net/ipv4/conf/*/accept_redirects; do echo 0 > $f; done');
  // Three packets wait for an address by default: of more that begin at once, the first are lost, and TCP of 2.6.32 tries again after 3 s.
  lines.push('for f in /proc/sys/net/ipv4/neigh/*/unres_qlen; do echo 1000 > $f; done');
  lines.push(`echo ${node.forwards ? '1' : '0'} > /proc/sys/net/ipv4/ip_forward`);
  // What one scenario's connections leave behind must not decide the addresses of the next one's.
  lines.push('for t in time_wait close last_ack close_wait fin_wait; do f=/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_$t; [ -e $f ] && echo 1 > $f; done');
  // The kernel itself loads schedulers by name.
  lines.push('echo "$(command -v modprobe)" > /proc/sys/kernel/modprobe');
  lines.push('ip route flush cache 2>/dev/null');
  if (node.forwards) lines.push('[ -e /proc/sys/net/ipv6/conf/all/forwarding ] && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  for (const route of node.routes) lines.push(`${ip(route)} route replace ${route}`);
  lines.push('true');
  return lines.join('\n');
}

/** For drawing. */
export function drawn(nodes: readonly TopologyNode[]): DrawnNode[] {
  return nodes.map(({ name, role, interfaces }) => ({ name, role, interfaces: interfaces.map((each) => ({ ...each })) }));
}
