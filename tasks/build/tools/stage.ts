import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import { sha256File } from '../../lib/digest.js';
import { fetchSource } from '../../lib/fetch/index.js';
import type { Fetched, SourceSpec } from '../../lib/sources.js';
import { fetchContext } from '../../lib/fetch/for-run.js';
import type { BuildContext } from '../context.js';
import { treeState } from '../patch/index.js';
import type { StageRun, StageSpec } from '../runner/stamp.js';
import type { PatchOutput, ToolFile, ToolsOutput } from '../types.js';
import { compareAbi } from './abi.js';
import { cachedTools } from './cached.js';
import { loadLibrary, loadRecipe, loadToolSet } from './load.js';
import type { ToolSet, Variant } from './schema.js';
import { exportGitFolder } from './sources.js';

/** The tools stage of a build: the flavour's tool set and those of its add-ons, staged together. */

async function toolSets(context: BuildContext): Promise<ToolSet[]> {
  const names = [context.recipe.flavour, ...context.recipe.addons].map(({ tools }) => tools).filter((name) => name !== undefined);
  return Promise.all([...new Set(names)].map((name) => loadToolSet(name)));
}

/** Every source the tools of a build need; each is a list of alternatives, of which the first that can be had is used. */
export async function toolSources(context: BuildContext): Promise<SourceSpec[][]> {
  const sources: SourceSpec[][] = [];
  for (const set of await toolSets(context)) {
    if (set.source && 'git' in set.source) sources.push([set.source.git]);
    for (const { recipe: name } of set.tools) {
      const recipe = await loadRecipe(name);
      if (recipe.sources.length > 0) sources.push(recipe.sources);
      if (!context.options.tools.includes('static')) continue;
      for (const library of recipe.libraries) {
        if (library !== 'libnl' || set.netlink) sources.push((await loadLibrary(library)).sources);
      }
    }
  }
  return sources;
}

/** A tool set's tree, and a key for its content. */
async function sourceOf(set: ToolSet, context: BuildContext, patched: PatchOutput, stage: StageRun, fetched: Fetched[]): Promise<string | undefined> {
  if (!set.source) return undefined;
  if ('base' in set.source) return join(patched.tree, set.source.base);
  const fetch = fetchContext(context.options, stage, (text) => context.warnings.push(text));
  const git = await fetchSource(set.source.git, fetch);
  if (!fetched.some(({ name }) => name === git.name)) fetched.push(git);
  const into = context.work.join('tools', `source-${set.name}`);
  await exportGitFolder(git, set.source.path, into, stage.log);
  return into;
}

/** Headers that say what kernel and tools tell each other. */
const SHARED_HEADERS = ['include/net/ip_vs.h', 'include/linux/ip_vs.h', 'include/linux/version.h'];

async function sharedHeaders(patched: PatchOutput): Promise<string[]> {
  const digests: string[] = [];
  for (const path of SHARED_HEADERS) {
    const file = join(patched.tree, patched.kernel, path);
    if (await exists(file)) digests.push(await sha256File(file));
  }
  return digests;
}

async function buildVariant(sets: ToolSet[], variant: Variant, context: BuildContext, patched: PatchOutput, stage: StageRun, inputs: Fetched[]): Promise<{ root: string; files: ToolFile[] }> {
  const { work, options, cacheDir, jobs, compiler } = context;
  const root = work.join('tools', variant);
  const part = `${root}.part`;
  await remove(part);
  await mkdir(part, { recursive: true });
  const files = new Map<string, ToolFile>();
  for (const set of sets) {
    const sourceDir = await sourceOf(set, context, patched, stage, inputs);
    const fetch = fetchContext(options, stage, (text) => context.warnings.push(text));
    const built = await cachedTools({
      toolset: set,
      ...(sourceDir === undefined ? {} : { sourceDir }),
      variant,
      cc: compiler.command,
      workDir: work.join('tools', 'build'),
      jobs,
      cacheDir,
      fetch: (source) => fetchSource(source, fetch),
      log: stage.log,
      progress: (text) => stage.progress.progress(text),
    });
    for (const input of built.inputs) if (!inputs.some(({ name }) => name === input.name)) inputs.push(input);
    // An add-on's iptables replaces the stock one: later sets win.
    await run(['cp', '-a', '--reflink=auto', `${built.root}/.`, part], { log: stage.log });
    for (const file of built.files) files.set(file.path, file);
  }
  await remove(work.join('tools', 'build'));
  await remove(root);
  await run(['mv', part, root], { log: stage.log });
  return { root, files: [...files.values()] };
}

export async function toolsStage(context: BuildContext, patched: PatchOutput): Promise<StageSpec<ToolsOutput>> {
  const { options, recipe, compiler } = context;
  const sets = await toolSets(context);
  const inTree = sets.flatMap(({ source }) => (source && 'base' in source ? [join(patched.tree, source.base)] : []));
  return {
    name: 'tools',
    inputs: {
      sets,
      recipes: await Promise.all(sets.flatMap(({ tools }) => tools.map(({ recipe: name }) => loadRecipe(name)))),
      trees: await Promise.all(inTree.map((path) => treeState(path))),
      headers: await sharedHeaders(patched),
      variants: options.tools,
      compiler: compiler.banner,
      base: recipe.base.name,
    },
    outputs: (output) => [output.host, output.static].filter((path) => path !== undefined),
    run: async (stage) => {
      const output: ToolsOutput = { files: [], inputs: [] };
      if (sets.length === 0) {
        stage.progress.note('this flavour builds no tools of its own');
        return output;
      }
      // The kernel and its tools must agree before anything is called built.
      for (const set of sets) {
        if (!set.header) continue;
        const source = await sourceOf(set, context, patched, stage, output.inputs);
        if (source === undefined) continue;
        stage.progress.progress('comparing the structs of kernel and tools');
        output.abi = await compareAbi({
          kernelInclude: join(patched.tree, patched.kernel, 'include'),
          toolsHeader: join(source, set.header),
          cc: compiler.command,
          toolset: set,
          workDir: context.work.join('tools', 'abi'),
          log: stage.log,
        });
      }
      for (const variant of options.tools) {
        const { root, files } = await buildVariant(sets, variant, context, patched, stage, output.inputs);
        output[variant] = root;
        output.files.push({ variant, files });
      }
      return output;
    },
  };
}
