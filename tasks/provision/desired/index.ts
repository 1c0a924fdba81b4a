import type { ArtifactTree } from '../../lib/artifact.js';
import type { Desired, Gateway, HostFacts } from '../types.js';
import { absent, ETC, join, type Context } from './context.js';
import { firewall, guarded } from './firewall.js';
import { keepalived } from './keepalived.js';
import { desiredKernel, kernel } from './kernel.js';
import { network } from './network.js';
import { rules, wordsOf } from './rules.js';
import { services } from './services.js';
import { plain, render } from './templates.js';
import { chooseTools, tools } from './tools.js';
import { tuning } from './tuning.js';

/** What a host must have to be this gateway: files, links, what must be in effect, and the scripts that bring it about. */

/** What people on the network notice, in plain words. */
function interrupts(context: Context): string[] {
  const { gateway } = context;
  return [
    ...(context.artifact.manifest.build === 'modules' || gateway.tuning.ipvsTableBits !== undefined ? ['ip_vs is loaded anew if another one is loaded, or one with a table of another size: connections of IPVS are lost.'] : []),
    ...(gateway.snat.length > 0 ? ['Nothing passes from inside to outside from the first start until the rules are in place, about a second.'] : []),
    ...(gateway.ha ? ['Addresses of VRRP move to this host when it has the highest priority.'] : []),
    ...(gateway.snat.length > 0 && gateway.access.leakGuard && !guarded(context) ? ['There is no iptables on the host: what the kernel does not translate can leave with its inside source.'] : []),
  ];
}

/** Files that only some gateways have: of an earlier one they must not stay. */
const SOMETIMES: readonly (readonly [string, string])[] = [
  ...['rules'].map((name) => ['rules', `${ETC}/${name}`] as const),
  ...['iptables', 'iptables.closed', 'ip6tables', 'ip6tables.closed'].map((name) => ['firewall', `${ETC}/${name}`] as const),
  ['tuning', '/etc/sysctl.d/90-build-kernel.conf'],
  ['tuning', '/etc/modprobe.d/build-kernel.conf'],
  ['tuning', '/etc/systemd/system/irqbalance.service.d/build-kernel.conf'],
  ['tuning', `${ETC}/irqbalance`],
  ['services', '/etc/systemd/system/build-kernel-settle.service'],
  ['services', '/etc/systemd/system/systemd-networkd.service.d/build-kernel.conf'],
  ['keepalived', '/etc/systemd/system/keepalived.service.d/build-kernel.conf'],
];

/**
 * @param artifact the gateway's artifact, unpacked (lib/artifact); its files are named in the result and must stay
 * @throws ExpectedError environment: a program is missing on the host and in the artifact; usage: a value that cannot be written
 * @throws CannotSay something the flavour's language has no words for
 */
export async function desire(gateway: Gateway, facts: HostFacts, artifact: ArtifactTree): Promise<Desired> {
  const words = wordsOf(gateway);
  const said = { ...gateway, tuning: { ...gateway.tuning, sysctls: { ...words.settings, ...gateway.tuning.sysctls } } };
  const context: Context = { gateway: said, words, facts, artifact, tools: chooseTools(said, words, facts, artifact) };
  const wanted = await desiredKernel(artifact);
  const { resources, effects } = join([kernel(context), tools(context), network(context), ...tuning(context), firewall(context), rules(context), keepalived(context), services(context)]);
  const paths = new Set(resources.map(({ path }) => path));
  const gone = SOMETIMES.filter(([, path]) => !paths.has(path) && (facts.init === 'systemd' || !/^\/etc\/(systemd|sysctl\.d)\//.test(path))).map(([part, path]) => absent(part, path, 'this gateway has none'));
  const values = { systemd: facts.init === 'systemd', keepalived: words.keepalived !== undefined, irqbalance: said.tuning.irq.irqbalance === 'off' || (said.tuning.irq.policy !== 'none' && said.tuning.irq.irqbalance === 'ban'), keepalivedGone: words.keepalived === undefined && facts.keepalivedConf === 'ours', rcFolder: facts.rcFolder };
  return {
    resources: [...resources, ...gone],
    effects,
    ...(wanted ? { kernel: wanted } : {}),
    activate: render('activate.eta', values),
    deactivate: render('deactivate.eta', values),
    restored: plain('restored.sh'),
    interrupts: interrupts(context),
  };
}
