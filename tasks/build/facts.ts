import { loadBase, loadFlavour, loadFlavours, loadPublished } from '../lib/flavours/catalog.js';
import type { Base, Flavour, Published } from '../lib/flavours/schema.js';
import { describePatch } from './commands/list.js';
import { loadToolSet } from './tools/load.js';

/** What is known of a flavour, from its data files: `build-kernel show` prints it, docs/flavours/NAME.md has it. */

/** A list, or a table whose first column may have several lines. */
export type Section = { title: string } & ({ lines: readonly string[] } | { columns: readonly string[]; rows: readonly (readonly string[])[] });

export interface Facts {
  flavour: Flavour;
  base?: Base;
  published: Published[];
  /** Without those that have nothing to say. */
  sections: Section[];
}

function sourceLines({ source, kernel }: Base): string[] {
  switch (source.kind) {
    case 'git':
      return [`${source.url} @ ${source.commit}${kernel === '.' ? '' : `, folder ${kernel}/`}`];
    case 'apt':
      return [`the distribution's package ${source.package}, by apt`];
    case 'file':
      return [
        ...source.urls,
        ...(source.sha256 === undefined ? [] : [`sha256 ${source.sha256}`]),
        ...(source.signedBy ?? []).map((key) => `signed by ${key}`),
        ...(source.sha256 ?? source.signedBy ? [] : ['no digest of it is published: the one first seen is kept in build-kernel.lock.json']),
      ];
  }
}

function baseLines(base: Base): string[] {
  return [...sourceLines(base), ...(base.release === undefined ? [] : [`release ${base.release}`]), ...Object.entries(base.proof).map(([folder, id]) => `${folder} must be git tree ${id}`)];
}

function patchLine(patch: Flavour['patches'][number]): string {
  const { source, commit, path, sha256 } = describePatch(patch);
  const dropped = patch.drop.length > 0 ? `; left out of it: ${patch.drop.join(', ')}` : '';
  return `${String(source)}${commit ? ` @ ${String(commit)}` : ''} : ${String(path)} (-p${String(patch.strip)}, sha256 ${String(sha256)}${dropped})${patch.why ? `: ${patch.why}` : ''}`;
}

async function toolLines(name: string): Promise<string[]> {
  const { summary, source, tools } = await loadToolSet(name);
  const from = source === undefined ? [] : 'git' in source ? [`from ${source.git.url} @ ${source.git.commit} : ${source.path}`] : [`from the base's ${source.base}/, patched`];
  return [`${name}: ${summary}`, ...from, `built by ${tools.map(({ recipe }) => recipe).join(', ')}`];
}

/** What a gateway must have beside its rules. */
function needs({ gateway }: Flavour): string[] {
  return [
    ...(gateway.off.length > 0 ? [`${gateway.off.map((name) => name.toUpperCase()).join(' and ')} off on inside and outside devices (LRO is off on every gateway)`] : []),
    ...Object.entries(gateway.sysctls).map(([name, value]) => `${name} = ${value}`),
    ...(gateway.toa === undefined ? [] : [`${gateway.toa} = 0 with SNAT alone: FULLNAT's option tells servers the clients' inside addresses`]),
    ...(gateway.refuses.length > 0 ? [`no ${gateway.refuses.join(' and ')} services: they do not work, and gateway.yaml with them is refused`] : []),
    `ports ${String(gateway.ports.first)} to ${String(gateway.ports.last)} of each public address are SNAT's`,
  ];
}

/** How a flavour is used, in order. */
function commands({ name, kind, patches, build }: Flavour): string[] {
  if (kind === 'addon') return [`build-kernel FLAVOUR --with ${name}`, `build-kernel verify FLAVOUR+${name}`];
  const output = build === 'modules' ? 'gw.qcow2' : 'appliance';
  return [
    `build-kernel ${name}`,
    ...(patches.length > 0 && build === 'kernel' ? [`build-kernel patch check ${name}`] : []),
    `build-kernel verify ${name}`,
    'build-kernel check gateway.yaml',
    'build-kernel provision gateway.yaml --host gw1 --plan',
    'build-kernel verify gateway.yaml --host gw1',
    `build-kernel image gateway.yaml -o ${output}`,
    `build-kernel source artifacts/${name}`,
  ];
}

function recipeSections(flavour: Flavour, published: readonly Published[]): Section[] {
  return published.map(({ summary, source, lines }) => ({
    title: `beside the published recipe: ${summary} (${source.url} @ ${source.commit} : ${source.path})`,
    columns: ['published', 'what is wrong with it', 'here'],
    rows: lines.map((line) => [line.published, line.fault ?? '', line.here.replaceAll('{flavour}', flavour.name)]),
  }));
}

/** @throws ExpectedError usage: unknown flavour */
export async function facts(name: string): Promise<Facts> {
  const flavour = await loadFlavour(name);
  const base = flavour.base === undefined ? undefined : await loadBase(flavour.base);
  const published = await Promise.all(flavour.published.map(loadPublished));
  const addons = (await loadFlavours()).filter(
    (addon) => flavour.kind === 'flavour' && addon.kind === 'addon' && (addon.bases?.includes(flavour.base ?? '') ?? true) && !(addon.name in flavour.conflicts) && !(name in addon.conflicts),
  );
  const { modules, language } = flavour;
  const usable = flavour.kind !== 'not-applicable';
  const sections: Section[] = [
    { title: 'not applicable', lines: flavour.notApplicable ? [flavour.notApplicable.trim()] : [] },
    { title: language ? `its language (${language.name}) can say` : '', lines: language?.can ?? [] },
    { title: 'it cannot say', lines: language?.cannot ?? [] },
    { title: 'known limits', lines: flavour.limits },
    { title: 'claims of verify that do not hold, by scenario', lines: Object.entries(flavour.broken).map(([scenario, why]) => `${scenario}: ${why}`) },
    { title: base ? `base ${base.name} (${base.summary})` : '', lines: base ? baseLines(base) : [] },
    { title: 'goes on bases', lines: flavour.kind === 'addon' ? [flavour.bases?.join(', ') ?? 'any'] : [] },
    {
      title: "builds modules for the distribution's own kernel",
      lines: modules ? [`${modules.folder}, for the kernel ${modules.kernel.version} that ${modules.kernel.headers} leads to`] : [],
    },
    { title: 'patches', lines: flavour.patches.map(patchLine) },
    { title: 'configuration (gateway profile)', lines: base && !modules ? [...base.config.gateway, ...flavour.config] : flavour.config },
    { title: 'tools', lines: flavour.tools ? await toolLines(flavour.tools) : [] },
    { title: 'a gateway of it has', lines: flavour.kind === 'flavour' ? needs(flavour) : [] },
    { title: 'add-ons that fit', lines: addons.map((addon) => `--with ${addon.name}: ${addon.summary}`) },
    { title: 'cannot be stacked with', lines: Object.entries(flavour.conflicts).map(([other, reason]) => `${other}: it ${reason}`) },
    { title: 'commands', lines: usable ? commands(flavour) : [] },
  ];
  const told = sections.filter((section) => 'lines' in section && section.lines.length > 0);
  return { flavour, ...(base ? { base } : {}), published, sections: [...told, ...recipeSections(flavour, published)] };
}
