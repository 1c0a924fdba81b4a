import type { ModulesSpec } from '../lib/flavours/schema.js';
import type { SourceSpec } from '../lib/sources.js';
import { makeContext } from './context.js';
import type { BuildOptions } from './options.js';
import { toolSources } from './tools/stage.js';

/** What builds fetch, before anything is fetched. */

/** Every source a build needs: base, patches, tools and what static tools are linked with; alternatives together. Equal ones once. */
export async function sourcesOf(flavours: readonly string[], options: BuildOptions): Promise<SourceSpec[][]> {
  const all: SourceSpec[][] = [];
  for (const name of flavours) {
    const context = await makeContext(name, options);
    const { recipe } = context;
    all.push([recipe.base.source]);
    for (const { git, url } of [recipe.flavour, ...recipe.addons].flatMap((part) => part.patches)) {
      if (git) all.push([{ kind: 'git', url: git.url, commit: git.commit }]);
      if (url) all.push([url]);
    }
    all.push(...(await toolSources(context)));
  }
  return [...new Map(all.map((sources) => [JSON.stringify(sources.map((source) => ({ ...source, branch: undefined }))), sources])).values()];
}

/** The kernels of the distribution that modules are asked for; which packages they are is found while fetching. */
export async function kernelsOf(flavours: readonly string[], options: BuildOptions): Promise<{ name: string; spec: ModulesSpec['kernel'] }[]> {
  const kernels = new Map<string, { name: string; spec: ModulesSpec['kernel'] }>();
  for (const name of flavours) {
    const { modules } = await makeContext(name, options);
    if (modules) kernels.set(JSON.stringify(modules.kernel), { name, spec: modules.kernel });
  }
  return [...kernels.values()];
}
