import { resolve } from 'node:path';
import { defaultCacheDir } from '../lib/paths.js';
import { buildName, loadRecipe, releaseSuffix, type Recipe } from '../lib/flavours/catalog.js';
import type { ModulesSpec } from '../lib/flavours/schema.js';
import { ccacheUsable, defaultJobs } from './compile/make.js';
import { chooseCompat, probeCompiler, type CompatChoice, type Compiler } from './compile/compiler.js';
import { requireModulesOptions } from './modules/options.js';
import type { BuildOptions } from './options.js';
import { WorkFolder } from './runner/stamp.js';

/** Everything that is decided before the first stage. */
export interface BuildContext {
  recipe: Recipe;
  /** dsnat-220+chroute */
  name: string;
  /** Kernel release: the base's (2.6.32-220.23.1.el6; left out: what the source says) and the suffix (.dsnat). */
  release: { base?: string; suffix: string };
  /** Set when only modules for the distribution's kernel are built; its release is known when its headers are. */
  modules?: ModulesSpec;
  options: BuildOptions;
  work: WorkFolder;
  /** Artifact folder. */
  out: string;
  cacheDir: string;
  jobs: number;
  ccache: boolean;
  compiler: Compiler;
  compat: CompatChoice;
  /** Said to the user and kept in the manifest. */
  warnings: string[];
}

/**
 * Resolves a flavour and its options.
 * @throws ExpectedError usage (unknown flavour, stacking), environment (no compiler)
 */
export async function makeContext(flavour: string, options: BuildOptions): Promise<BuildContext> {
  const recipe = await loadRecipe(flavour, options.with);
  const name = buildName(recipe);
  const compiler = await probeCompiler(options.cc);
  const { modules } = recipe.flavour;
  if (modules) requireModulesOptions({ name, options });
  return {
    recipe,
    name,
    ...(modules ? { modules } : {}),
    release: { ...(recipe.base.release === undefined ? {} : { base: recipe.base.release }), suffix: releaseSuffix(recipe) },
    options,
    work: new WorkFolder(resolve(options.work, name)),
    out: resolve(options.out, name),
    cacheDir: resolve(options.cache || defaultCacheDir()),
    jobs: options.jobs ?? defaultJobs(),
    ccache: options.ccache && (await ccacheUsable()),
    compiler,
    compat: chooseCompat(recipe.compat, compiler, recipe.base.name, recipe.flavour.name),
    warnings: [],
  };
}
