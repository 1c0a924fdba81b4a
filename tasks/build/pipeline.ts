import { withLock } from '../lib/lock.js';
import type { Io } from '../lib/io.js';
import { requirePlainPath } from '../lib/plain-path.js';
import { runStages, type StageProgress, type StageTask } from '../lib/ui/stages.js';
import type { BuildContext } from './context.js';
import { packageStage } from './package/stage.js';
import { runStamped, type StageRecord, type StageSpec } from './runner/stamp.js';
import { compileStage, configureStage, fetchStage, patchStage, unpackStage } from './stages.js';
import { toolsStage } from './tools/stage.js';
import type { CompileOutput, ConfigureOutput, FetchOutput, PatchOutput, ToolsOutput, UnpackOutput } from './types.js';

/** What a run of the pipeline has so far; a stage reads what the ones before it made. */
export interface Outputs {
  fetch?: FetchOutput;
  unpack?: UnpackOutput;
  patch?: PatchOutput;
  configure?: ConfigureOutput;
  compile?: CompileOutput;
  tools?: ToolsOutput;
  package?: { dir: string; files: string[] };
}

export interface PipelineResult {
  outputs: Outputs;
  records: StageRecord[];
}

export const TITLES = {
  fetch: 'fetch the sources',
  unpack: 'unpack the base',
  patch: 'apply the patch series',
  configure: 'configure the kernel',
  compile: 'compile kernel and modules',
  tools: 'build the tools',
  package: 'package the artifact',
} as const;

/** Titles where only modules for the distribution's kernel are built. */
const MODULES_TITLES: Partial<Record<keyof typeof TITLES, string>> = {
  fetch: "fetch the sources and the distribution's headers",
  unpack: 'unpack the folder and the headers',
  compile: 'compile the modules',
};

/** What a stage does, in words. */
export function titleOf(context: Pick<BuildContext, 'modules'>, stage: keyof typeof TITLES): string {
  return (context.modules && MODULES_TITLES[stage]) ?? TITLES[stage];
}

/** A stage that was asked for before the one it needs: a mistake in this file, not of the user. */
function need<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the ${name} stage has not run`);
  return value;
}

/**
 * Runs the stages in order up to and including `last`, holding the work folder's lock.
 * @throws ExpectedError of the stage that failed; usage (a path that make cannot stand); busy when another build uses the work folder
 */
export async function runPipeline(context: BuildContext, io: Io, last: keyof typeof TITLES): Promise<PipelineResult> {
  const { work, options } = context;
  const outputs: Outputs = {};
  const records: StageRecord[] = [];
  const stamped = <O>(spec: Promise<StageSpec<O>> | StageSpec<O>, p: StageProgress): Promise<O> =>
    Promise.resolve(spec).then((ready) => runStamped(work, ready, p, records));
  const stages: Record<keyof typeof TITLES, (p: StageProgress) => Promise<void>> = {
    fetch: async (p) => {
      outputs.fetch = await stamped(fetchStage(context), p);
    },
    unpack: async (p) => {
      outputs.unpack = await stamped(unpackStage(context, need(outputs.fetch, 'fetch')), p);
    },
    patch: async (p) => {
      outputs.patch = await stamped(patchStage(context, need(outputs.fetch, 'fetch'), need(outputs.unpack, 'unpack')), p);
    },
    configure: async (p) => {
      outputs.configure = await stamped(configureStage(context, need(outputs.fetch, 'fetch'), need(outputs.unpack, 'unpack'), need(outputs.patch, 'patch')), p);
    },
    compile: async (p) => {
      outputs.compile = await stamped(
        compileStage(context, need(outputs.unpack, 'unpack'), need(outputs.patch, 'patch'), need(outputs.configure, 'configure')),
        p,
      );
    },
    tools: async (p) => {
      outputs.tools = await stamped(toolsStage(context, need(outputs.patch, 'patch')), p);
    },
    package: async (p) => {
      outputs.package = await stamped(packageStage(context, outputs, records), p);
    },
  };
  const names = Object.keys(TITLES) as (keyof typeof TITLES)[];
  const wanted = names.slice(0, names.indexOf(last) + 1).filter((name) => name !== 'tools' || options.tools.length > 0);
  // Fetching and patching work anywhere; make and rpmbuild do not. Said before anything is downloaded.
  if (wanted.includes('configure')) {
    requirePlainPath(work.path, '--work');
    requirePlainPath(context.cacheDir, '--cache');
  }
  const tasks = wanted.map((name): StageTask => ({ title: titleOf(context, name), run: stages[name] }));
  await withLock(work.lock, `The work folder ${work.path}`, () =>
    runStages(tasks, { json: io.json, verbose: io.verbose, interactive: options.menuconfig }),
  );
  return { outputs, records };
}
