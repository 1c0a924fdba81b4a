import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { patchesDir } from '../../lib/paths.js';
import { requirePlainPath } from '../../lib/plain-path.js';
import type { ToolFile } from '../types.js';
import { buildTree, type Toolchain } from './autobuild.js';
import { installTool, versionOf } from './install.js';
import { linkKernelHeaders, MUSL_CC } from '../../lib/musl.js';
import { ensureLibrary, staticEnv, type BuiltLibrary } from './libraries.js';
import { loadRecipe } from './load.js';
import type { Recipe, ToolSet, Variant } from './schema.js';
import { makeCompat, makeKernelDir } from './shim.js';
import { unpackFirst, type Fetch } from '../../lib/fetch/alternatives.js';
import { copyTree, prepareTree } from './tree.js';

export interface BuildToolsInput {
  toolset: ToolSet;
  /** The tool set's tree (read only); left out for sets whose recipes bring their own sources. */
  sourceDir?: string;
  variant: Variant;
  /** Compiler of the host variant (static tools are built with musl-gcc). */
  cc?: string;
  /** Scratch folder, emptied first; no white space in its path. */
  workDir: string;
  /** Where the tools are staged as on a host; emptied first. */
  destdir: string;
  jobs: number;
  cacheDir: string;
  /** Fetches sources of libraries and of stock tools; decides whether the network may be used. */
  fetch: Fetch;
  log?: StageLog;
  progress?: (text: string) => void;
  /** Folder that holds tools/ (patches/ by default). */
  root?: string;
}

export interface BuiltTools {
  files: ToolFile[];
  /** Archives the static libraries and stock tools were made from, for the manifest. */
  sources: { name: string; sha256: string; from: string }[];
}

/** Modules of pkg-config for each library, for the host variant. */
const PKG_CONFIG = { popt: ['popt'], openssl: ['openssl'], libnl: ['libnl-3.0', 'libnl-genl-3.0'] } as const;
/** What to install for them: Debian's names, then those of rpm distributions. */
const PACKAGES = {
  popt: 'libpopt-dev (popt-devel)',
  openssl: 'libssl-dev (openssl-devel)',
  libnl: 'libnl-3-dev and libnl-genl-3-dev (libnl3-devel)',
} as const;

async function hostFlags(libraries: readonly (keyof typeof PKG_CONFIG)[], log?: StageLog): Promise<string[]> {
  const flags: string[] = [];
  for (const library of libraries) {
    const { stdout } = await run(['pkg-config', '--cflags', ...PKG_CONFIG[library]], {
      log,
      fail: { code: 'environment', what: `The library ${library} cannot be linked on this host.`, fix: `Install ${PACKAGES[library]}; build-kernel doctor --install does.` },
    });
    flags.push(...stdout.split(/\s+/).filter((flag) => flag !== ''));
  }
  return flags;
}

interface Parts {
  chain: Toolchain;
  libraries: BuiltLibrary[];
}

/** Compiler and flags of one variant: the host's libraries, or ours built with musl. */
async function toolchain(input: BuildToolsInput, recipes: readonly Recipe[]): Promise<Parts> {
  const { variant, workDir, toolset, log } = input;
  const wanted = [...new Set(recipes.flatMap((recipe) => recipe.libraries))].filter((name) => name !== 'libnl' || toolset.netlink);
  const compat = await makeCompat(join(workDir, 'compat'), join(input.root ?? patchesDir, 'tools', 'compat'));
  if (variant === 'host') {
    const chain: Toolchain = {
      variant,
      cc: input.cc ?? 'gcc',
      cppflags: [`-I${compat.include}`, ...(await hostFlags(wanted, log))],
      ldflags: [`-L${compat.lib}`],
      env: { SOURCE_DATE_EPOCH: String(toolset.epoch) },
      compat: compat.include,
    };
    return { chain, libraries: [] };
  }
  const headers = join(workDir, 'kernel-headers');
  await linkKernelHeaders(headers, log);
  const libraries: BuiltLibrary[] = [];
  for (const name of wanted) libraries.push(await ensureLibrary(name, headers, input));
  const chain: Toolchain = {
    variant,
    cc: MUSL_CC,
    cppflags: [`-I${compat.include}`, ...libraries.map(({ prefix }) => `-I${join(prefix, 'include')}`)],
    ldflags: ['-static', `-L${compat.lib}`, ...libraries.map(({ prefix }) => `-L${join(prefix, 'lib')}`)],
    env: staticEnv(headers, toolset.epoch),
    compat: compat.include,
  };
  return { chain, libraries };
}

/**
 * Builds a tool set and stages it.
 * @returns the staged files in order of path
 * @throws ExpectedError tools (does not build, or came out wrong), environment (a library or compiler is missing),
 *   network or offline (static libraries, stock tools), trust, patch, usage
 */
export async function buildTools(input: BuildToolsInput): Promise<BuiltTools> {
  const { toolset, workDir, destdir, variant, log } = input;
  const root = input.root ?? patchesDir;
  requirePlainPath(workDir, '--work');
  requirePlainPath(input.cacheDir, '--cache');
  await remove(workDir);
  await remove(destdir);
  await mkdir(workDir, { recursive: true });
  await mkdir(destdir, { recursive: true });
  const tools = await Promise.all(toolset.tools.map(async ({ recipe, dir }) => ({ recipe: await loadRecipe(recipe, root), dir })));
  const { chain, libraries } = await toolchain(input, tools.map(({ recipe }) => recipe));
  const sources = libraries.map(({ name, source, from }) => ({ name, sha256: source, from }));
  const values: Record<string, string> = { netlink: toolset.netlink ? 'yes' : 'no', nl: toolset.netlink ? '-lnl' : '' };
  if (toolset.header && input.sourceDir) {
    values['kernel'] = await makeKernelDir(join(workDir, 'kernel'), requireHeader(join(input.sourceDir, toolset.header), await exists(join(input.sourceDir, toolset.header))));
  }
  // Every tree is laid out before the first is built: they include each other's headers by relative path.
  const trees: { recipe: Recipe; tree: string }[] = [];
  for (const { recipe, dir } of tools) {
    const tree = join(workDir, 'tree', dir === '.' ? recipe.program : dir);
    if (recipe.sources.length > 0) {
      const { sha256, fetched } = await unpackFirst(recipe.program, recipe.sources, tree, input.fetch, log);
      sources.push({ name: recipe.program, sha256, from: fetched.from });
    } else if (input.sourceDir) {
      await copyTree(join(input.sourceDir, dir), tree, log);
    } else {
      throw new Error(`the tool set ${toolset.name} was built without its tree`);
    }
    await prepareTree(recipe, tree, root, log);
    trees.push({ recipe, tree });
  }
  const files: ToolFile[] = [];
  for (const { recipe, tree } of trees) {
    const version = await versionOf(recipe, tree);
    input.progress?.(`building ${recipe.program} ${version} (${variant})`);
    await buildTree(recipe, tree, chain, { jobs: input.jobs, log, values });
    files.push(...(await installTool(recipe, tree, version, { destdir, variant, foreign: [workDir, input.cacheDir], log })));
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), sources };
}

function requireHeader(path: string, found: boolean): string {
  if (found) return path;
  throw new ExpectedError({ code: 'tools', what: `The tools' header ${path} does not exist.`, fix: 'The tree is not the one this tool set belongs to.' });
}
