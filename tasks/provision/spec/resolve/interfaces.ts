import { contains, parseAddress, parseCidr } from '../../../lib/net/address.js';
import type { SnatRule } from '../../../lib/gateway/spec.js';
import type { GatewayInterface, GatewayService } from '../../types.js';
import type { GatewayFile } from '../schema/index.js';
import { plain, plainCidr, plainNetwork } from './pools.js';

/** The devices of one host, and which of them carries an address of a pool or a service. */

export function ownInterfaces(file: GatewayFile, host: string): GatewayInterface[] {
  const own = Object.hasOwn(file.hosts, host) ? (file.hosts[host]?.addresses ?? {}) : {};
  return file.interfaces.map(({ device, role, addresses, gateway, routes, mtu }) => ({
    device,
    role,
    addresses: (Object.hasOwn(own, device) ? (own[device] ?? []) : addresses).map(plainCidr),
    ...(gateway === undefined ? {} : { gateways: [gateway].flat().map(plain) }),
    routes: routes.map(plainNetwork),
    ...(mtu === undefined ? {} : { mtu }),
  }));
}

/** An address that the gateway itself must have so that what it translates works. */
export interface CarriedAddress {
  address: string;
  /** Device that carries it; undefined when there is none of the role. */
  device?: string;
}

/** The device on whose network an address is; else the first that may carry it. */
function deviceFor(address: string, interfaces: readonly GatewayInterface[], networks: ReadonlyMap<string, readonly string[]>, wish: string | undefined, role: GatewayInterface['role']): string | undefined {
  if (wish !== undefined && interfaces.some(({ device }) => device === wish)) return wish;
  const parsed = parseAddress(address);
  const on = parsed && interfaces.find(({ device }) => (networks.get(device) ?? []).some((text) => {
    const cidr = parseCidr(text);
    return cidr !== undefined && contains(cidr, parsed);
  }));
  return (on ?? interfaces.find((each) => each.role === role))?.device;
}

/**
 * Addresses of pools and services, each once, with the device that is to carry it: the one of the rule's `oif`, the one on
 * whose network it is, else the first outside (local addresses of FULLNAT: inside).
 * @param networks addresses with prefix length by device: the host's own and those that move with VRRP
 */
export function carriedAddresses(
  snat: readonly SnatRule[],
  services: readonly GatewayService[],
  interfaces: readonly GatewayInterface[],
  networks: ReadonlyMap<string, readonly string[]>,
): CarriedAddress[] {
  const all: CarriedAddress[] = [];
  const seen = new Set<string>();
  const add = (address: string, wish: string | undefined, role: GatewayInterface['role']): void => {
    if (seen.has(address)) return;
    seen.add(address);
    const device = deviceFor(address, interfaces, networks, wish, role);
    all.push({ address, ...(device === undefined ? {} : { device }) });
  };
  // With another next hop the packet leaves by another device than the routing table's; the address is on that one's network.
  for (const { pool, oif, newGateway } of snat) for (const address of pool) add(address, newGateway === undefined ? oif : undefined, 'outside');
  for (const { address, local } of services) {
    add(address, undefined, 'outside');
    for (const each of local ?? []) add(each, undefined, 'inside');
  }
  return all;
}

/** A single address as an interface has it beside its own. */
export const single = (address: string): string => `${address}/${address.includes(':') ? '128' : '32'}`;

/** Addresses with prefix length by device: the host's own, and those that move with VRRP. */
export function networksOf(interfaces: readonly GatewayInterface[], instances: readonly { device: string; addresses: readonly string[] }[]): Map<string, string[]> {
  const networks = new Map<string, string[]>();
  for (const { device, addresses } of [...interfaces, ...instances]) networks.set(device, [...(networks.get(device) ?? []), ...addresses]);
  return networks;
}
