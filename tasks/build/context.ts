import { resolve } from 'node:path';
import { defaultCacheDir } from '../lib/paths.js';
import type { FetchContext } from '../lib/fetch/index.js';
import { formatBytes, formatDuration } from '../lib/ui/format.js';
import { buildName, loadRecipe, releaseSuffix, type Recipe } from '../lib/flavours/catalog.js';
import { ccacheUsable, defaultJobs } from './compile/make.js';
import { chooseCompat, probeCompiler, type CompatChoice, type Compiler } from './compile/compiler.js';
import type { BuildOptions } from './options.js';
import { WorkFolder, type StageRun } from './runner/stamp.js';

/** Everything that is decided before the first stage. */
export interface BuildContext {
  recipe: Recipe;
  /** dsnat-220+chroute */
  name: string;
  /** Kernel release: the base's (2.6.32-220.23.1.el6; left out: what the source says) and the suffix (.dsnat). */
  release: { base?: string; suffix: string };
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
  return {
    recipe,
    name,
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

/** How the fetch library is to behave for these options. */
export function fetchContext(
  options: Pick<BuildOptions, 'cache' | 'lockFile' | 'offline' | 'mirrors' | 'keyring' | 'allowUnsigned' | 'allowSha1'>,
  stage: Pick<StageRun, 'log' | 'progress'>,
  warn: (text: string) => void,
): FetchContext {
  return {
    cacheDir: resolve(options.cache || defaultCacheDir()),
    lockFile: resolve(options.lockFile),
    offline: options.offline,
    mirrors: options.mirrors,
    ...(options.keyring ? { keyring: resolve(options.keyring) } : {}),
    allowUnsigned: options.allowUnsigned,
    allowSha1: options.allowSha1,
    log: stage.log,
    notice: (text) => {
      stage.progress.note(text);
      warn(text);
    },
    progress: ({ name, received, total, bytesPerSecond, etaSeconds }) => {
      const share = total ? `${String(Math.floor((received / total) * 100))} % of ${formatBytes(total)}` : formatBytes(received);
      const eta = etaSeconds === undefined ? '' : `, ${formatDuration(etaSeconds * 1000)} left`;
      stage.progress.progress(`${name}: ${share}, ${formatBytes(bytesPerSecond)}/s${eta}`);
    },
  };
}
