import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import type { Io } from '../../lib/io.js';
import { formatDuration } from '../../lib/ui/format.js';
import { makeContext } from '../context.js';
import type { BuildOptions } from '../options.js';
import { runPipeline } from '../pipeline.js';
import { dryRun } from './dry-run.js';

function requireTerminal(options: BuildOptions): void {
  if (!options.menuconfig || (process.stdin.isTTY && process.stdout.isTTY)) return;
  throw new ExpectedError({
    code: 'usage',
    what: '--menuconfig needs a terminal.',
    fix: 'Without one, use --set CONFIG_X=y or --config FILE.',
  });
}

/** `build-kernel FLAVOUR`: from a flavour's name to an artifact. */
export async function build(io: Io, flavour: string, options: BuildOptions & { dryRun?: boolean }): Promise<void> {
  requireTerminal(options);
  const context = await makeContext(flavour, options);
  if (options.dryRun) {
    await dryRun(io, context, 'package');
    return;
  }
  const started = Date.now();
  const { outputs, records } = await runPipeline(context, io, 'package');
  const artifact = outputs.package?.dir ?? context.out;
  io.result({
    flavour: context.name,
    release: outputs.configure?.release,
    artifact,
    ...(outputs.compile?.built ? { modules: outputs.compile.built } : {}),
    manifest: join(artifact, 'manifest.json'),
    stages: records,
    warnings: context.warnings,
  });
  const needed = records.filter(({ needless }) => needless !== true);
  const skipped = needed.filter(({ status }) => status === 'skipped').length;
  const made = context.modules ? 'modules for kernel' : 'kernel';
  io.print(`${context.name}: ${made} ${outputs.configure?.release ?? ''} ${context.modules ? 'are' : 'is'} in ${artifact} (${formatDuration(Date.now() - started)}, ${String(skipped)} of ${String(needed.length)} stages unchanged)`);
  for (const file of outputs.package?.files ?? []) io.print(`  ${file}`);
  // At the end, and each time: what they say decides whether the modules load.
  if (context.modules) for (const warning of context.warnings) io.say(`warning: ${warning}`);
  const { built } = outputs.compile ?? {};
  if (built) io.print(`They replace ${Object.keys(built.kept).join(', ')}; ${String(built.left.length)} more modules of the distribution go on as they are (${String(built.symbols)} exported symbols compared).`);
}

/** `build-kernel prepare FLAVOUR`: stops at the patched, configured tree. */
export async function prepare(io: Io, flavour: string, options: BuildOptions & { dryRun?: boolean }): Promise<void> {
  requireTerminal(options);
  const context = await makeContext(flavour, options);
  if (options.dryRun) {
    await dryRun(io, context, 'configure');
    return;
  }
  const { outputs, records } = await runPipeline(context, io, 'configure');
  const { patch, configure } = outputs;
  io.result({
    flavour: context.name,
    release: outputs.configure?.release,
    tree: patch?.tree,
    kernel: patch ? join(patch.tree, patch.kernel) : undefined,
    obj: configure?.obj,
    config: configure?.config,
    stages: records,
    warnings: context.warnings,
  });
  if (!patch || !configure) return;
  io.print(context.modules ? `${context.name} is patched:` : `${context.name} is patched and configured:`);
  io.print(`  sources  ${join(patch.tree, patch.kernel, context.modules?.folder ?? '')}`);
  io.print(`  config   ${configure.config}`);
  io.print(`Edit, then: build-kernel module ${context.modules?.folder ?? 'net/netfilter/ipvs'} ${flavour}  (seconds), build-kernel ${flavour}  (all), build-kernel diff ${flavour}  (your edits as a patch)`);
}
