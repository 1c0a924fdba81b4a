import { CannotSay, type GatewaySpec, type SnatRule } from '../spec.js';
import type { Step } from '../steps.js';
import { isV6, onlyKnows, ranges, refuseFullnat, serviceSteps } from '../words.js';

/** netfilter's own SNAT: by iptables, and by nftables. */

/** --persistent is a hash of the source; without it the destination is in the hash (find_best_ips_proto). */
const isSticky = ({ persistent, algorithm }: SnatRule): boolean => persistent === true || algorithm === 'sh';

const byChance = (language: string, rule: SnatRule): void => {
  if (isSticky(rule) || rule.algorithm !== undefined) throw new CannotSay(language, `${isSticky(rule) ? 'one address per client' : `algorithm ${rule.algorithm ?? ''}`} over a pool with gaps (${ranges(rule.pool).map(({ text }) => text).join(', ')})`);
};

export function iptables(spec: GatewaySpec): Step[] {
  onlyKnows('iptables', spec.snat, ['from', 'to', 'pool', 'oif', 'persistent'], ['sh', 'sdh']);
  refuseFullnat('iptables', spec.services);
  return [
    ...spec.snat.flatMap((rule): Step[] => {
      const { from, to, oif } = rule;
      const program = isV6(from) ? 'ip6tables' : 'iptables';
      const parts = ranges(rule.pool);
      if (parts.length > 1) byChance('iptables', rule);
      return parts.map(({ text, size }, index): Step => {
        // A rule takes one range; a connection comes to each with the chance that its size has among what is left.
        const left = parts.slice(index).reduce((sum, part) => sum + part.size, 0);
        const words = [
          '-s', from,
          ...(to === undefined ? [] : ['-d', to]),
          '-o', oif ?? spec.outside,
          ...(size === left ? [] : ['-m', 'statistic', '--mode', 'random', '--probability', (size / left).toFixed(8)]),
          '-j', 'SNAT', '--to-source', text,
          ...(isSticky(rule) ? ['--persistent'] : []),
        ];
        return { key: `${program} ${words.join(' ')}`, list: program, add: [program, '-t', 'nat', '-A', 'POSTROUTING', ...words], remove: [program, '-t', 'nat', '-D', 'POSTROUTING', ...words] };
      });
    }),
    ...serviceSteps(spec.services, false),
  ];
}

/** nftables' own words for the same: for comparison on current kernels. */
export function nftables(spec: GatewaySpec): Step[] {
  onlyKnows('nftables', spec.snat, ['from', 'to', 'pool', 'oif', 'persistent'], ['sh', 'sdh']);
  refuseFullnat('nftables', spec.services);
  return [
    ...(['ip', 'ip6'] as const).flatMap((family): Step[] => {
      const rules = spec.snat.filter(({ from }) => isV6(from) === (family === 'ip6'));
      if (rules.length === 0 && (family === 'ip6' || spec.snat.length > 0)) return [];
      const written = rules.map((rule) => {
        const [range, second] = ranges(rule.pool);
        if (second) throw new CannotSay('nftables', 'a pool with gaps');
        return [family, 'saddr', rule.from, ...(rule.to === undefined ? [] : [family, 'daddr', rule.to]), 'oifname', rule.oif ?? spec.outside, 'snat', 'to', range?.text ?? '', ...(isSticky(rule) ? ['persistent'] : [])];
      });
      // A rule is deleted by a handle that nft gave it; the table as a whole is the step.
      const table = `table ${family} ${JSON.stringify(written)}`;
      return [
        { key: table, list: family, add: ['nft', 'add', 'table', family, 'gateway'], remove: ['nft', 'delete', 'table', family, 'gateway'] },
        { key: `${table} chain`, parent: table, add: ['nft', 'add', 'chain', family, 'gateway', 'postrouting', '{ type nat hook postrouting priority srcnat; }'], remove: ['nft', 'delete', 'chain', family, 'gateway', 'postrouting'] },
        ...written.map((words): Step => ({ key: `${table} ${words.join(' ')}`, parent: table, add: ['nft', 'add', 'rule', family, 'gateway', 'postrouting', ...words], remove: ['nft', 'flush', 'chain', family, 'gateway', 'postrouting'] })),
      ];
    }),
    ...serviceSteps(spec.services, false),
  ];
}
