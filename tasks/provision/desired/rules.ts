import { LANGUAGES } from '../../lib/gateway/languages.js';
import type { GatewaySpec } from '../../lib/gateway/spec.js';
import type { Effect, Gateway } from '../types.js';
import { ETC, file, withRole, type Context, type Part } from './context.js';
import { PROBE_PATH } from './effects.js';
import { render } from './templates.js';

/** The rules in the words of the flavour's tools, as a script: what ipvsadm -S saves has no pools, zones or rules in it. */

/** A gateway as the languages take it. */
export function specOf(gateway: Gateway): GatewaySpec {
  const outside = withRole(gateway, 'outside');
  const nextHop = outside.find((each) => each.gateway !== undefined)?.gateway;
  return {
    snat: gateway.snat,
    protocols: gateway.protocols,
    services: gateway.services,
    ...(nextHop === undefined ? {} : { nextHop }),
    outside: outside[0]?.device ?? '',
  };
}

/** Commands of the language, by the program they run: iptables' become chains of ours, sysctl's settings, the rest a script. */
export interface Sorted {
  ipvs: readonly (readonly string[])[];
  netfilter: readonly (readonly string[])[];
  settings: Readonly<Record<string, string>>;
}

export function sortCommands(gateway: Gateway): Sorted {
  const all = LANGUAGES[gateway.language].commands(specOf(gateway));
  const settings = all.filter(([program]) => program === 'sysctl').flatMap((words) => words.slice(1).filter((each) => each.includes('=')).map((each) => each.split(/=(.*)/s, 2)));
  return {
    ipvs: all.filter(([program]) => program === 'ipvsadm' || program === 'nft'),
    netfilter: all.filter(([program]) => program === 'iptables' || program === 'ip6tables'),
    settings: Object.fromEntries(settings.map(([name = '', value = '']) => [name, value])),
  };
}

/** Services and real servers as ipvsadm -ln lists them: "TCP 0.0.0.0:0", "-> 203.0.113.100:0". */
function listed(commands: Sorted['ipvs']): string[] {
  const found = new Set<string>();
  for (const words of commands) {
    if (words[0] !== 'ipvsadm') continue;
    const after = (flag: string): string | undefined => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined);
    if (words.includes('-A')) {
      const [kind, name] = words.includes('-t') ? ['TCP', after('-t')] : words.includes('-u') ? ['UDP', after('-u')] : ['FWM', after('-f')];
      if (name !== undefined) found.add(`${kind} ${name}`);
    }
    const server = words.includes('-a') ? after('-r') : undefined;
    if (server !== undefined) found.add(`-> ${server}`);
  }
  return [...found];
}

export function rules(context: Context): Part {
  const { gateway } = context;
  const { ipvs } = sortCommands(gateway);
  const clear = LANGUAGES[gateway.language].clear(specOf(gateway)).filter(([program]) => program === 'ipvsadm' || program === 'nft');
  const byScript = gateway.rulesBy === 'script' && ipvs.length > 0;
  const expected = listed(ipvs);
  const effects: Effect[] = [
    { id: 'gateway', part: 'rules', claim: 'the gateway is started', probe: `set -- $(${ETC}/gateway status 2>/dev/null); echo "$1 $2"`, expect: { equals: 'gateway running' } },
  ];
  if (expected.length > 0) {
    effects.push({
      id: 'rules ipvs',
      part: 'rules',
      claim: `IPVS has ${String(expected.length)} services and real servers of the gateway`,
      probe: `${PROBE_PATH} ipvsadm -ln 2>&1 | while read -r kind name rest; do echo "$kind $name"; done`,
      expect: { lines: expected },
    });
  }
  return {
    resources: [
      ...(byScript
        ? [
            file('rules', `${ETC}/rules`, render('rules.eta', { commands: ipvs }), `rules in the language ${gateway.language}`, 0o700),
            file('rules', `${ETC}/rules.clear`, render('rules.eta', { commands: clear }), 'takes the same rules away', 0o700),
          ]
        : []),
    ],
    effects,
  };
}
