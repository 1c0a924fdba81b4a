import type { Io } from '../../lib/io.js';
import { table } from '../../lib/io.js';
import { loadBase, loadFlavours } from '../../lib/flavours/catalog.js';
import type { Flavour, PatchEntry } from '../../lib/flavours/schema.js';

/** A patch as `list --json` and `show` name it. */
export function describePatch(patch: PatchEntry): Record<string, string | number | undefined> {
  return {
    source: patch.git?.url ?? patch.url?.urls[0] ?? 'build-kernel',
    commit: patch.git?.commit,
    path: patch.git?.path ?? patch.file ?? patch.url?.name,
    strip: patch.strip,
    sha256: patch.sha256,
  };
}

async function describe(flavour: Flavour): Promise<Record<string, unknown>> {
  const base = flavour.base ? await loadBase(flavour.base) : undefined;
  return {
    name: flavour.name,
    kind: flavour.kind,
    summary: flavour.summary,
    // An add-on goes on any base it does not exclude; what is not applicable has no public base.
    base: base?.name ?? (flavour.kind === 'addon' ? (flavour.bases?.join(', ') ?? 'any') : 'none'),
    release: base?.release ?? null,
    build: flavour.build,
    ...(flavour.modules ? { modules: flavour.modules } : {}),
    patches: flavour.patches.map(describePatch),
    tools: flavour.tools,
    language: flavour.language,
    limits: flavour.limits,
    notApplicable: flavour.notApplicable?.trim(),
  };
}

/** `build-kernel list`: every flavour, one line each. */
export async function list(io: Io, options: { names?: boolean }): Promise<void> {
  const flavours = await loadFlavours();
  if (options.names) {
    io.print(flavours.filter((flavour) => flavour.kind === 'flavour').map((flavour) => flavour.name).join('\n'));
    return;
  }
  io.result({ flavours: await Promise.all(flavours.map(describe)) });
  const rows = (kind: Flavour['kind']): string => table(flavours.filter((flavour) => flavour.kind === kind).map((flavour) => [`  ${flavour.name}`, flavour.base ?? flavour.bases?.join(', ') ?? '', flavour.summary]));
  io.print(`Flavours (name, base, what it is):\n${rows('flavour')}`);
  io.print(`\nAdd-ons (--with NAME; name, bases, what it is):\n${rows('addon')}`);
  io.print(`\nNot applicable (build-kernel show NAME says why):\n${rows('not-applicable')}`);
  io.print('\nBuild one: build-kernel NAME.   All about one: build-kernel show NAME.');
}
