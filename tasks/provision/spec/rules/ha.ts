import { isOldKernel } from '../../../lib/kernel-release.js';
import { contains, formatAddress, parseCidr } from '../../../lib/net/address.js';
import { instanceNames, instancesOf, priorities } from '../resolve/ha.js';
import { resolveGateway } from '../resolve/index.js';
import { carriedAddresses, networksOf } from '../resolve/interfaces.js';
import type { Rule } from './index.js';
import { everyOwnAddress, ownAddresses, virtualAddresses } from './situation.js';

/** Several hosts: what each must have of its own, and what VRRP needs to tell them apart. */

export const checkHosts: Rule = (file, _context, { errors, warnings }) => {
  const hosts = Object.keys(file.hosts);
  const seen = new Map<string, { host: string; device: string }>();
  for (const { host, addresses } of ownAddresses(file)) {
    for (const { value, device, path } of addresses) {
      const key = formatAddress({ family: value.family, value: value.address });
      const other = seen.get(key);
      if (other && host !== undefined && other.host !== host) (file.ha ? errors : warnings).push({ path, message: `${key} is on ${other.host} and ${host}; say with hosts.NAME.addresses what each has` });
      seen.set(key, { host: host ?? '', device });
    }
  }
  const managements = new Map<string, string>();
  for (const host of hosts) {
    const management = file.hosts[host]?.management;
    if (management === undefined) continue;
    const other = managements.get(management);
    if (other !== undefined) errors.push({ path: ['hosts', host, 'management'], message: `is that of ${other} too` });
    managements.set(management, host);
  }
  if (hosts.length > 1 && file.access.management !== undefined && hosts.some((host) => file.hosts[host]?.management === undefined)) {
    errors.push({ path: ['access', 'management'], message: 'is one address for several hosts; say with hosts.NAME.management what each has' });
  }
};

export const checkHa: Rule = (file, context, { errors, warnings }) => {
  const { ha } = file;
  if (!ha) {
    for (const [host, values] of Object.entries(file.hosts)) if (values?.priority !== undefined) warnings.push({ path: ['hosts', host, 'priority'], message: 'means nothing without ha' });
    return;
  }
  const hosts = Object.keys(file.hosts);
  if (hosts.length < 2) errors.push({ path: ['ha'], message: `needs two hosts at least; hosts names ${hosts.join(', ') || 'none'}` });
  const taken = new Map<number, string>();
  for (const [host, priority] of priorities(file)) {
    const other = taken.get(priority);
    if (other !== undefined) errors.push({ path: file.hosts[host]?.priority === undefined ? ['hosts', host] : ['hosts', host, 'priority'], message: `priority ${String(priority)} is that of ${other} too: both could become master` });
    taken.set(priority, host);
  }
  const names = instanceNames(file);
  const instanceId = ha.instances[0]?.id ?? 0;
  if (ha.sync?.id !== undefined && ha.sync.id !== instanceId && isOldKernel(context.base.release ?? '')) errors.push({ path: ['ha', 'sync', 'id'], message: `keepalived 1.2 takes the id of the first instance: leave it out, or say ${String(instanceId)}` });
  ha.instances.forEach(({ device, id, name }, index) => {
    const path = ['ha', 'instances', index];
    const twin = ha.instances.slice(0, index).findIndex((other) => other.id === id);
    if (twin >= 0) {
      const same = ha.instances[twin]?.device === device;
      (same ? errors : warnings).push({ path: [...path, 'id'], message: `${String(id)} is that of ${names[twin] ?? ''} too${same ? '' : '; only right when the two devices are on separate networks'}` });
    }
    if (names.indexOf(names[index] ?? '') !== index) errors.push({ path: name === undefined ? path : [...path, 'name'], message: `the name ${names[index] ?? ''} is another instance's` });
  });
  for (const host of hosts) {
    const own = ownAddresses(file).find((each) => each.host === host)?.addresses ?? [];
    for (const device of new Set(ha.instances.map((each) => each.device))) {
      if (!own.some((each) => each.device === device)) errors.push({ path: ['hosts', host], message: `has no address of its own on ${device}, which VRRP's adverts come from: say hosts.${host}.addresses.${device}` });
    }
    for (const { value, text, device, path } of virtualAddresses(file)) {
      const near = own.filter((each) => each.device === device && each.value.family === value.family);
      if (near.length > 0 && !near.some((each) => contains(each.value, { family: value.family, value: value.address }))) warnings.push({ path, message: `${text} is on no network that ${host} has on ${device} (${near.map((each) => each.text).join(', ')})` });
    }
  }
  const [first] = hosts;
  if (first === undefined) return;
  const gateway = resolveGateway(file, first, context);
  const carried = carriedAddresses(gateway.snat, gateway.services, gateway.interfaces, networksOf(gateway.interfaces, ha.instances));
  const without = new Map<string, string>();
  for (const { address, device } of carried) if (device !== undefined && !ha.instances.some((each) => each.device === device)) without.set(device, without.get(device) ?? address);
  for (const [device, address] of without) errors.push({ path: ['ha', 'instances'], message: `none for ${device}, whose pool and service addresses (${address}, …) must move with the role` });
  instancesOf(file, carried).forEach(({ addresses, name, device }, index) => {
    if (addresses.length === 0) errors.push({ path: ['ha', 'instances', index], message: `${name} has no address that moves: VRRP needs one` });
    const family = parseCidr(addresses[0] ?? '')?.family;
    for (const { host, addresses: own } of ha.unicast && family !== undefined ? ownAddresses(file) : []) {
      const there = own.filter((each) => each.device === device);
      if (there.length > 0 && !there.some(({ value }) => value.family === family)) errors.push({ path: ['ha', 'unicast'], message: `${host ?? ''} has no IPv${String(family)} address of its own on ${device}: the adverts of ${name} are IPv${String(family)}, as its first address is` });
    }
  });
};

/** The path by which ssh comes must stay. */
export const checkAccess: Rule = (file, context, { errors, warnings }) => {
  const fullnat = file.services.some(({ mode }) => mode === 'fullnat');
  const own = everyOwnAddress(file);
  for (const { host, addresses } of ownAddresses(file)) {
    const gateway = resolveGateway(file, host ?? 'gateway', context);
    const values = host === undefined ? undefined : file.hosts[host];
    const path = values?.management === undefined ? ['access', 'management'] : ['hosts', host ?? '', 'management'];
    const { management } = gateway.access;
    const usedBy = (address: string): string | undefined => {
      if (gateway.snat.some(({ pool }) => pool.includes(address))) return 'in a pool';
      if (gateway.services.some((each) => each.local?.includes(address))) return 'a local address of a service';
      if (gateway.services.some((each) => each.address === address && each.mode === 'fullnat')) return 'the address of a FULLNAT service, which takes it whole';
      if (gateway.services.some((each) => each.address === address && each.protocol === 'tcp' && gateway.access.ports.includes(each.port))) return 'the address of a service on one of access.ports';
      return gateway.ha?.instances.some((each) => each.addresses.some((text) => text.split('/')[0] === address)) ? 'one that moves with VRRP' : undefined;
    };
    const whole = context.flavour.gateway.toa !== undefined;
    if (management === undefined) {
      if (fullnat) errors.push({ path: ['access'], message: `management is missing${host === undefined ? '' : ` (or hosts.${host}.management)`}: FULLNAT takes all traffic to its addresses, ssh included; name an address of the host that no service or pool uses` });
    } else {
      const use = usedBy(management);
      if (use !== undefined && (whole || use !== 'in a pool')) errors.push({ path, message: `${management} is ${use}: ssh would be cut off` });
      const known = addresses.some(({ value }) => formatAddress({ family: value.family, value: value.address }) === management);
      if (!known && own.length > 0 && file.interfaces.every(({ device }) => addresses.some((each) => each.device === device))) errors.push({ path, message: `${management} is no address of ${host ?? 'the host'}` });
    }
    const ssh = values?.ssh;
    const destination = ssh?.destination?.replace(/^.*@/, '');
    const use = destination === undefined ? undefined : usedBy(destination);
    if (use !== undefined && (whole || use !== 'in a pool')) errors.push({ path: ['hosts', host ?? '', 'ssh', 'destination'], message: `${destination ?? ''} is ${use}: ssh would be cut off` });
    if (ssh?.port !== undefined && !file.access.ports.includes(ssh.port)) warnings.push({ path: ['hosts', host ?? '', 'ssh', 'port'], message: `${String(ssh.port)} is not in access.ports` });
  }
};

