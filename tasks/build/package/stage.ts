import { join } from 'node:path';
import { run, shellQuote } from '../../lib/exec.js';
import type { BuildContext } from '../context.js';
import { DEFAULTS } from '../options.js';
import type { Outputs } from '../pipeline.js';
import { sourceDate } from '../compile/make.js';
import type { StageRecord, StageSpec } from '../runner/stamp.js';
import { rootState } from '../patch/index.js';
import type { Manifest } from '../../lib/manifest.js';
import { secureBoot, signingAdvice } from '../modules/secure-boot.js';
import { FORMATS, packageArtifact } from './index.js';

/** Programs whose version goes into the manifest, beside the compiler. */
const PROGRAMS = ['ld', 'as', 'make', 'perl', 'patch'] as const;

async function programVersions(): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const program of PROGRAMS) {
    const { stdout } = await run([program, '--version'], { ok: [0, 1] });
    versions[program] = stdout.split('\n').find((line) => line.trim() !== '')?.trim() ?? '';
  }
  return versions;
}

/** Options that were given and are no defaults, without folders: they decide where, not what. */
function givenOptions(context: BuildContext): Record<string, string | number | boolean | string[]> {
  const given: Record<string, string | number | boolean | string[]> = {};
  for (const [key, value] of Object.entries(context.options)) {
    if (['work', 'out', 'cache', 'lockFile', 'mirrors', 'jobs', 'discardEdits'].includes(key)) continue;
    if (JSON.stringify(value) !== JSON.stringify(DEFAULTS[key as keyof typeof DEFAULTS])) given[key] = value as string;
  }
  return given;
}

/** The command line that makes the same artifact again. */
function reproduce(context: BuildContext): string[] {
  const { options, recipe } = context;
  const flag = (name: string, values: readonly (string | undefined)[]): string[] => values.flatMap((value) => (value === undefined ? [] : [`--${name}`, value]));
  return [
    'build-kernel',
    recipe.flavour.name,
    ...flag('with', options.with),
    ...(options.config === DEFAULTS.config ? [] : flag('config', [options.config])),
    ...flag('set', options.set),
    ...flag('patch', options.patches),
    ...(options.debugIpvs ? ['--debug-ipvs'] : []),
    ...(options.prep === DEFAULTS.prep ? [] : flag('prep', [options.prep])),
    ...(options.cc === DEFAULTS.cc ? [] : flag('cc', [options.cc])),
    ...flag('source', [options.source]),
    ...flag('keyring', [options.keyring]),
    ...(options.allowSha1 ? ['--allow-sha1'] : []),
    ...(options.allowUnsigned ? ['--allow-unsigned'] : []),
    ...(options.tools.length === 2 ? [] : flag('tools', [options.tools[0] ?? 'none'])),
    ...(options.packages ? [] : ['--no-packages']),
  ];
}

/** Where the configuration came from. */
function configured({ options, recipe, modules }: BuildContext): { profile: string; fragments: string[] } {
  if (modules) return { profile: 'distribution', fragments: [] };
  const profile = ['gateway', 'distro'].includes(options.config) ? options.config : 'file';
  const base = profile === 'gateway' ? recipe.base.config.gateway : recipe.base.config.distro;
  return { profile, fragments: [...base, ...recipe.flavour.config, ...recipe.addons.flatMap(({ config }) => config)] };
}

function modulesPart({ modules }: BuildContext, { compile, fetch }: Outputs): { modules?: NonNullable<Manifest['modules']> } {
  if (!modules || !compile?.built || !fetch?.kernel) return {};
  return { modules: { folder: modules.folder, kernel: fetch.kernel.version, ...compile.built } };
}

export interface PackageResult {
  dir: string;
  files: string[];
}

/** The package stage of a build: what it depends on, and what goes into the manifest. */
export async function packageStage(context: BuildContext, outputs: Outputs, records: StageRecord[]): Promise<StageSpec<PackageResult>> {
  const { fetch, unpack, patch, configure, compile, tools } = outputs;
  if (!fetch || !unpack || !patch || !configure || !compile) throw new Error('the stages before package have not run');
  const { options, work, recipe, compiler, compat } = context;
  const epoch = sourceDate(join(unpack.pristine, unpack.kernel));
  const formats = options.packages ? FORMATS : [];
  const command = reproduce(context);
  const unsigned = context.modules && (await secureBoot()) ? signingAdvice(compile.release) : undefined;
  if (unsigned !== undefined) context.warnings.push(unsigned);
  return {
    name: 'package',
    inputs: {
      root: await rootState(compile.root),
      release: compile.release,
      tools: tools?.files ?? [],
      inputs: [fetch.inputs, tools?.inputs ?? []],
      formats,
      epoch,
      out: context.out,
      command,
      unsigned: unsigned ?? null,
    },
    outputs: ({ dir, files }) => [join(dir, 'manifest.json'), ...files.map((file) => join(dir, file))],
    run: async ({ log, progress }) => {
      const made = await packageArtifact({
        out: context.out,
        work: work.join('package'),
        compiled: compile,
        ...(tools ? { tools } : {}),
        epoch,
        formats,
        log,
        progress: (text) => progress.progress(text),
        manifest: {
          flavour: context.name,
          addons: recipe.addons.map(({ name }) => name),
          base: {
            name: recipe.base.name,
            release: recipe.base.release ?? (fetch.kernel ? fetch.kernel.version : compile.release),
            ...(unpack.identity === undefined ? {} : { identity: unpack.identity }),
          },
          // A tree can hold a patch and the tools: one input.
          inputs: [...new Map([...fetch.inputs, ...(tools?.inputs ?? [])].map((input) => [input.name, input])).values()],
          series: fetch.series,
          results: patch.results,
          compiler: { cc: compiler.banner, ...(await programVersions()) },
          flags: { cc: compat.cc, ld: compat.ld },
          config: { sha256: configure.configSha256, ...configured(context) },
          build: recipe.flavour.build,
          ...modulesPart(context, outputs),
          options: givenOptions(context),
          command,
          timings: Object.fromEntries(records.map(({ stage, builtIn }) => [stage, builtIn])),
          warnings: [...context.warnings, ...unpack.warnings],
        },
      });
      log.line(`to make it again: ${shellQuote(command)}`);
      return { dir: made.dir, files: made.files.map(({ name }) => name) };
    },
  };
}
