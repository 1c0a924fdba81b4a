import type { Io } from '../../lib/io.js';
import { shellQuote } from '../../lib/exec.js';
import { readJson } from '../../lib/files.js';
import type { BuildContext } from '../context.js';
import { titleOf } from '../pipeline.js';
import { STAGES, type StageName } from '../runner/stamp.js';
import { describePatch } from './list.js';

/** The kernel's release as far as it is known before the source is there. */
function releaseName({ release, modules }: BuildContext): string {
  if (modules) return `modules of ${modules.folder} for the kernel that ${modules.kernel.headers} leads to`;
  return `${release.base ?? 'VERSION'}${release.suffix}`;
}

/** `--dry-run`: what a build would do, without fetching or writing anything. */
export async function dryRun(io: Io, context: BuildContext, last: StageName): Promise<void> {
  const { recipe, options, work, compiler, compat } = context;
  const { base } = recipe;
  const names = STAGES.slice(0, STAGES.indexOf(last) + 1);
  const done: string[] = [];
  for (const name of names) if ((await readJson(work.stamp(name))) !== undefined) done.push(name);
  const patches = [recipe.flavour, ...recipe.addons].flatMap((part) => part.patches.map((patch) => ({ of: part.name, patch: describePatch(patch) })));
  const plan = {
    flavour: context.name,
    release: releaseName(context),
    base: { name: base.name, source: options.source ?? base.source },
    patches,
    compat: compat.patches.map(({ file }) => file),
    user: options.patches,
    config: options.config,
    compiler: { ...compiler, cc: compat.cc, ld: compat.ld },
    jobs: context.jobs,
    work: work.path,
    artifact: context.out,
    stages: names.map((name) => ({ stage: name, what: titleOf(context, name), hasRun: done.includes(name) })),
  };
  io.result(plan);
  io.print(`Would build ${context.name} as ${releaseName(context)}:`);
  io.print(`  base      ${base.name}, ${base.summary}`);
  const { source } = base;
  const from = options.source ?? (source.kind === 'git' ? `${source.url} @ ${source.commit}` : source.kind === 'apt' ? `package ${source.package}` : source.urls.join('\n            or '));
  io.print(`  from      ${from}`);
  for (const patch of patches) io.print(`  patch     ${patch.of}: ${String(patch.patch['source'])} : ${String(patch.patch['path'])}`);
  io.print(`  compat    ${plan.compat.length > 0 ? `${String(plan.compat.length)} patches of ours for ${compiler.banner}` : 'none needed'}`);
  for (const path of options.patches) io.print(`  yours     ${path}`);
  if (context.modules) io.print("  config    the distribution's");
  else io.print(`  config    ${options.config}${options.set.length > 0 ? ` with ${options.set.join(' ')}` : ''}`);
  io.print(`  compiler  ${shellQuote([compiler.command, ...compat.cc])}, ${String(context.jobs)} jobs`);
  io.print(`  work      ${work.path}`);
  io.print(`  artifact  ${context.out}`);
  io.print(`  stages    ${names.map((name) => (done.includes(name) ? `${name} (has run)` : name)).join(', ')}`);
}
