import { readFile, stat } from 'node:fs/promises';
import { release as hostRelease } from 'node:os';
import { join, resolve } from 'node:path';
import { dataFile } from '../lib/data.js';
import { ExpectedError } from '../lib/errors.js';
import { fetchFromFile, fetchSource } from '../lib/fetch/index.js';
import { exists } from '../lib/files.js';
import type { Fetched } from '../lib/sources.js';
import type { BuildContext } from './context.js';
import { fetchContext } from '../lib/fetch/for-run.js';
import { compile } from './compile/index.js';
import { ipvsSources, makeEnvironment, sourceDate, type MakeEnvironment } from './compile/make.js';
import { configure, type ConfigureInput } from './configure/index.js';
import { kconfigState } from './configure/state.js';
import { distroKernel } from './modules/kernel.js';
import { aptState, checkSource, compileModulesStage, configureModules, makeForModules, unpackKey, unpackModules } from './modules/stages.js';
import { applySeries, treeState } from './patch/index.js';
import type { StageSpec } from './runner/stamp.js';
import { collectSeries, userPatchKey } from './series.js';
import type { CompileOutput, ConfigureOutput, FetchOutput, PatchedTree, PatchOutput, UnpackOutput } from './types.js';
import { unpack, unpackedBases, UNPACK_REVISION } from './unpack/index.js';

/** The stages from a source to a staged kernel: what each depends on, and what it calls. */

/** A file named on the command line, as a part of a key. */
async function fileKey(path: string | undefined): Promise<unknown> {
  if (path === undefined) return null;
  try {
    const { size, mtimeMs } = await stat(path);
    return [resolve(path), size, mtimeMs];
  } catch {
    throw new ExpectedError({ code: 'usage', what: `There is no file ${path}.`, fix: 'Check the path given with --source.' });
  }
}

export async function fetchStage(context: BuildContext): Promise<StageSpec<FetchOutput>> {
  const { recipe, options, compat } = context;
  const { base } = recipe;
  return {
    name: 'fetch',
    inputs: {
      base: base.source,
      patches: [recipe.flavour, ...recipe.addons].map(({ name, patches }) => ({ name, patches })),
      compat: compat.patches,
      user: [options.patches.map((path) => resolve(path)), await userPatchKey(options.patches)],
      source: await fileKey(options.source),
      trust: [options.allowUnsigned, options.allowSha1],
      cache: context.cacheDir,
      ...(context.modules ? { kernel: [context.modules, await aptState(options.offline)] } : {}),
    },
    outputs: (output) => [output.base.path, ...output.series.map(({ path }) => path), ...(output.kernel?.headers ?? []).map(({ path }) => path)],
    run: async (stage) => {
      const fetch = fetchContext(options, stage, (text) => context.warnings.push(text));
      const inputs: Fetched[] = [];
      // First: where there is no series for the kernel, 140 MB of its source are of no use.
      const kernel = context.modules && (await distroKernel(context.modules.kernel, context.name, (source) => fetchSource(source, fetch), stage.log));
      const fetched = options.source ? await fetchFromFile(resolve(options.source), base.source, fetch) : await fetchSource(base.source, fetch);
      inputs.push(fetched, ...(kernel?.headers ?? []));
      const odd = kernel && (await checkSource(fetched, kernel, stage.log));
      if (odd !== undefined) fetch.notice?.(odd);
      const series = await collectSeries(context, fetch, inputs);
      return { base: fetched, series, ...(kernel ? { kernel } : {}), inputs };
    },
  };
}

export async function unpackStage(context: BuildContext, fetched: FetchOutput): Promise<StageSpec<UnpackOutput>> {
  const { recipe, options, cacheDir, modules } = context;
  if (modules) {
    return {
      name: 'unpack',
      inputs: await unpackKey(context, modules, fetched),
      outputs: (output) => [join(output.pristine, 'Makefile'), join(output.headers ?? '', 'Makefile')],
      run: (stage) => unpackModules(context, modules, fetched, stage),
    };
  }
  return {
    name: 'unpack',
    inputs: { revision: UNPACK_REVISION, digest: fetched.base.digest, base: recipe.base, prep: options.prep, cacheDir },
    outputs: (output) => [join(output.pristine, output.kernel, 'Makefile')],
    run: ({ log, progress }) => {
      progress.progress(`unpacking ${fetched.base.name}`);
      return unpack({ base: recipe.base, fetched: fetched.base, prep: options.prep, cacheDir, neededBy: context.name, log });
    },
  };
}

export function patchStage(context: BuildContext, fetched: FetchOutput, unpacked: UnpackOutput): StageSpec<PatchOutput> {
  const { recipe, work, options } = context;
  return {
    name: 'patch',
    inputs: {
      pristine: unpacked.pristine,
      remove: recipe.base.remove,
      series: fetched.series.map(({ sha256, strip, dir, fuzz, drop }) => ({ sha256, strip, dir, fuzz, drop })),
    },
    outputs: (output) => [join(output.tree, output.kernel, 'Makefile'), output.baseline],
    run: async ({ log }) =>
      applySeries({
        knownBases: await unpackedBases(context.cacheDir),
        pristine: unpacked.pristine,
        kernel: unpacked.kernel,
        series: fetched.series,
        remove: recipe.base.remove,
        treeDir: work.join('tree'),
        baselineDir: work.join('baseline'),
        discardEdits: options.discardEdits,
        flavour: context.name,
        log,
      }),
  };
}

/** How make is called in this build. */
export async function makeFor(context: BuildContext, unpacked: UnpackOutput, patched: PatchedTree): Promise<MakeEnvironment> {
  if (context.modules) return makeForModules(context, context.modules, unpacked, patched);
  const kernel = join(patched.tree, patched.kernel);
  return makeEnvironment(
    {
      kernel,
      obj: context.work.join('obj'),
      compiler: context.compiler,
      cc: context.compat.cc,
      ld: context.compat.ld,
      ccache: context.ccache,
      debug: context.options.debugIpvs ? await ipvsSources(kernel) : [],
    },
    sourceDate(join(unpacked.pristine, unpacked.kernel)),
  );
}

/** The config that lies under the fragments: none, the distribution's, or a file. */
async function underlying(context: BuildContext, unpacked: UnpackOutput): Promise<ConfigureInput['under']> {
  const { options } = context;
  if (options.config === 'gateway') return { profile: 'gateway' };
  if (options.config !== 'distro') {
    const path = resolve(options.config);
    if (await exists(path)) return { profile: 'file', path };
    throw new ExpectedError({
      code: 'usage',
      what: `--config ${options.config} is neither gateway nor distro, nor a file.`,
      fix: 'gateway is our own small configuration, distro the one that comes with the source; or name a .config file.',
    });
  }
  if (unpacked.distroConfig) return { profile: 'distro', path: unpacked.distroConfig };
  const host = `/boot/config-${hostRelease()}`;
  if (await exists(host)) return { profile: 'distro', path: host };
  throw new ExpectedError({
    code: 'usage',
    what: `The base ${context.recipe.base.name} brings no configuration of its own, and this host has no ${host}.`,
    fix: 'Use --config gateway (the default), or --config FILE.',
  });
}

async function fragments(context: BuildContext, profile: 'gateway' | 'distro' | 'file'): Promise<{ name: string; text: string }[]> {
  const { recipe, options } = context;
  const names = [
    ...(profile === 'gateway' ? recipe.base.config.gateway : recipe.base.config.distro),
    ...recipe.flavour.config,
    ...recipe.addons.flatMap((addon) => addon.config),
    ...(options.debugIpvs ? ['config/debug-ipvs.config'] : []),
  ];
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(dataFile(name), 'utf8') })));
}

export async function configureStage(context: BuildContext, fetched: FetchOutput, unpacked: UnpackOutput, patched: PatchOutput): Promise<StageSpec<ConfigureOutput>> {
  if (context.modules) return configureModules(context, fetched, unpacked);
  const { options, work } = context;
  const kernel = join(patched.tree, patched.kernel);
  const under = await underlying(context, unpacked);
  const layers = await fragments(context, under.profile);
  const make = await makeFor(context, unpacked, patched);
  return {
    name: 'configure',
    inputs: {
      pristine: unpacked.pristine,
      kconfig: await kconfigState(kernel),
      under: under.profile === 'gateway' ? under : [under.profile, await readFile(under.path, 'utf8')],
      layers,
      set: options.set,
      release: context.release,
      make: make.args,
      // Asked for by hand each time.
      menuconfig: options.menuconfig ? Date.now() : false,
    },
    outputs: (output) => [output.config],
    run: ({ log }) =>
      configure({ kernel, obj: work.join('obj'), under, fragments: layers, set: options.set, release: context.release, menuconfig: options.menuconfig, make, log }),
  };
}

export async function compileStage(
  context: BuildContext,
  unpacked: UnpackOutput,
  patched: PatchOutput,
  configured: ConfigureOutput,
): Promise<StageSpec<CompileOutput>> {
  if (context.modules) return compileModulesStage(context, context.modules, unpacked, patched, configured);
  const { work, compiler, jobs, recipe } = context;
  const make = await makeFor(context, unpacked, patched);
  const kernel = join(patched.tree, patched.kernel);
  return {
    name: 'compile',
    inputs: {
      tree: await treeState(kernel),
      config: configured.configSha256,
      release: configured.release,
      make: make.args,
      env: make.env,
      compiler: compiler.banner,
    },
    outputs: (output) => (output.bzImage === undefined ? [] : [output.bzImage]),
    run: ({ log, progress }) =>
      compile({
        kernel,
        configured,
        root: work.join('root'),
        jobs,
        compiler,
        make,
        ...(context.options.config === 'gateway' && recipe.base.objects ? { expected: recipe.base.objects } : {}),
        log,
        progress: (text) => progress.progress(text),
      }),
  };
}
