import { contains, parseAddress, parseCidr } from '../../../lib/net/address.js';
import type { GatewayInterface, HighAvailability } from '../../types.js';
import type { GatewayFile } from '../schema/index.js';
import { single, type CarriedAddress } from './interfaces.js';
import { plainCidr } from './pools.js';

/** High availability as one of the hosts sees it. */

/** INSIDE, OUTSIDE, OUTSIDE2, … where an instance has no name. */
export function instanceNames(file: GatewayFile): string[] {
  const names: string[] = [];
  for (const { name, device } of file.ha?.instances ?? []) {
    const role = file.interfaces.find((each) => each.device === device)?.role ?? 'other';
    let made = name ?? role.toUpperCase();
    for (let next = 2; name === undefined && names.includes(made); next += 1) made = `${role.toUpperCase()}${String(next)}`;
    names.push(made);
  }
  return names;
}

/** Instances with the addresses they carry: those of the file, then pools and services. */
export function instancesOf(file: GatewayFile, carried: readonly CarriedAddress[]): HighAvailability['instances'] {
  const names = instanceNames(file);
  return (file.ha?.instances ?? []).map(({ device, id, addresses }, index, all) => ({
    name: names[index] ?? '',
    device,
    id,
    addresses: [
      ...addresses.map(plainCidr),
      // The first instance of the device carries them.
      ...(all.findIndex((each) => each.device === device) === index
        ? carried.filter((each) => each.device === device && !addresses.some((text) => plainCidr(text).split('/')[0] === each.address)).map(({ address }) => single(address))
        : []),
    ],
  }));
}

/** The hosts' priorities, in the file's order; 100 where none is said. */
export function priorities(file: GatewayFile): Map<string, number> {
  return new Map(Object.entries(file.hosts).map(([host, values]) => [host, values?.priority ?? 100]));
}

/** A host's own address on a device, of the family that an instance's first address has: keepalived's adverts are of that. */
function addressOn(file: GatewayFile, host: string, device: string, virtual: readonly string[]): string | undefined {
  const networks = virtual.flatMap((text) => parseCidr(text) ?? []);
  const own = (file.hosts[host]?.addresses[device] ?? []).map(plainCidr).filter((text) => networks[0] === undefined || parseCidr(text)?.family === networks[0].family);
  const plainAddresses = own.map((text) => text.split('/')[0] ?? '');
  return plainAddresses.find((text) => {
    const parsed = parseAddress(text);
    return parsed && networks.some((network) => contains(network, parsed));
  }) ?? plainAddresses[0];
}

function unicastOf(file: GatewayFile, host: string, { device, addresses }: HighAvailability['instances'][number]): HighAvailability['instances'][number]['unicast'] {
  const source = addressOn(file, host, device, addresses);
  if (!file.ha?.unicast || source === undefined) return undefined;
  return { source, peers: Object.keys(file.hosts).filter((other) => other !== host).flatMap((other) => addressOn(file, other, device, addresses) ?? []) };
}

export function resolveHa(file: GatewayFile, host: string, password: string, carried: readonly CarriedAddress[]): HighAvailability | undefined {
  const { ha } = file;
  if (!ha) return undefined;
  const all = priorities(file);
  const priority = all.get(host) ?? 100;
  const [first] = ha.instances;
  return {
    password,
    priority,
    master: [...all.values()].every((other) => other <= priority),
    instances: instancesOf(file, carried).map((instance) => {
      const unicast = unicastOf(file, host, instance);
      return { ...instance, ...(unicast ? { unicast } : {}) };
    }),
    syncGroup: ha.sync_group,
    ...(ha.sync ? { sync: { device: ha.sync.device, id: ha.sync.id ?? 1 } } : {}),
    preemptDelay: ha.preempt_delay ?? (ha.sync ? 30 : 0),
    peers: Object.keys(file.hosts)
      .filter((other) => other !== host)
      .map((name) => {
        const address = first && addressOn(file, name, first.device, first.addresses);
        return { name, ...(address === undefined ? {} : { address }) };
      }),
  };
}

/** Addresses that the host itself has: its own, and without VRRP those of pools and services. */
export function withCarried(interfaces: readonly GatewayInterface[], carried: readonly CarriedAddress[], shared: boolean): GatewayInterface[] {
  if (shared) return [...interfaces];
  return interfaces.map((each) => ({
    ...each,
    addresses: [...each.addresses, ...carried.filter(({ device, address }) => device === each.device && !each.addresses.some((text) => text.split('/')[0] === address)).map(({ address }) => single(address))],
  }));
}
