import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModulesSpec } from '../../lib/flavours/schema.js';
import { sha256File } from '../../lib/digest.js';
import type { StageLog } from '../../lib/log.js';
import type { Fetched } from '../../lib/sources.js';
import type { BuildContext } from '../context.js';
import { ipvsSources, sourceDate, type MakeEnvironment } from '../compile/make.js';
import { treeState } from '../patch/index.js';
import type { StageRun, StageSpec } from '../runner/stamp.js';
import type { CompileOutput, ConfigureOutput, DistroKernel, FetchOutput, PatchedTree, PatchOutput, UnpackOutput } from '../types.js';
import { PARTIAL_REVISION, unpackPart } from '../unpack/partial.js';
import { compileModules, objectsIn } from './compile.js';
import { HEADERS_REVISION, unpackHeaders } from './headers.js';
import { packageVersion, requireSameVersion } from './kernel.js';
import { includeFolders, modulesMake } from './make.js';
import { touchedFiles } from './touched.js';

/** The stages of a flavour with build: modules, where they differ from a kernel's. */

/**
 * What changes when apt may know a newer kernel: a day, and the time of the host's own indexes. Without it a build made
 * before the last upgrade would count as up to date, for a kernel that no longer runs.
 */
export async function aptState(offline: boolean): Promise<unknown> {
  if (offline) return null;
  const lists = await stat('/var/lib/apt/lists').catch(() => undefined);
  return [Math.floor(Date.now() / 86_400_000), lists?.mtimeMs ?? null];
}

/** @returns a warning when only the packaging of source and headers differs */
export async function checkSource(source: Fetched, kernel: DistroKernel, log?: StageLog): Promise<string | undefined> {
  // A tarball's version is looked at when it is unpacked.
  return source.kind === 'apt' ? requireSameVersion(await packageVersion(source.path, log), kernel) : undefined;
}

function needKernel(fetched: FetchOutput): DistroKernel {
  if (!fetched.kernel) throw new Error('the fetch stage found no kernel');
  return fetched.kernel;
}

export async function unpackModules(context: BuildContext, spec: ModulesSpec, fetched: FetchOutput, { log, progress }: StageRun): Promise<UnpackOutput> {
  const kernel = needKernel(fetched);
  progress.progress(`unpacking the headers of ${kernel.release}`);
  const headers = await unpackHeaders(kernel, context.cacheDir, log);
  progress.progress(`unpacking ${spec.folder} of ${fetched.base.name}`);
  const files = (await touchedFiles(fetched.series)).filter((file) => !file.startsWith(`${spec.folder}/`));
  const part = await unpackPart({ base: context.recipe.base, fetched: fetched.base, cacheDir: context.cacheDir, folder: spec.folder, files, log });
  requireSameVersion(part.identity ?? '', kernel);
  return { ...part, headers };
}

/** What the unpack stage of modules depends on. */
export async function unpackKey(context: BuildContext, spec: ModulesSpec, fetched: FetchOutput): Promise<unknown> {
  const kernel = needKernel(fetched);
  const files = (await touchedFiles(fetched.series)).filter((file) => !file.startsWith(`${spec.folder}/`));
  return {
    revision: [PARTIAL_REVISION, HEADERS_REVISION],
    digest: fetched.base.digest,
    layout: context.recipe.base.layout,
    kernel: [kernel.release, kernel.headers.map(({ digest }) => digest)],
    folder: spec.folder,
    files,
    cacheDir: context.cacheDir,
  };
}

function headersOf(unpacked: UnpackOutput): string {
  if (unpacked.headers === undefined) throw new Error('the unpack stage made no headers');
  return unpacked.headers;
}

/** How make is called for the modules of this build. */
export async function makeForModules(context: BuildContext, spec: ModulesSpec, unpacked: UnpackOutput, patched: PatchedTree): Promise<MakeEnvironment> {
  return modulesMake(
    {
      headers: headersOf(unpacked),
      into: objectsIn(context.work.join('obj'), spec.folder),
      folder: spec.folder,
      tree: patched.tree,
      include: await includeFolders(patched.tree),
      compiler: context.compiler,
      ccache: context.ccache,
      debug: context.options.debugIpvs ? await ipvsSources(patched.tree) : [],
    },
    sourceDate(unpacked.pristine),
  );
}

/** Nothing to configure: the distribution did. The stage names its configuration and release. */
export async function configureModules(context: BuildContext, fetched: FetchOutput, unpacked: UnpackOutput): Promise<StageSpec<ConfigureOutput>> {
  const { release } = needKernel(fetched);
  const config = join(headersOf(unpacked), '.config');
  return {
    name: 'configure',
    inputs: { config, release },
    outputs: (output) => [output.config],
    skip: `the distribution has configured ${release}`,
    run: async () => ({ obj: context.work.join('obj'), config, configSha256: await sha256File(config), release }),
  };
}

/** Says when a module would be compiled by another compiler than its kernel. */
export function compilerWarning(config: string, compiler: { version: string; banner: string }): string | undefined {
  const code = Number(/^CONFIG_GCC_VERSION=(\d+)$/m.exec(config)?.[1] ?? 0);
  const major = Math.floor(code / 10_000);
  if (major === 0 || compiler.version.startsWith(`${String(major)}.`)) return undefined;
  return `The distribution built its kernel with gcc ${String(major)}, these modules are built with ${compiler.banner}: name the same with --cc gcc-${String(major)}.`;
}

export function compileInput(
  context: BuildContext,
  spec: ModulesSpec,
  state: { unpacked: UnpackOutput; patched: PatchedTree; configured: ConfigureOutput; make: MakeEnvironment },
  { log, progress }: Pick<StageRun, 'log'> & { progress: Pick<StageRun['progress'], 'progress'> },
): Parameters<typeof compileModules>[0] {
  return {
    tree: state.patched.tree,
    pristine: state.unpacked.pristine,
    folder: spec.folder,
    headers: headersOf(state.unpacked),
    configured: state.configured,
    root: context.work.join('root'),
    jobs: context.jobs,
    compiler: context.compiler,
    make: state.make,
    log,
    progress: (text) => progress.progress(text),
  };
}

export async function compileModulesStage(
  context: BuildContext,
  spec: ModulesSpec,
  unpacked: UnpackOutput,
  patched: PatchOutput,
  configured: ConfigureOutput,
): Promise<StageSpec<CompileOutput>> {
  const make = await makeForModules(context, spec, unpacked, patched);
  const odd = compilerWarning(await readFile(configured.config, 'utf8'), context.compiler);
  if (odd !== undefined) context.warnings.push(odd);
  return {
    name: 'compile',
    inputs: {
      tree: await treeState(patched.tree),
      pristine: unpacked.pristine,
      headers: unpacked.headers,
      config: configured.configSha256,
      release: configured.release,
      make: make.args,
      env: make.env,
      compiler: context.compiler.banner,
    },
    outputs: (output) => Object.keys(output.built?.kept ?? {}).map((name) => join(output.root, 'lib/modules', output.release, 'updates/build-kernel', name)),
    run: (stage) => compileModules(compileInput(context, spec, { unpacked, patched, configured, make }, stage)),
  };
}
