import { addressesOf, formatAddress, formatCidr, formatNetwork, parseAddress, parseCidr, parseRange } from '../../../lib/net/address.js';
import type { SnatRule } from '../../../lib/gateway/spec.js';
import type { GatewayFile } from '../schema/index.js';

/** Names and ranges as the lists of addresses they stand for; addresses in the form that iproute2 prints. */

/** One form for one address. */
export function plain(text: string): string {
  const parsed = parseAddress(text);
  return parsed ? formatAddress(parsed) : text;
}

/** One form for one network; a single address is /32 or /128. */
export function plainNetwork(text: string): string {
  const parsed = parseCidr(text);
  return parsed ? formatNetwork(parsed) : text;
}

/** One form for an address with the length of its network. */
export function plainCidr(text: string): string {
  const parsed = parseCidr(text);
  return parsed ? formatCidr(parsed) : text;
}

export const expandPool = (entries: readonly string[]): string[] => entries.flatMap((entry) => {
  const range = parseRange(entry);
  return range ? addressesOf(range) : [];
});

/** Entries of a rule's pool: those of the pool it names, or its own. @returns undefined when there is no pool of the name */
export function poolEntries(file: GatewayFile, pool: string | readonly string[]): readonly string[] | undefined {
  return typeof pool === 'string' ? (Object.hasOwn(file.pools, pool) ? file.pools[pool] : undefined) : pool;
}

/** A rule of the file: as many rules as it has source networks. */
export function snatRules(file: GatewayFile): SnatRule[] {
  return file.snat.flatMap((rule) => {
    const pool = expandPool(poolEntries(file, rule.pool) ?? []);
    const everything = pool[0]?.includes(':') ? '::/0' : '0.0.0.0/0';
    const sources = rule.from === undefined ? [everything] : [rule.from].flat();
    const { persistence } = rule;
    return sources.map((from): SnatRule => ({
      from: plainNetwork(from),
      ...(rule.to === undefined ? {} : { to: plainNetwork(rule.to) }),
      pool,
      ...(rule.oif === undefined ? {} : { oif: rule.oif }),
      ...(rule.gw === undefined ? {} : { gateway: plain(rule.gw) }),
      ...(rule.new_gw === undefined ? {} : { newGateway: plain(rule.new_gw) }),
      ...(rule.algorithm === undefined ? {} : { algorithm: rule.algorithm }),
      ...(persistence === undefined || persistence === false ? {} : { persistent: true, ...(typeof persistence === 'number' ? { persistSeconds: persistence } : {}) }),
    }));
  });
}
