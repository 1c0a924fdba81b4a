import { isIPv6 } from 'node:net';
import { carriedAddresses, networksOf, single } from '../spec/resolve/interfaces.js';
import type { Effect, Gateway } from '../types.js';
import { ETC, file, type Context, type Part } from './context.js';
import { probe } from './effects.js';
import { lines } from './words.js';

/** Addresses, routes and MTU: what the gateway script adds where it is not there already, and takes away again. */

export interface Carried {
  /** With prefix length. */
  address: string;
  device: string;
  why: string;
}

const bare = (cidr: string): string => cidr.replace(/\/.*$/, '');
/**
 * Addresses that the host itself must have, each once. An address of a pool or a service stands alone (/32) beside the
 * device's own: local for the kernel, answered by ARP, and no network of its own to take a route away with it.
 * What VRRP moves is left to keepalived.
 */
export function carried(gateway: Gateway): Carried[] {
  const moved = new Set((gateway.ha?.instances ?? []).flatMap(({ addresses }) => addresses.map(bare)));
  const all = new Map<string, Carried>();
  const add = (address: string, device: string | undefined, why: string): void => {
    if (device !== undefined && !moved.has(bare(address)) && !all.has(bare(address))) all.set(bare(address), { address, device, why });
  };
  for (const { device, addresses, role } of gateway.interfaces) for (const address of addresses) add(address, device, role);
  for (const { address, device } of carriedAddresses(gateway.snat, gateway.services, gateway.interfaces, networksOf(gateway.interfaces, gateway.ha?.instances ?? []))) {
    add(single(address), device, 'pool or service');
  }
  return [...all.values()];
}

export interface Route {
  family: '-4' | '-6';
  destination: string;
  via: string;
  device: string;
}

/** Routes: those named, else the default of the first outside device that has a next hop; for each family. */
export function routes(gateway: Gateway): Route[] {
  const list: Route[] = [];
  const defaults = new Set<string>();
  for (const { device, role, gateways = [], routes: all } of gateway.interfaces) {
    for (const via of gateways) {
      const family = isIPv6(via) ? '-6' : '-4';
      const named = all.filter((each) => isIPv6(bare(each)) === isIPv6(via));
      for (const destination of named) list.push({ family, destination, via, device });
      if (named.length === 0 && role === 'outside' && !defaults.has(family)) {
        defaults.add(family);
        list.push({ family, destination: 'default', via, device });
      }
    }
  }
  return list;
}

export function network({ gateway }: Context): Part {
  const addresses = carried(gateway);
  const all = routes(gateway);
  const effects: Effect[] = [
    ...addresses.map(({ address, device, why }): Effect => ({ id: `address ${bare(address)}`, part: 'network', claim: `${device} has ${bare(address)} (${why})`, probe: probe.address(bare(address), device), expect: { equals: 'present' } })),
    ...all.map(({ family, destination, via, device }): Effect => ({ id: `route ${destination}${family === '-6' ? ' IPv6' : ''}`, part: 'network', claim: `${destination} is reached by ${via} on ${device}`, probe: probe.route(family, destination, via, device), expect: { equals: 'present' } })),
    ...gateway.interfaces.flatMap(({ device, mtu }): Effect[] => (mtu === undefined ? [] : [{ id: `mtu ${device}`, part: 'network', claim: `${device} has an MTU of ${String(mtu)}`, probe: probe.mtu(device), expect: { equals: String(mtu) } }])),
  ];
  // Of what is left alone only what the file says is touched.
  const shared = new Set([...(gateway.ha?.instances ?? []).map(({ device }) => device), gateway.ha?.sync?.device]);
  const links = gateway.interfaces.filter(({ device, role, mtu, addresses: own, gateways }) => role !== 'other' || mtu !== undefined || own.length > 0 || gateways !== undefined || shared.has(device));
  return {
    resources: [
      file('network', `${ETC}/links`, lines(links.map(({ device, mtu }) => [device, mtu === undefined ? '-' : String(mtu)])), 'interfaces of the gateway'),
      file('network', `${ETC}/addresses`, lines(addresses.map(({ address, device }) => [address, device])), 'addresses that the gateway must have itself'),
      file('network', `${ETC}/routes`, lines(all.map(({ family, destination, via, device }) => [family, destination, via, device])), 'ways to the networks outside and inside'),
    ],
    effects,
  };
}
