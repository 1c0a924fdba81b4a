import { isIPv6 } from 'node:net';
import { ranges } from '../../lib/gateway/words.js';
import type { Effect, Gateway, Resource } from '../types.js';
import { ETC, file, withRole, type Context, type Part } from './context.js';
import { PROBE_PATH } from './effects.js';
import { carried } from './network.js';
import { lines, quote, rest } from './words.js';

/**
 * iptables, in chains of our own (BK-…) that are replaced as a whole: SNAT of the language iptables, marks of nat-snat,
 * CHROUTE's redirects, the guard against what leaves untranslated, and what must get in past a firewall of the host's.
 */

type Rule = readonly string[];
/** Rules by table and built-in chain. */
type Chains = Map<string, Rule[]>;

type Version = 4 | 6;

const PRIVATE: Record<Version, readonly string[]> = { 4: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'], 6: ['fc00::/7'] };
const bare = (cidr: string): string => cidr.replace(/\/.*$/, '');
const versionOf = (text: string): Version => (isIPv6(bare(text)) ? 6 : 4);
const ours = (chain: string): string => `BK-${chain}`;

/** Does iptables guard here? nat-snat has a guard of its own in the kernel. */
const ownGuard = ({ gateway, tools }: Context): boolean => gateway.access.leakGuard && gateway.language !== 'nat-snat' && tools.iptables !== undefined;

/** Is something there that holds back what is not translated, from before the network is up? */
export const guarded = (context: Context): boolean => context.gateway.snat.length === 0 || ownGuard(context) || (context.gateway.language === 'nat-snat' && context.gateway.access.leakGuard);

function pairs(gateway: Gateway): { inside: string; outside: string }[] {
  return withRole(gateway, 'inside').flatMap((from) => withRole(gateway, 'outside').map((to) => ({ inside: from.device, outside: to.device })));
}

/** Does it translate IPv6, or serve it? What it only forwards is left to the host's own firewall. */
const servesSix = ({ snat, services }: Gateway): boolean => [...snat.flatMap(({ pool }) => pool), ...services.map(({ address }) => address)].some((each) => versionOf(each) === 6);

/** Networks whose addresses must not be seen outside. */
function insideNetworks(gateway: Gateway, version: Version): string[] {
  const named = [...gateway.snat.map(({ from }) => from), ...withRole(gateway, 'inside').flatMap(({ addresses, routes }) => [...addresses, ...routes])];
  const own = named.filter((each) => versionOf(each) === version && !each.endsWith('/0'));
  return [...new Set([...own, ...PRIVATE[version]])];
}

/** A pool as iptables matches it: a rule for each range, so that no address between two of them is let in too. */
function destinations(pool: readonly string[], version: Version): Rule[] {
  return ranges(pool.filter((each) => versionOf(each) === version)).map(({ text }) => (text.includes('-') ? ['-m', 'iprange', '--dst-range', text] : ['-d', text]));
}

/** What the host's own firewall must let in: ssh and the like, adverts of VRRP, synchronisation, and what IPVS takes from INPUT. */
function input({ gateway }: Context, version: Version): Rule[] {
  const accept = (...rule: string[]): Rule => [...rule, '-j', 'ACCEPT'];
  const { ha } = gateway;
  return [
    ...gateway.access.ports.map((port) => accept('-p', 'tcp', '--dport', String(port))),
    ...(ha?.instances ?? []).filter(({ addresses }) => version === 4 || addresses.some((each) => versionOf(each) === 6)).map(({ device }) => accept('-i', device, '-p', '112')),
    ...(ha?.sync && version === 4 ? [accept('-i', ha.sync.device, '-p', 'udp', '--dport', '8848')] : []),
    ...gateway.services.filter(({ address }) => versionOf(address) === version).map(({ address, protocol, port }) => accept('-d', address, '-p', protocol, '--dport', String(port))),
    // Answers to what was translated come to the public addresses; netfilter's own SNAT turns them round before.
    ...(gateway.language === 'iptables' || gateway.language === 'nftables'
      ? []
      : gateway.snat.flatMap(({ pool }) => destinations(pool, version).flatMap((to) => [...(['tcp', 'udp'] as const).map((protocol) => accept(...to, '-p', protocol, '--dport', '1024:65535')), accept(...to, '-p', version === 4 ? 'icmp' : 'ipv6-icmp')]))),
  ];
}

/** FORWARD when the gateway runs: what is translated passes, what would leave as it is does not. */
function forward({ gateway }: Context, version: Version): Rule[] {
  const byNetfilter = gateway.language === 'iptables';
  const rules: Rule[] = [];
  for (const { inside, outside } of pairs(gateway)) {
    const way = ['-i', inside, '-o', outside];
    // Answers of real servers, which IPVS translates after this.
    for (const { protocol, servers } of gateway.services) {
      for (const { address, port } of servers) if (versionOf(address) === version) rules.push([...way, '-p', protocol, '-s', address, '--sport', String(port), '-j', 'ACCEPT']);
    }
    if (byNetfilter) {
      // NAT passes over what conntrack cannot place.
      if (gateway.access.leakGuard) rules.push([...way, '-m', 'state', '--state', 'INVALID', '-j', 'DROP']);
      for (const { from, oif } of gateway.snat) if (versionOf(from) === version && (oif ?? withRole(gateway, 'outside')[0]?.device) === outside) rules.push([...way, '-s', from, '-j', 'ACCEPT']);
      if (gateway.access.leakGuard) for (const from of insideNetworks(gateway, version)) rules.push([...way, '-s', from, '-j', 'DROP']);
    } else rules.push([...way, '-j', 'ACCEPT']);
    rules.push(['-i', outside, '-o', inside, ...(byNetfilter ? ['-m', 'state', '--state', 'ESTABLISHED,RELATED'] : []), '-j', 'ACCEPT']);
  }
  return rules;
}

/** IPVS translates before POSTROUTING: what has an inside source there was not. The host's own packets are not meant. */
function postrouting(context: Context): Rule[] {
  const { gateway } = context;
  if (!ownGuard(context) || gateway.language === 'iptables' || gateway.snat.length === 0) return [];
  const own = [...new Set([...gateway.interfaces.flatMap(({ addresses }) => addresses), ...carried(gateway).map(({ address }) => address)].map(bare).filter((each) => !isIPv6(each)))];
  return [
    ...own.map((address) => ['-s', address, '-j', 'RETURN']),
    ...withRole(gateway, 'outside').flatMap(({ device }) => insideNetworks(gateway, 4).map((from) => ['-s', from, '-o', device, '-j', 'DROP'])),
  ];
}

/** "iptables -t nat -A POSTROUTING …" of a language, as a rule of our chain. */
function fromCommands(chains: Chains, commands: readonly Rule[]): void {
  for (const words of commands) {
    const table = words.includes('-t') ? (words[words.indexOf('-t') + 1] ?? 'filter') : 'filter';
    const at = words.indexOf('-A');
    const chain = words[at + 1];
    if (at < 0 || chain === undefined) throw new Error(`no rule to append: ${words.join(' ')}`);
    add(chains, table, chain, [words.slice(at + 2)]);
  }
}

function add(chains: Chains, table: string, chain: string, rules: readonly Rule[]): void {
  if (rules.length === 0) return;
  const key = `${table} ${chain}`;
  chains.set(key, [...(chains.get(key) ?? []), ...rules]);
}

/** A word of a file for iptables-restore, which knows double quotes and backslashes, no others. @throws ExpectedError usage */
const restoreWord = (value: string): string => {
  const plain = rest(value);
  return /^[A-Za-z0-9_@%+=:,./!-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, '\\$&')}"`;
};

/** A file for iptables-restore --noflush: its chains are emptied and filled at once, the others stay. */
function restoreFile(chains: Chains): string {
  const tables = new Map<string, { chain: string; rules: Rule[] }[]>();
  for (const [key, rules] of chains) {
    const [table = '', chain = ''] = key.split(' ');
    tables.set(table, [...(tables.get(table) ?? []), { chain, rules }]);
  }
  return [...tables].map(([table, list]) => [`*${table}`, ...list.map(({ chain }) => `:${ours(chain)} - [0:0]`), ...list.flatMap(({ chain, rules }) => rules.map((rule) => `-A ${ours(chain)} ${rule.map(restoreWord).join(' ')}`)), 'COMMIT', ''].join('\n')).join('');
}

interface Family {
  option: '-4' | '-6';
  name: 'iptables' | 'ip6tables';
  open: Chains;
  closed: Chains;
}

function family(context: Context, version: Version): Family {
  const { gateway, tools } = context;
  const name = version === 4 ? 'iptables' : 'ip6tables';
  const [open, closed]: [Chains, Chains] = [new Map(), new Map()];
  if (tools[name] !== undefined) {
    fromCommands(open, context.words.netfilter.map(({ add: words }) => words).filter(([program]) => program === name));
    if (version === 4 || servesSix(gateway)) {
      add(open, 'filter', 'INPUT', input(context, version));
      add(open, 'filter', 'FORWARD', forward(context, version));
      if (version === 4) add(open, 'mangle', 'POSTROUTING', postrouting(context));
      if (ownGuard(context)) add(closed, 'filter', 'FORWARD', pairs(gateway).map(({ inside, outside }) => ['-i', inside, '-o', outside, '-j', 'DROP']));
    } else if (ownGuard(context) && gateway.snat.length > 0 && gateway.tuning.sysctls['net.ipv6.conf.all.forwarding'] === '1') {
      // IPv6 is only forwarded here: addresses of the world pass, those that are nobody's outside do not.
      add(open, 'filter', 'FORWARD', pairs(gateway).flatMap(({ inside, outside }) => PRIVATE[6].map((from) => ['-i', inside, '-o', outside, '-s', from, '-j', 'DROP'])));
    }
  }
  return { option: version === 4 ? '-4' : '-6', name, open, closed };
}

const families = (context: Context): Family[] => ([4, 6] as const).map((version) => family(context, version)).filter(({ open }) => open.size > 0);

export function firewall(context: Context): Part {
  const all = families(context);
  const resources: Resource[] = all.flatMap(({ name, open, closed }) => [
    file('firewall', `${ETC}/${name}`, restoreFile(open), 'iptables rules of the gateway, in chains of their own', 0o600),
    ...(closed.size > 0 ? [file('firewall', `${ETC}/${name}.closed`, restoreFile(closed), 'nothing passes from inside to outside until the rules are in place', 0o600)] : []),
  ]);
  const hooks = all.flatMap(({ option, open }) => [...open.keys()].map((key) => [option, ...key.split(' '), ours(key.split(' ')[1] ?? '')]));
  resources.push(file('firewall', `${ETC}/hooks`, lines(hooks), 'jumps to those chains'));
  const effects = all.flatMap(({ name: program, open }) =>
    [...open].map(([key, rules]): Effect => {
      const [table = '', chain = ''] = key.split(' ');
      return {
        id: `${program} ${table} ${chain}`,
        part: 'firewall',
        claim: `${String(rules.length)} rules of the gateway are in ${table} ${chain}`,
        probe: `${PROBE_PATH}; ${program} -t ${quote(table)} -S ${quote(chain)} 2>&1 | while read -r line; do if [ "$line" = ${quote(`-A ${chain} -j ${ours(chain)}`)} ]; then echo jump; fi; done; count=0; ${program} -t ${quote(table)} -S ${quote(ours(chain))} 2>&1 | { while read -r verb rest; do if [ "$verb" = -A ]; then count=$((count + 1)); fi; done; echo "$count rules"; }`,
        expect: { lines: ['jump', `${String(rules.length)} rules`] },
        needs: program,
      };
    }),
  );
  return { resources, effects };
}
