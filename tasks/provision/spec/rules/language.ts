import { loadFlavours } from '../../../lib/flavours/catalog.js';
import type { Flavour } from '../../../lib/flavours/schema.js';
import type { LanguageName } from '../../../lib/gateway/languages.js';
import { isCatchAll } from '../../../lib/gateway/languages/nat.js';
import { CannotSay } from '../../../lib/gateway/spec.js';
import type { Fault, YamlPath } from '../../../lib/yaml.js';
import type { Gateway } from '../../types.js';
import { resolveGateway, type Surroundings } from '../resolve/index.js';
import { snatRules } from '../resolve/pools.js';
import type { GatewayFile } from '../schema/index.js';
import { toolWords } from '../tools.js';
import type { Rule } from './index.js';
import { hostsOf } from './situation.js';

/**
 * What a flavour cannot express is refused, with the flavours that can: each is asked by rendering for it. What it can say but
 * not do (its data: broken, gateway.refuses) is refused or warned of.
 */

/** Why a flavour cannot be this gateway; undefined: it can. */
function objection(flavour: Flavour, gateway: Gateway): string | undefined {
  if (!flavour.language || flavour.language.name === 'chroute') return 'it has no language of its own';
  try {
    toolWords({ ...gateway, language: flavour.language.name });
  } catch (error) {
    if (error instanceof CannotSay) return `${error.language} cannot say: ${error.what}`;
    throw error;
  }
  if (!flavour.gateway.ipv6 && gateway.snat.some(({ pool }) => pool.some((address) => address.includes(':')))) return 'it translates no IPv6';
  for (const mode of flavour.gateway.refuses) if (gateway.services.some((each) => each.mode === mode)) return `${mode === 'nat' ? 'NAT' : 'FULLNAT'} services do not work: ${flavour.broken[mode] ?? ''}`;
  return undefined;
}

/** The rule or service that cannot be said by itself; else the part of the file. */
function placeOf(file: GatewayFile, host: string, surroundings: Surroundings): YamlPath {
  const alone = (part: Partial<GatewayFile>): boolean => objection(surroundings.flavour, resolveGateway({ ...file, ha: undefined, redirects: [], snat: [], services: [], ...part }, host, surroundings)) !== undefined;
  for (const [index, rule] of file.snat.entries()) if (alone({ snat: [rule] })) return ['snat', index];
  for (const [index, service] of file.services.entries()) if (alone({ services: [service] })) return ['services', index];
  if (file.snat.length > 0 && alone({ snat: file.snat })) return ['snat'];
  return file.rules_by === undefined ? ['flavour'] : ['rules_by'];
}

let everyFlavour: Promise<Flavour[]> | undefined;

async function others(gateway: Gateway, except: string): Promise<string[]> {
  everyFlavour ??= loadFlavours();
  return (await everyFlavour).filter((each) => each.kind === 'flavour' && each.name !== except && objection(each, { ...gateway, language: each.language?.name as LanguageName }) === undefined).map(({ name }) => name);
}

export const checkLanguage: Rule = async (file, context, { errors }) => {
  const host = hostsOf(file)[0] ?? 'gateway';
  const gateway = resolveGateway(file, host, context);
  const why = objection(context.flavour, gateway);
  if (why === undefined) return;
  const able = await others(gateway, context.flavour.name);
  const script = file.rules_by === 'keepalived' && objection(context.flavour, { ...gateway, rulesBy: 'script' }) === undefined;
  const advice = script ? `rules_by: script can${able.length > 0 ? `; so can ${able.join(', ')}` : ''}` : able.length > 0 ? `flavours that can: ${able.join(', ')}` : 'no flavour can do all of this file';
  errors.push({ path: placeOf(file, host, context), message: `${context.flavour.name} cannot: ${why}; ${advice}` });
};

/** SNAT by a service for each protocol; nat-snat has them for what takes everything, and marks for the rest. */
function hasProtocols(file: GatewayFile, { language }: Flavour): boolean {
  if (language?.name === 'nat-snat') return snatRules(file).some(isCatchAll);
  return ['dsnat', 'dsnat-zones', 'lvs-snat-zones', 'nat-service'].includes(language?.name ?? '');
}

/** What the flavour is known not to translate, so that nobody learns it from his users. */
export const checkLimits: Rule = (file, { flavour }, { warnings }) => {
  const say = (path: YamlPath, message: string): Fault => ({ path, message });
  if (file.snat.length > 0) {
    const guard = file.access.leak_guard ? 'access.leak_guard stops it' : 'it leaves with its inside source (access.leak_guard: true stops it)';
    const byProtocol = hasProtocols(file, flavour);
    if (file.protocols !== undefined && !byProtocol) warnings.push(say(['protocols'], `means nothing here: ${flavour.name}'s rules take all protocols alike`));
    for (const protocol of ['tcp', 'udp'] as const) {
      const broken = flavour.broken[`snat-${protocol}`];
      const asked = file.protocols?.includes(protocol) ?? false;
      if (broken !== undefined && asked) warnings.push(say(['protocols'], `${flavour.name} does not translate ${protocol.toUpperCase()} right: ${broken}`));
      else if (broken !== undefined) warnings.push(say(['flavour'], `${flavour.name} does not translate ${protocol.toUpperCase()} (${broken}); ${guard}`));
      else if (file.protocols !== undefined && !asked && byProtocol) warnings.push(say(['protocols'], `${protocol.toUpperCase()} is left out: ${guard}`));
    }
    const icmp = flavour.broken['icmp'];
    if (icmp !== undefined) warnings.push(say(['flavour'], `${flavour.name} does not translate ping (${icmp}); ${guard}`));
    const ports = flavour.broken['source-ports'];
    if (ports !== undefined) warnings.push(say(['flavour'], `${flavour.name}: ${ports}`));
    const { toa } = flavour.gateway;
    const fullnat = file.services.findIndex(({ mode }) => mode === 'fullnat');
    if (toa !== undefined && Object.hasOwn(flavour.broken, 'privacy') && fullnat >= 0 && !Object.hasOwn(file.tuning.sysctls, toa)) warnings.push(say(['services', fullnat], `FULLNAT's option with the client's address stays on for its real servers, and tells servers outside the inside address of every client; tuning.sysctls: {${toa}: 0} turns it off`));
  }
  for (const mode of ['nat', 'fullnat'] as const) {
    const index = file.services.findIndex((each) => each.mode === mode);
    const broken = flavour.broken[mode] ?? (file.snat.length > 0 ? flavour.broken[`${mode}-beside`] : undefined);
    if (index >= 0 && broken !== undefined && !flavour.gateway.refuses.includes(mode)) warnings.push(say(['services', index], `${flavour.name}: ${broken}`));
  }
};
