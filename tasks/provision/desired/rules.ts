import { LANGUAGES } from '../../lib/gateway/languages.js';
import type { Step } from '../../lib/gateway/steps.js';
import { languageSpec } from '../spec/resolve/index.js';
import { toolWords } from '../spec/tools.js';
import type { Effect, Gateway } from '../types.js';
import { ETC, file, type Context, type Part, type Words } from './context.js';
import { PROBE_PATH } from './effects.js';
import { render } from './templates.js';

/** The rules in the words of the flavour's tools, as steps: what ipvsadm -S saves has no pools, zones or rules in it. */

const programOf = ({ add }: Step): string => add[0] ?? '';

/**
 * What the tools are told, by who is told it.
 * @throws CannotSay
 */
export function wordsOf(gateway: Gateway): Words {
  const { steps, keepalived } = toolWords(gateway);
  const settings = steps.filter((step) => programOf(step) === 'sysctl').flatMap(({ add }) => add.filter((each) => each.includes('=')).map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)] as const));
  return {
    ipvs: steps.filter((step) => ['ipvsadm', 'nft'].includes(programOf(step))),
    netfilter: steps.filter((step) => ['iptables', 'ip6tables'].includes(programOf(step))),
    settings: Object.fromEntries(settings),
    ...(keepalived === undefined ? {} : { keepalived }),
  };
}

const after = (words: readonly string[], flag: string): string | undefined => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined);

/** A service or a real server of one as the probe lists it: "TCP 0.0.0.0:0", "TCP 0.0.0.0:0 -> 203.0.113.100:0"; undefined for other words. */
function listedAs({ add }: Step): string | undefined {
  const [kind, flag] = ([['TCP', '-t'], ['UDP', '-u'], ['FWM', '-f']] as const).find(([, each]) => after(add, each) !== undefined) ?? [];
  if (flag === undefined) return undefined;
  const service = `${kind ?? ''} ${after(add, flag) ?? ''}`;
  if (add.includes('-A')) return service;
  const server = add.includes('-a') ? after(add, '-r') : undefined;
  // A real server of a mark is given without a port and listed with port 0.
  return server === undefined ? undefined : `${service} -> ${/:\d+$/.test(server) ? server : `${server}:0`}`;
}

/** Prints those lines: a real server with the service that it belongs to, which ipvsadm lists above it. */
const LISTING = `${PROBE_PATH}; service=; ipvsadm -ln 2>&1 | while read -r kind name rest; do case $kind in '->') echo "$service -> $name" ;; *) service="$kind $name"; echo "$service" ;; esac; done`;

/** What IPVS must list, whoever sets it up. Real servers that keepalived looks at may be out of order: only services are claimed then. */
function listed(gateway: Gateway): string[] {
  const spec = languageSpec(gateway);
  const all = LANGUAGES[gateway.language].steps({ ...spec, services: spec.services.map((service) => ({ ...service, check: undefined })) });
  const byScript = new Set(toolWords(gateway).steps.map(({ key }) => key));
  const found = all.filter((step) => programOf(step) === 'ipvsadm' && (byScript.has(step.key) || step.add.includes('-A'))).map(listedAs);
  return [...new Set(found.filter((line) => line !== undefined))];
}

/** Languages whose pools ipvsadm -G lists. */
const LISTS_POOLS = new Set(['dsnat', 'dsnat-zones', 'lvs-snat-zones', 'fwmark-snat']);

export function rules({ gateway, words }: Context): Part {
  const expected = listed(gateway);
  const pools = LISTS_POOLS.has(gateway.language) ? [...new Set(gateway.snat.flatMap(({ pool }) => pool))] : [];
  const effects: Effect[] = [
    { id: 'gateway', part: 'rules', claim: 'the gateway is started', probe: `set -- $(${ETC}/gateway status 2>/dev/null); echo "$1 $2"`, expect: { equals: 'gateway running' } },
    ...(expected.length === 0
      ? []
      : [{ id: 'rules ipvs', part: 'rules', claim: `IPVS has ${String(expected.length)} services and real servers of the gateway`, probe: LISTING, expect: { lines: expected } }]),
    ...(pools.length === 0
      ? []
      : [{ id: 'rules pools', part: 'rules', claim: `IPVS has the ${String(pools.length)} public addresses of the pools`, probe: `${PROBE_PATH}; ipvsadm -G 2>&1 | while read -r line; do for word in $line; do echo "$word"; done; done`, expect: { lines: pools } }]),
  ];
  return {
    resources: words.ipvs.length === 0 ? [] : [file('rules', `${ETC}/rules`, render('rules.eta', { steps: words.ipvs }), `rules in the language ${gateway.language}`, 0o600)],
    effects,
  };
}
