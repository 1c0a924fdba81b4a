import { familyOf, parseAddress, parseCidr, parseRange, type Address, type Cidr, type Family, type Range } from '../../../lib/net/address.js';
import type { YamlPath } from '../../../lib/yaml.js';
import { poolEntries } from '../resolve/pools.js';
import type { GatewayFile } from '../schema/index.js';

/** Everything in the file that has an address, read once, each with its place. */

export interface Placed<T> {
  value: T;
  /** As it is written. */
  text: string;
  path: YamlPath;
}

export interface OwnAddress extends Placed<Cidr> {
  device: string;
  role: GatewayFile['interfaces'][number]['role'];
  /** Host whose it is; undefined: every host's. */
  host?: string;
}

export interface PoolRange extends Placed<Range> {
  /** Name of the pool, or of the rule whose own it is. */
  pool: string;
}

export interface UsedAddress extends Placed<Address> {
  what: string;
}

/** Hosts of the file; one without a name where it names none. */
export const hostsOf = (file: GatewayFile): (string | undefined)[] => (Object.keys(file.hosts).length > 0 ? Object.keys(file.hosts) : [undefined]);

function own(file: GatewayFile, host: string | undefined): OwnAddress[] {
  const replaced = host === undefined ? {} : (file.hosts[host]?.addresses ?? {});
  return file.interfaces.flatMap(({ device, role, addresses }, index) => {
    const mine = Object.hasOwn(replaced, device) ? replaced[device] : undefined;
    return (mine ?? addresses).flatMap((text, at): OwnAddress[] => {
      const value = parseCidr(text);
      const path: YamlPath = mine && host !== undefined ? ['hosts', host, 'addresses', device, at] : ['interfaces', index, 'addresses', at];
      return value ? [{ value, text, device, role, path, ...(mine && host !== undefined ? { host } : {}) }] : [];
    });
  });
}

/** Addresses that hosts have by themselves. */
export const ownAddresses = (file: GatewayFile): { host: string | undefined; addresses: OwnAddress[] }[] => hostsOf(file).map((host) => ({ host, addresses: own(file, host) }));

/** Own addresses of all hosts, each place once. */
export function everyOwnAddress(file: GatewayFile): OwnAddress[] {
  const seen = new Set<string>();
  return ownAddresses(file).flatMap(({ addresses }) => addresses.filter(({ path }) => !seen.has(path.join(' ')) && seen.add(path.join(' ')) !== undefined));
}

/** Addresses that move with VRRP, as the file says them. */
export function virtualAddresses(file: GatewayFile): (Placed<Cidr> & { device: string })[] {
  return (file.ha?.instances ?? []).flatMap(({ device, addresses }, index) =>
    addresses.flatMap((text, at) => {
      const value = parseCidr(text);
      return value ? [{ value, text, device, path: ['ha', 'instances', index, 'addresses', at] }] : [];
    }),
  );
}

const ranges = (entries: readonly string[], path: YamlPath, pool: string): PoolRange[] =>
  entries.flatMap((text, index) => {
    const value = parseRange(text);
    return value ? [{ value, text, pool, path: [...path, index] }] : [];
  });

/** Pools by name, and those that rules have of their own. */
export function poolRanges(file: GatewayFile): PoolRange[] {
  return [
    ...Object.entries(file.pools).flatMap(([name, entries]) => ranges(entries, ['pools', name], `pool ${name}`)),
    ...file.snat.flatMap(({ pool }, index) => (typeof pool === 'string' ? [] : ranges(pool, ['snat', index, 'pool'], `the pool of snat.${String(index)}`))),
  ];
}

/** The pool of a rule. */
export const rulePool = (file: GatewayFile, index: number): PoolRange[] => {
  const pool = file.snat[index]?.pool ?? [];
  return ranges(poolEntries(file, pool) ?? [], typeof pool === 'string' ? ['pools', pool] : ['snat', index, 'pool'], typeof pool === 'string' ? `pool ${pool}` : 'its pool');
};

/** FULLNAT's local addresses. */
export const localRanges = (file: GatewayFile): PoolRange[] => file.services.flatMap(({ local }, index) => ranges(local ?? [], ['services', index, 'local'], `the local addresses of services.${String(index)}`));

const used = (text: string | undefined, path: YamlPath, what: string): UsedAddress[] => {
  const value = text === undefined ? undefined : parseAddress(text);
  return value && text !== undefined ? [{ value, text, path, what }] : [];
};

export const serviceAddresses = (file: GatewayFile): (UsedAddress & { index: number; mode: 'nat' | 'fullnat' })[] =>
  file.services.flatMap(({ address, mode }, index) => used(address, ['services', index, 'address'], 'a service').map((each) => ({ ...each, index, mode })));

/** Next hops of an interface, each with its place and the routes of its family. */
export function gatewaysOf(file: GatewayFile, index: number): { text: string; path: YamlPath; family: Family; routes: string[] }[] {
  const { gateway, routes = [] } = file.interfaces[index] ?? {};
  return (gateway === undefined ? [] : [gateway].flat()).map((text, at) => ({
    text,
    path: ['interfaces', index, 'gateway', ...(typeof gateway === 'string' ? [] : [at])],
    family: familyOf(text),
    routes: routes.filter((each) => familyOf(each) === familyOf(text)),
  }));
}

/** Routers that the file names, with the device they must be beyond where it says so. */
export const nextHops = (file: GatewayFile): (UsedAddress & { device?: string })[] => [
  ...file.interfaces.flatMap(({ device }, index) => gatewaysOf(file, index).flatMap(({ text, path }) => used(text, path, 'the next hop')).map((each) => ({ ...each, device }))),
  ...file.snat.flatMap(({ gw, new_gw: newGw, oif }, index) => [
    ...used(gw, ['snat', index, 'gw'], 'the next hop').map((each) => ({ ...each, ...(oif === undefined ? {} : { device: oif }) })),
    ...used(newGw, ['snat', index, 'new_gw'], 'the next hop'),
  ]),
  ...file.redirects.flatMap(({ gw, oif, next_hop: hop }, index) => [
    ...used(gw, ['redirects', index, 'gw'], 'the next hop').map((each) => ({ ...each, ...(oif === undefined ? {} : { device: oif }) })),
    ...used(hop, ['redirects', index, 'next_hop'], 'the next hop'),
  ]),
];

