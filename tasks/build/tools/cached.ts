import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf, sha256File } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, readJson, remove, writeAtomic } from '../../lib/files.js';
import { withLock } from '../../lib/lock.js';
import type { Fetched } from '../../lib/sources.js';
import { gitId } from '../gitid.js';
import type { ToolFile } from '../types.js';
import { buildTools, type BuildToolsInput } from './build.js';
import { MUSL_CC } from '../../lib/musl.js';
import { loadLibrary, loadRecipe } from './load.js';

/** Built tool sets in the cache: flavours on one base, and add-ons on all of them, share their tools. */

export interface CachedTools {
  /** Staged root in the cache; read only. */
  root: string;
  files: ToolFile[];
  /** Sources it was made from. */
  inputs: Fetched[];
}

/** What of this host goes into the programs: the C library and, when linked dynamically, the libraries. */
async function hostIdentity(input: BuildToolsInput): Promise<string[]> {
  const { stdout: compiler } = await run([input.cc ?? 'gcc', '--version']);
  if (input.variant === 'static') {
    const { stdout: libc } = await run([MUSL_CC, '-print-file-name=libc.a'], {
      fail: { code: 'environment', what: 'musl-gcc does not run.', fix: 'Install musl-tools (musl-gcc on rpm hosts); build-kernel doctor --install does.' },
    });
    return [compiler, (await exists(libc)) ? await sha256File(libc) : libc];
  }
  const { stdout: versions } = await run(['pkg-config', '--modversion', 'popt', 'libnl-3.0', 'openssl'], { ok: [0, 1] });
  return [compiler, versions];
}

async function keyOf(input: BuildToolsInput): Promise<string> {
  const { toolset, variant, sourceDir, root } = input;
  const recipes = await Promise.all(toolset.tools.map(({ recipe }) => loadRecipe(recipe, root)));
  const libraries = await Promise.all([...new Set(recipes.flatMap((recipe) => recipe.libraries))].map((name) => loadLibrary(name, root)));
  return digestOf([toolset, recipes, libraries, variant, sourceDir === undefined ? null : await gitId(sourceDir), await hostIdentity(input)]);
}

/**
 * A tool set from the cache, built first when it is not there.
 * @param input as for buildTools, without `destdir`; `fetch` is called only when something is built
 */
export async function cachedTools(input: Omit<BuildToolsInput, 'destdir'>): Promise<CachedTools> {
  const { toolset, variant, cacheDir } = input;
  const folder = join(cacheDir, 'tools', `${toolset.name}-${variant}-${(await keyOf({ ...input, destdir: '' })).slice(0, 24)}`);
  const meta = join(folder, 'tools.json');
  const root = join(folder, 'root');
  const stored = async (): Promise<CachedTools | undefined> => {
    const value = (await readJson(meta)) as Omit<CachedTools, 'root'> | undefined;
    return value && { root, ...value };
  };
  const before = await stored();
  if (before) return before;
  return withLock(
    join(cacheDir, 'locks', `tools-${toolset.name}-${variant}.lock`),
    `the tool set ${toolset.name} in the cache`,
    async () => {
      const other = await stored();
      if (other) return other;
      const inputs: Fetched[] = [];
      const part = `${folder}.part`;
      await remove(part);
      await mkdir(dirname(part), { recursive: true });
      const { files } = await buildTools({
        ...input,
        destdir: join(part, 'root'),
        fetch: async (source) => {
          const got = await input.fetch(source);
          if (!inputs.some(({ name }) => name === got.name)) inputs.push(got);
          return got;
        },
      });
      if (files.length === 0) throw new ExpectedError({ code: 'tools', what: `The tool set ${toolset.name} came out empty.` });
      await writeAtomic(join(part, 'tools.json'), `${JSON.stringify({ files, inputs }, null, 2)}\n`);
      await remove(folder);
      await rename(part, folder);
      return { root, files, inputs };
    },
    3_600_000,
  );
}
