import { ExpectedError } from '../../lib/errors.js';
import { REMOTE, type Interface, type Segment, type TopologyNode } from '../lab/topology.js';

/** The network around an image, from its gateway.yaml: a client in its first inside network, and what lies beyond its uplinks. */

/** What verify must know of the gateway. */
export interface ImageNetwork {
  /** In the order of the devices' names. */
  interfaces: readonly { device: string; role: 'inside' | 'outside' | 'management' | 'other'; addresses: readonly string[]; gateway?: string }[];
  /** Addresses that clients may use as their gateway beside the interfaces' own: VRRP's. */
  virtual: readonly string[];
}

const isV4 = (address: string): boolean => !address.includes(':');
const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => String(Math.floor(value / 2 ** shift) % 256)).join('.');

/** A host address of a network that is none of these: the last ones first, as people count from the first. */
function freeAddress(cidr: string, taken: readonly string[]): string {
  const [address = '', prefix = '24'] = cidr.split('/');
  const size = 2 ** (32 - Number(prefix));
  const base = Math.floor(numberOf(address) / size) * size;
  for (let at = size - 2; at > 0; at -= 1) {
    const candidate = dotted(base + at);
    if (!taken.includes(candidate)) return `${candidate}/${prefix}`;
  }
  throw new ExpectedError({ code: 'verify', what: `The network ${cidr} has no address for a test client.`, fix: 'Use --no-verify, or a larger network.' });
}

const bare = (cidr: string): string => cidr.split('/')[0] ?? cidr;

/**
 * @returns gateway, client and server; the segment of each of the gateway's devices (undefined: connected to nothing); the address a client has
 * @throws ExpectedError verify when there is no inside or no outside network with IPv4 addresses
 */
export function imageNodes(network: ImageNetwork): { nodes: TopologyNode[]; unconnected: string[]; client: string } {
  const four = (addresses: readonly string[]): string[] => addresses.filter(isV4);
  const inside = network.interfaces.find(({ role, addresses }) => role === 'inside' && four(addresses).length > 0);
  const outsides = network.interfaces.filter(({ role, addresses }) => role === 'outside' && four(addresses).length > 0).slice(0, 2);
  if (!inside || outsides.length === 0) {
    throw new ExpectedError({ code: 'verify', what: 'The image cannot be tried: its gateway.yaml has no inside or no outside interface with an IPv4 address.', fix: 'Give the addresses in gateway.yaml, or use --no-verify.' });
  }
  const taken = network.interfaces.flatMap(({ addresses, gateway }) => [...addresses.map(bare), ...(gateway === undefined ? [] : [gateway])]).concat(network.virtual.map(bare));
  const segments: Segment[] = ['isp1', 'isp2'];
  const connected = new Map<string, Segment>([[inside.device, 'inside'], ...outsides.map(({ device }, index): [string, Segment] => [device, segments[index] ?? 'isp2'])]);
  const networkOf = (four(inside.addresses)[0] ?? '');
  const client = freeAddress(networkOf, taken);
  const way = network.virtual.map(bare).find((address) => isV4(address) && sameNetwork(address, networkOf)) ?? bare(networkOf);
  const routers: Interface[] = outsides.map(({ addresses, gateway }, index) => {
    const cidr = four(addresses)[0] ?? '';
    const address = gateway !== undefined && isV4(gateway) ? `${gateway}/${cidr.split('/')[1] ?? '24'}` : freeAddress(cidr, taken);
    return { name: `eth${String(index)}`, segment: segments[index] ?? 'isp2', addresses: [address] };
  });
  const own: Interface[] = network.interfaces.flatMap(({ device, addresses }) => {
    const segment = connected.get(device);
    return segment === undefined ? [] : [{ name: device, segment, addresses: [...addresses] }];
  });
  return {
    client: bare(client),
    unconnected: network.interfaces.filter(({ device }) => !connected.has(device)).map(({ device }) => device),
    nodes: [
      { name: 'gateway', role: 'gateway', interfaces: own, loopback: [], routes: [], forwards: true },
      { name: 'client', role: 'client', interfaces: [{ name: 'eth0', segment: 'inside', addresses: [client] }], loopback: [], routes: [`default via ${way}`], forwards: false },
      // It knows no way to the inside: what leaves without translation gets no answer.
      { name: 'server', role: 'server', interfaces: routers, loopback: [`${REMOTE}/32`], routes: [], forwards: false },
    ],
  };
}

function sameNetwork(address: string, cidr: string): boolean {
  const [base = '', prefix = '24'] = cidr.split('/');
  const size = 2 ** (32 - Number(prefix));
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(base) / size);
}
