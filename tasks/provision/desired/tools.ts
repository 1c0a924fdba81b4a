import { basename } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import type { ArtifactTree } from '../../lib/artifact.js';
import type { Gateway, HostFacts } from '../types.js';
import { link, SBIN, usesIpvs, type Context, type Part, type Tools, type Words } from './context.js';

/**
 * The programs: a flavour's own, static, to /usr/local/sbin, where no update of the distribution writes over them; the host's
 * packages where the flavour speaks the stock tools' language.
 */

const STOCK = new Set(['nat-snat', 'iptables', 'nftables', 'nat-service']);
const isProgram = (path: string): boolean => /^\/(usr\/)?s?bin\/[^/]+$/.test(path);
/** ipvsadm's own shell scripts lose pools and zones. */
const LEFT_OUT = new Set(['ipvsadm-save', 'ipvsadm-restore', 'genhash']);

/** iptables is brought only where rules must be made with it: SNAT, marks, redirects, a guard that the kernel has not itself. */
function needs(gateway: Gateway, words: Words): Set<string> {
  const programs = new Set(words.netfilter.map(({ add: [name = ''] }) => name));
  if (gateway.access.leakGuard && gateway.snat.length > 0 && gateway.language !== 'nat-snat') programs.add('iptables');
  return programs;
}

/** Which programs the gateway runs, and which of the artifact's are needed for that. @throws ExpectedError environment */
export function chooseTools(gateway: Gateway, words: Words, facts: HostFacts, artifact: ArtifactTree): Tools {
  const needed = needs(gateway, words);
  const programs = new Map(artifact.tools.filter(({ path }) => isProgram(path)).map((entry) => [basename(entry.path), entry]));
  const install = new Set<string>();
  const stock = STOCK.has(gateway.language);
  const chroute = gateway.addons.includes('chroute');
  const take = (name: string): string | undefined => {
    const entry = programs.get(name);
    if (!entry) return undefined;
    install.add(entry.path);
    if (entry.kind === 'link') take(basename(entry.to));
    return `${SBIN}/${name}`;
  };
  const choose = (name: string, own: boolean): string | undefined => {
    const there = facts.programs[name];
    // A program that an earlier run put there is not the host's.
    if (own && there !== undefined && !there.startsWith(`${SBIN}/`)) return there;
    return take(name) ?? there;
  };
  const ipvsadm = usesIpvs(gateway) ? choose('ipvsadm', stock) : undefined;
  // CHROUTE's iptables knows the target and the table; the host's does not.
  const own = !(chroute && gateway.redirects.length > 0);
  const program = (name: 'iptables' | 'ip6tables'): string | undefined => (needed.has(name) ? choose(name, own) : facts.programs[name]);
  const iptables = program('iptables');
  if (iptables?.startsWith(`${SBIN}/`)) for (const name of ['iptables-restore', 'iptables-save']) take(name);
  const ip6tables = program('ip6tables');
  if (ip6tables?.startsWith(`${SBIN}/`)) for (const name of ['ip6tables-restore', 'ip6tables-save']) take(name);
  const keepalived = words.keepalived !== undefined ? choose('keepalived', stock) : undefined;
  const missing = (what: string, fix: string): ExpectedError => new ExpectedError({ code: 'environment', what: `${gateway.host} has no ${what}, and the artifact brings none.`, fix });
  if (words.ipvs.length > 0 && ipvsadm === undefined) throw missing('ipvsadm', `Install it on the host, or build the artifact with its tools: build-kernel build ${gateway.flavour}`);
  if (words.keepalived !== undefined && keepalived === undefined) throw missing('keepalived', 'Install the package keepalived on the host.');
  for (const [name, path] of Object.entries({ iptables, ip6tables })) {
    // Marks, redirects and SNAT are rules of theirs: without them the gateway would not be one. The guard alone is warned of.
    if (path === undefined && (words.netfilter.some(({ add: [program] }) => program === name) || (name === 'iptables' && gateway.language === 'iptables'))) throw missing(name, 'Install the package iptables on the host.');
  }
  return { ipvsadm, iptables, ip6tables, keepalived, ownKeepalived: keepalived !== undefined && !keepalived.startsWith(`${SBIN}/`), install };
}

export function tools({ artifact, tools: { install } }: Context): Part {
  const why = 'the tools that speak this kernel’s language';
  return {
    resources: artifact.tools
      .filter(({ path }) => install.has(path) && !LEFT_OUT.has(basename(path)))
      .map((entry) =>
        entry.kind === 'link'
          ? link('tools', `${SBIN}/${basename(entry.path)}`, basename(entry.to), why)
          : { kind: 'file', part: 'tools', path: `${SBIN}/${basename(entry.path)}`, mode: 0o755, why, content: { source: entry.source, sha256: entry.sha256, size: entry.size } },
      ),
    effects: [],
  };
}
