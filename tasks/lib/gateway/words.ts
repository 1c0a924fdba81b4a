import { formatAddress, parseAddress, toRanges } from '../net/address.js';
import { CannotSay, type Service, type SnatRule } from './spec.js';
import type { Step } from './steps.js';

/** Words that several languages share. */

/** Everything, in IPv4's words. */
export const ANY = '0.0.0.0/0';

export const isEverything = (from: string): boolean => from === ANY || from === '::/0';

export const isV6 = (address: string): boolean => address.includes(':');

/** ipvsadm's word for a protocol. */
export const flag = (protocol: 'tcp' | 'udp'): string => (protocol === 'tcp' ? '-t' : '-u');

/** 203.0.113.1:80, [2001:db8::1]:80 */
export const endpoint = (address: string, port: number): string => (isV6(address) ? `[${address}]:${String(port)}` : `${address}:${String(port)}`);

/** A pool as the ranges it consists of, in the order of numbers: 203.0.113.100-203.0.113.102, and how many addresses each has. */
export function ranges(pool: readonly string[]): { text: string; size: number }[] {
  const value = (address: string): bigint => parseAddress(address)?.value ?? 0n;
  const sorted = [...new Set(pool)].sort((one, other) => (value(one) < value(other) ? -1 : 1));
  return toRanges(sorted).map(({ family, first, last }) => {
    const [from, to] = [formatAddress({ family, value: first }), formatAddress({ family, value: last })];
    return { text: from === to ? from : `${from}-${to}`, size: Number(last - first) + 1 };
  });
}

/** gateway.yaml's words for what a rule chooses by. */
const KEYS: Record<keyof SnatRule, string> = { from: 'from', to: 'to', pool: 'pool', oif: 'oif', gateway: 'gw', newGateway: 'new_gw', algorithm: 'algorithm', persistent: 'persistence', persistSeconds: 'persistence for' };

/** Refuses rules that choose by what a language does not know, and algorithms that are not its own. */
export function onlyKnows(language: string, rules: readonly SnatRule[], known: readonly (keyof SnatRule)[], algorithms: readonly NonNullable<SnatRule['algorithm']>[]): void {
  for (const rule of rules) {
    for (const key of Object.keys(rule) as (keyof SnatRule)[]) {
      if (rule[key] !== undefined && !known.includes(key) && key !== 'algorithm') throw new CannotSay(language, key === 'persistent' ? KEYS[key] : `${KEYS[key]} ${String(rule[key])}`);
    }
    if (rule.algorithm !== undefined && !algorithms.includes(rule.algorithm)) throw new CannotSay(language, `algorithm ${rule.algorithm}`);
  }
}

/** Refuses IPv6 where no word for it was seen to work. */
export function onlyIpv4(language: string, rules: readonly SnatRule[]): void {
  if (rules.some(({ from, pool }) => isV6(from) || pool.some(isV6))) throw new CannotSay(language, 'SNAT of IPv6');
}

export function refuseFullnat(language: string, list: readonly Service[]): void {
  if (list.some(({ mode }) => mode === 'fullnat')) throw new CannotSay(language, 'a FULLNAT service');
}

/** NAT and FULLNAT services as every ipvsadm takes them; local addresses with -P -t where the language has it. */
export function serviceSteps(list: readonly Service[], locals: boolean): Step[] {
  return list.flatMap(({ mode, protocol, address, port, servers, local, scheduler = 'rr', persistence, check }): Step[] => {
    if (check) throw new CannotSay('ipvsadm', 'a health check: that is keepalived\'s');
    const service = [flag(protocol), endpoint(address, port)];
    const key = service.join(' ');
    const how = [...service, '-s', scheduler, ...(persistence === undefined ? [] : ['-p', String(persistence)])];
    return [
      { key, add: ['ipvsadm', '-A', ...how], edit: ['ipvsadm', '-E', ...how], remove: ['ipvsadm', '-D', ...service] },
      ...(locals ? (local ?? []) : []).map((each): Step => ({ key: `${key} local ${each}`, parent: key, add: ['ipvsadm', '-P', ...service, '-z', each], remove: ['ipvsadm', '-Q', ...service, '-z', each] })),
      ...servers.map((server): Step => {
        const real = [...service, '-r', endpoint(server.address, server.port)];
        const settings = [...real, mode === 'nat' ? '-m' : '-b', ...(server.weight === undefined || server.weight === 1 ? [] : ['-w', String(server.weight)])];
        return { key: real.join(' '), parent: key, add: ['ipvsadm', '-a', ...settings], edit: ['ipvsadm', '-e', ...settings], remove: ['ipvsadm', '-d', ...real] };
      }),
    ];
  });
}
