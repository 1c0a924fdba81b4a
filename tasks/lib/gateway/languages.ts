import { dsnat, fullnat, fwmarkSnat, zones } from './languages/dsnat.js';
import { natService, natSnat } from './languages/nat.js';
import { iptables, nftables } from './languages/netfilter.js';
import { snatRules } from './languages/rules.js';
import type { GatewaySpec } from './spec.js';
import { addAll, change, removeAll, type Command, type Step } from './steps.js';

/**
 * The configuration languages of the flavours' tools. Sources: the READMEs of xiaomi-sa/dsnat (its first edition for
 * dsnat-220, the later for zones), jlijian3/lvs-snat (d108c44 for the 279 kernels, HEAD for rules), `ipvsadm --help` of each.
 */

export type { Command, Step } from './steps.js';

export interface Language {
  /** The configuration as steps that can be done and undone. @throws CannotSay */
  steps(spec: GatewaySpec): Step[];
  /** Commands that configure a gateway, in order. @throws CannotSay */
  commands(spec: GatewaySpec): Command[];
  /** Commands that take this configuration away again, and nothing else; some may fail when a part of it is gone already. */
  clear(spec: GatewaySpec): Command[];
  /** Commands that turn one configuration into another; what both have is not touched. @throws CannotSay */
  reload(from: GatewaySpec, to: GatewaySpec): Command[];
}

const language = (steps: (spec: GatewaySpec) => Step[]): Language => ({
  steps,
  commands: (spec) => addAll(steps(spec)),
  clear: (spec) => removeAll(steps(spec)),
  reload: (from, to) => change(steps(from), steps(to)),
});

export const LANGUAGES = {
  'nat-snat': language(natSnat),
  dsnat: language(dsnat),
  'dsnat-zones': language(zones('dsnat-zones', '-P', '-Q', false)),
  'lvs-snat-zones': language(zones('lvs-snat-zones', '-U', '-W', true)),
  'nat-service': language(natService),
  'snat-rules': language(snatRules),
  'fwmark-snat': language(fwmarkSnat),
  fullnat: language(fullnat),
  iptables: language(iptables),
  nftables: language(nftables),
} as const satisfies Record<string, Language>;

export type LanguageName = keyof typeof LANGUAGES;
