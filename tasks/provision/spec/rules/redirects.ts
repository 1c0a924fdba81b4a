import { contains, overlap, parseAddress, parseCidr } from '../../../lib/net/address.js';
import type { GatewayFile } from '../schema/index.js';
import type { Rule } from './index.js';
import { everyOwnAddress, virtualAddresses } from './situation.js';

/** CHROUTE: what is sent to another next hop, and whether it is translated there. */

type Redirect = GatewayFile['redirects'][number];

/** Devices that a next hop is beyond. */
function devicesTo(file: GatewayFile, hop: string): Set<string> {
  const value = parseAddress(hop);
  const networks = [...everyOwnAddress(file), ...virtualAddresses(file)];
  return new Set(value === undefined ? [] : networks.filter((each) => each.value.family === value.family && contains(each.value, value)).map(({ device }) => device));
}

const meets = (one: string | undefined, other: string | undefined): boolean => {
  const [first, second] = [one, other].map((text) => (text === undefined ? undefined : parseCidr(text)));
  return first === undefined || second === undefined || overlap(first, second);
};

const sourcesOf = (from: GatewayFile['snat'][number]['from']): (string | undefined)[] => (Array.isArray(from) ? from : [from]);

/** netfilter's SNAT knows the device that a packet leaves by, and CHROUTE changes it. */
function untranslated(file: GatewayFile, { from, to, next_hop: hop }: Redirect): string | undefined {
  const first = file.interfaces.find(({ role }) => role === 'outside')?.device;
  return [...devicesTo(file, hop)].find(
    (device) =>
      file.interfaces.some((each) => each.device === device && each.role === 'outside') &&
      !file.snat.some((rule) => (rule.oif ?? first) === device && meets(to, rule.to) && sourcesOf(rule.from).some((source) => meets(from, source))),
  );
}

export const checkRedirects: Rule = (file, { flavour }, { errors, warnings }) => {
  const byNetfilter = flavour.language?.name === 'iptables';
  if (file.redirects.length > 0 && !file.with.includes('chroute')) errors.push({ path: ['redirects'], message: 'needs the add-on: with: [chroute]' });
  file.redirects.forEach((redirect, index) => {
    const { from, to, gw, next_hop: hop } = redirect;
    if ([from, to, gw, hop].some((text) => text?.includes(':'))) errors.push({ path: ['redirects', index], message: 'CHROUTE is for IPv4' });
    const device = byNetfilter ? untranslated(file, redirect) : undefined;
    if (device !== undefined) errors.push({ path: ['redirects', index, 'next_hop'], message: `${hop} is beyond ${device}, where no rule of snat translates what comes; add one with oif: ${device}` });
    if (!byNetfilter && file.snat.some((rule) => meets(to, rule.to) && sourcesOf(rule.from).some((source) => meets(from, source)))) {
      warnings.push({ path: ['redirects', index], message: 'what IPVS translates is not redirected: IPVS finds the route of what it sends itself. lvs-snat-v2 has new_gw in snat for it; with iptables-snat CHROUTE redirects what is translated' });
    }
  });
};
