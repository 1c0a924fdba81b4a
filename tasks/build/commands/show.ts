import type { Io } from '../../lib/io.js';
import { loadBase, loadFlavour } from '../../lib/flavours/catalog.js';
import type { Base } from '../../lib/flavours/schema.js';
import { describePatch } from './list.js';

function sourceLines(base: Base): string[] {
  const { source } = base;
  switch (source.kind) {
    case 'git':
      return [`${source.url} @ ${source.commit}`];
    case 'apt':
      return [`the distribution's package ${source.package}`];
    case 'file':
      return [...source.urls, ...(source.sha256 ? [`sha256 ${source.sha256}`] : []), ...(source.signedBy ?? []).map((key) => `signed by ${key}`)];
  }
}

/** `build-kernel show FLAVOUR`: all that its data file says. */
export async function show(io: Io, name: string): Promise<void> {
  const flavour = await loadFlavour(name);
  const base = flavour.base ? await loadBase(flavour.base) : undefined;
  io.result({ flavour, base: base ?? null });
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length > 0) io.print(`${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  };
  io.print(`${flavour.name}: ${flavour.summary}`);
  io.print(`published at ${flavour.origin}`);
  if (flavour.notApplicable) section('not applicable', [flavour.notApplicable.trim()]);
  if (base) section(`base ${base.name} (${base.summary})`, sourceLines(base));
  const { modules } = flavour;
  if (modules) section("builds modules for the distribution's own kernel", [`${modules.folder}, for the kernel ${modules.kernel.version} that ${modules.kernel.headers} leads to`]);
  section(
    'patches',
    flavour.patches.map((patch) => {
      const { source, commit, path, sha256 } = describePatch(patch);
      return `${String(source)}${commit ? ` @ ${String(commit)}` : ''} : ${String(path)} (-p${String(patch.strip)}, sha256 ${String(sha256)})`;
    }),
  );
  if (base && !modules) section('configuration (gateway profile)', [...base.config.gateway, ...flavour.config]);
  if (flavour.tools) section('tools', [flavour.tools]);
  if (flavour.language) {
    section(`its language (${flavour.language.name}) can say`, flavour.language.can);
    section('it cannot say', flavour.language.cannot);
  }
  section('known limits', flavour.limits);
  section('cannot be stacked with', Object.entries(flavour.conflicts).map(([other, reason]) => `${other}: it ${reason}`));
}
