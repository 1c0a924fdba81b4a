import { contains, overlap, parseCidr, type Cidr } from '../../../lib/net/address.js';
import { snatRules } from '../resolve/pools.js';
import type { Rule } from './index.js';
import { everyOwnAddress, rulePool } from './situation.js';

/** Rules of snat among themselves: families, twins, what never gets its turn, sources that are nowhere inside. */

const within = (inner: Cidr, outer: Cidr): boolean => contains(outer, { family: inner.family, value: inner.first }) && contains(outer, { family: inner.family, value: inner.last });

export const checkOrder: Rule = (file, { flavour }, { errors, warnings }) => {
  const own = everyOwnAddress(file);
  const inside = [
    ...own.filter(({ role }) => role === 'inside').map(({ value }) => value),
    ...(file.ha?.instances ?? []).filter(({ device }) => file.interfaces.some((each) => each.device === device && each.role === 'inside')).flatMap(({ addresses }) => addresses.flatMap((text) => parseCidr(text) ?? [])),
    ...file.interfaces.filter(({ role }) => role === 'inside').flatMap(({ routes }) => routes.flatMap((text) => parseCidr(text) ?? [])),
  ];
  const insideKnown = file.interfaces.every(({ role, device }) => role !== 'inside' || own.some((each) => each.device === device));
  file.snat.forEach(({ from, to, gw, new_gw: newGw }, index) => {
    const pool = rulePool(file, index);
    const families = new Set(pool.map(({ value }) => value.family));
    if (families.size > 1) errors.push({ path: ['snat', index, 'pool'], message: 'has IPv4 and IPv6 addresses; a pool is of one family' });
    const [family] = families;
    for (const [key, text] of [...(from === undefined ? [] : [from].flat()).map((each) => ['from', each] as const), ['to', to] as const, ['gw', gw] as const, ['new_gw', newGw] as const]) {
      if (text !== undefined && family !== undefined && (text.includes(':') ? 6 : 4) !== family) errors.push({ path: ['snat', index, key], message: `is IPv${family === 4 ? '6' : '4'}, the pool is IPv${String(family)}` });
    }
    for (const text of from === undefined ? [] : [from].flat()) {
      const source = parseCidr(text);
      if (source && source.prefix > 0 && insideKnown && inside.some((each) => each.family === source.family) && !inside.some((each) => overlap(each, source))) {
        warnings.push({ path: ['snat', index, 'from'], message: `${text} is on no network inside; if it is reached by a router there, say so with routes` });
      }
    }
  });
  // The longest prefix decides there, and twins are what its language cannot say.
  if (flavour.language?.name === 'snat-rules') return;
  const places = file.snat.flatMap(({ from }, index) => (from === undefined ? [undefined] : [from].flat()).map(() => index));
  const rules = snatRules(file);
  rules.forEach((rule, at) => {
    const source = parseCidr(rule.from);
    const first = rules.slice(0, at).findIndex((before) => {
      const other = parseCidr(before.from);
      const wider = source !== undefined && other !== undefined && source.family === other.family && within(source, other);
      return wider && (before.oif === undefined || before.oif === rule.oif) && (before.gateway === undefined || before.gateway === rule.gateway) && (before.to === undefined || before.to === rule.to);
    });
    if (first < 0) return;
    const twin = rules[first]?.from === rule.from && rules[first].oif === rule.oif && rules[first].to === rule.to && rules[first].gateway === rule.gateway;
    const fault = { path: ['snat', places[at] ?? 0], message: `never gets its turn: snat.${String(places[first] ?? 0)} takes all of its packets` };
    if (twin) errors.push(fault);
    else warnings.push(fault);
  });
};
