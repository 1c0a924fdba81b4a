import { contains, familyOf, formatAddress, formatNetwork, overlap, parseCidr, sizeOf, type Address } from '../../../lib/net/address.js';
import type { LanguageName } from '../../../lib/gateway/languages.js';
import { plain } from '../resolve/pools.js';
import type { Rule } from './index.js';
import { everyOwnAddress, gatewaysOf, localRanges, nextHops, ownAddresses, poolRanges, rulePool, serviceAddresses, virtualAddresses, type OwnAddress } from './situation.js';

/** Addresses: whose they are, and that nobody else has them. */

const addressOf = ({ value: { family, address } }: OwnAddress): Address => ({ family, value: address });

const LINK_LOCAL = parseCidr('fe80::/10');

/** Languages whose IPVS takes a pool's address whole: nothing else on the gateway can use it. */
const WHOLE: readonly (LanguageName | 'chroute')[] = ['dsnat', 'dsnat-zones', 'lvs-snat-zones', 'snat-rules', 'fwmark-snat', 'nat-service', 'fullnat'];

export const checkRoles: Rule = (file, _context, { errors }) => {
  const has = (role: string): boolean => file.interfaces.some((each) => each.role === role);
  if (file.snat.length > 0 && !has('inside')) errors.push({ path: ['interfaces'], message: 'none has role: inside' });
  if (file.snat.length > 0 && !has('outside')) errors.push({ path: ['interfaces'], message: 'none has role: outside' });
  if (file.snat.length === 0 && file.services.length === 0) errors.push({ path: [], message: 'neither snat nor services: there is nothing to do' });
  for (const family of [4, 6]) {
    const same = file.interfaces.flatMap(({ role, device }, index) => gatewaysOf(file, index).filter((each) => each.family === family && each.routes.length === 0 && role === 'outside').map(({ path }) => ({ path, device })));
    for (const { path } of same.slice(1)) errors.push({ path, message: `the default route is by ${same[0]?.device ?? ''} already; say with routes what goes by this one` });
  }
};

/** What goes by a next hop must be said with it, and the other way round. */
export const checkWays: Rule = (file, _context, { errors, warnings }) => {
  file.interfaces.forEach(({ device, role, routes }, index) => {
    const gateways = gatewaysOf(file, index);
    gateways.forEach(({ path, family, routes: own }, at) => {
      if (gateways.slice(0, at).some((each) => each.family === family)) errors.push({ path, message: `a second next hop of IPv${String(family)}; say one for each family` });
      else if (own.length === 0 && role !== 'outside') errors.push({ path, message: `nothing goes by it: say with routes what does (the default route is an outside device's)` });
    });
    routes.forEach((text, at) => {
      if (gateways.length > 0 && !gateways.some(({ family }) => family === familyOf(text))) errors.push({ path: ['interfaces', index, 'routes', at], message: `is IPv${String(familyOf(text))}, and no gateway is` });
    });
    if (gateways.length === 0 && routes.length > 0) warnings.push({ path: ['interfaces', index, 'routes'], message: `no gateway is said: ${device} gets no such routes, the host must have them from elsewhere` });
  });
  // A host that forwards heeds no router advertisements unless it is told to.
  const six = file.snat.findIndex((_rule, index) => rulePool(file, index).some(({ value }) => value.family === 6));
  const outside = file.interfaces.flatMap(({ role, device }, index) => (role === 'outside' ? [{ device, index }] : []));
  const heeds = (device: string): boolean => Object.entries(file.tuning.sysctls).some(([name, value]) => name === `net.ipv6.conf.${device.replaceAll('.', '/')}.accept_ra` && String(value) === '2');
  if (six >= 0 && !outside.some(({ device, index }) => gatewaysOf(file, index).some(({ family }) => family === 6) || heeds(device))) {
    warnings.push({ path: ['snat', six, 'pool'], message: `no outside device has an IPv6 gateway, and a host that forwards takes none from router advertisements (tuning.sysctls: {net.ipv6.conf.${(outside[0]?.device ?? '').replaceAll('.', '/')}.accept_ra: 2} makes it)` });
  }
};

export const checkOwn: Rule = (file, _context, { errors, warnings }) => {
  for (const { addresses } of ownAddresses(file)) {
    addresses.forEach((each, index) => {
      const before = addresses.slice(0, index);
      const twin = before.find((other) => other.value.family === each.value.family && other.value.address === each.value.address);
      if (twin) errors.push({ path: each.path, message: `${each.text.split('/')[0] ?? ''} is ${twin.device}'s already` });
      else {
        const crossing = before.find((other) => other.device !== each.device && overlap(other.value, each.value));
        if (crossing) warnings.push({ path: each.path, message: `its network overlaps that of ${crossing.device} (${crossing.text}): answers may leave by the wrong device` });
      }
    });
  }
  const own = everyOwnAddress(file);
  virtualAddresses(file).forEach((each, index, all) => {
    const owner = own.find(({ value }) => value.family === each.value.family && value.address === each.value.address);
    if (owner) errors.push({ path: each.path, message: `is the own address of ${owner.host ?? owner.device}; an address that moves belongs to no host` });
    if (all.slice(0, index).some(({ value }) => value.family === each.value.family && value.address === each.value.address)) errors.push({ path: each.path, message: 'is in ha.instances twice' });
  });
};

export const checkNextHops: Rule = (file, _context, { errors }) => {
  const own = everyOwnAddress(file);
  const networks = [...own, ...virtualAddresses(file)];
  for (const { value, text, path, device } of nextHops(file)) {
    const mine = own.find((each) => each.value.family === value.family && each.value.address === value.value);
    if (mine) errors.push({ path, message: `${text} is the gateway itself (${mine.device})` });
    // fe80::1 is on every device's network.
    if (device !== undefined && LINK_LOCAL && contains(LINK_LOCAL, value)) continue;
    const near = networks.filter((each) => each.value.family === value.family && (device === undefined || each.device === device));
    // A device without addresses in the file has those that the host gives it.
    const known = device === undefined ? file.interfaces.every((each) => each.role !== 'outside' || networks.some((other) => other.device === each.device)) : near.length > 0;
    if (known && !near.some((each) => contains(each.value, value))) {
      errors.push({ path, message: `${text} is on no network ${device === undefined ? 'of the gateway' : `of ${device}`} (${near.map(({ text: network }) => network).join(', ') || 'it has no address of that family'})` });
    }
  }
};

export const checkPools: Rule = (file, { flavour }, { errors, warnings }) => {
  const own = everyOwnAddress(file);
  const pools = poolRanges(file);
  const whole = flavour.language !== undefined && WHOLE.includes(flavour.language.name);
  pools.forEach(({ value, path, pool, text }, index) => {
    for (const other of pools.slice(0, index)) {
      if (!overlap(value, other.value)) continue;
      if (other.pool === pool) errors.push({ path, message: `overlaps ${other.text} of the same pool` });
      else warnings.push({ path, message: `overlaps ${other.text} of ${other.pool}: both use the ports of the same addresses` });
    }
    for (const each of own) {
      const address = addressOf(each);
      const shown = formatAddress(address);
      if (contains(value, address)) {
        if (whole) errors.push({ path, message: `${shown} is ${each.device}'s own address; ${flavour.name} takes a pool's addresses whole, and the host could not be reached at it` });
        else warnings.push({ path, message: `${shown} is ${each.device}'s own address: connections of the gateway itself use the same ports` });
      }
      if (!overlap(value, each.value)) continue;
      if (each.role === 'inside') errors.push({ path, message: `is in ${formatNetwork(each.value)}, the network inside (${each.device})` });
      const last = each.value.family === 4 && each.value.prefix < 31 ? [each.value.first, each.value.last] : [];
      for (const special of last) if (contains(value, { family: 4, value: special })) errors.push({ path, message: `${formatAddress({ family: 4, value: special })} is the ${special === each.value.first ? 'network' : 'broadcast'} address of ${formatNetwork(each.value)}` });
    }
    for (const hop of nextHops(file)) if (contains(value, hop.value)) errors.push({ path, message: `${hop.text} is a next hop (${hop.path.join('.')})` });
    const outside = own.filter(({ role, value: network }) => role === 'outside' && network.family === value.family);
    if (outside.length > 0 && !outside.some((each) => overlap(each.value, value)) && !virtualAddresses(file).some((each) => overlap(each.value, value))) {
      warnings.push({ path, message: `${text} is on no network outside: the router beyond must route it to this gateway` });
    }
  });
};

export const checkServiceAddresses: Rule = (file, { flavour }, { errors, warnings }) => {
  const own = everyOwnAddress(file);
  const pools = poolRanges(file);
  const seen = new Map<string, number>();
  for (const { value, path, index, mode } of serviceAddresses(file)) {
    const { protocol, port } = file.services[index] ?? { protocol: 'tcp', port: 0 };
    const key = `${protocol} ${formatAddress(value)} ${String(port)}`;
    const first = seen.get(key);
    if (first !== undefined) errors.push({ path, message: `services.${String(first)} is ${key} already` });
    seen.set(key, index);
    const owner = own.find((each) => each.value.family === value.family && each.value.address === value.value);
    if (owner && mode === 'fullnat') errors.push({ path, message: `is ${owner.device}'s own address; FULLNAT takes an address whole, and the host could not be reached at it` });
    const pool = pools.find((each) => contains(each.value, value));
    if (pool && mode === 'fullnat') errors.push({ path, message: `is in ${pool.pool}: answers to SNAT come to the same address` });
    else if (pool && flavour.language?.name !== 'nat-snat') warnings.push({ path, message: `is in ${pool.pool}: SNAT and this service share the ports of the address` });
  }
  for (const { value, path, pool: what } of localRanges(file)) {
    const pool = pools.find((each) => overlap(each.value, value));
    if (pool) errors.push({ path, message: `overlaps ${pool.pool}` });
    const mine = own.find((each) => contains(value, addressOf(each)));
    if (mine) errors.push({ path, message: `${mine.text.split('/')[0] ?? ''} is ${mine.device}'s own address; ${what} are taken whole` });
    if (sizeOf(value) > 1024n) warnings.push({ path, message: `${String(sizeOf(value))} local addresses; each gives 60,000 connections to a real server` });
  }
  file.services.forEach(({ servers }, index) => {
    const there = new Set<string>();
    servers.forEach(({ address, port }, at) => {
      const path = ['services', index, 'servers', at, 'address'];
      const key = `${plain(address)} ${String(port ?? 0)}`;
      if (there.has(key)) errors.push({ path, message: 'is a real server of this service already' });
      there.add(key);
      if (own.some((each) => formatAddress(addressOf(each)) === plain(address))) errors.push({ path, message: "is the gateway's own address" });
      if (address.includes(':') !== (file.services[index]?.address.includes(':') ?? false)) errors.push({ path, message: 'is of another family than the service' });
    });
  });
};
