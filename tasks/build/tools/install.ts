import { chmod, copyFile, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256File } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import type { ToolFile } from '../types.js';
import { checkProgram } from './check.js';
import { isElf } from './elf.js';
import type { Recipe, Variant } from './schema.js';

/** Stages what a recipe names, and nothing else: upstream's own `make install` also brings sample configurations live. */

export interface InstallTarget {
  destdir: string;
  variant: Variant;
  /** Folders whose path must not be inside a program. */
  foreign: string[];
  log?: StageLog;
}

/** The version a tree says it has. */
export async function versionOf(recipe: Recipe, tree: string): Promise<string> {
  const { file, match } = recipe.version;
  const text = (await exists(join(tree, file))) ? await readFile(join(tree, file), 'utf8') : '';
  const version = match === undefined ? text.trim().split('\n')[0] : new RegExp(match, 'm').exec(text)?.[1];
  if (!version || !/^[\w.+~-]+$/.test(version)) {
    throw new ExpectedError({ code: 'tools', what: `${recipe.name}: no version in ${file}.`, fix: 'The sources are not the ones the recipe is for.' });
  }
  return version;
}

async function filesBelow(folder: string, prefix = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const name = join(prefix, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(folder, name)));
    else if (entry.isFile()) found.push(name);
  }
  return found.sort();
}

/**
 * Stages a built tool.
 * @returns every regular file, in order of path (`path` is below destdir, with a leading slash)
 * @throws ExpectedError tools: a file is missing, or a program is not linked as it must be
 */
export async function installTool(recipe: Recipe, tree: string, version: string, target: InstallTarget): Promise<ToolFile[]> {
  const files: ToolFile[] = [];
  for (const entry of recipe.install) {
    if ('link' in entry) {
      const path = join(target.destdir, entry.link);
      await mkdir(dirname(path), { recursive: true });
      await remove(path);
      await symlink(entry.to, path);
      continue;
    }
    const from = join(tree, entry.from);
    if (!(await exists(from))) {
      if (entry.optional) continue;
      throw new ExpectedError({ code: 'tools', what: `${recipe.name} was built but left no ${entry.from}.`, fix: 'The log shows what was built.', log: target.log?.path });
    }
    const parts = (await stat(from)).isDirectory() ? (await filesBelow(from)).map((name) => [join(from, name), join(entry.to, name)] as const) : [[from, entry.to] as const];
    for (const [source, to] of parts) files.push(await installFile(recipe, entry, source, to, version, target));
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function installFile(
  recipe: Recipe,
  entry: { mode: string; elf: boolean },
  source: string,
  to: string,
  version: string,
  target: InstallTarget,
): Promise<ToolFile> {
  const path = join(target.destdir, to);
  await mkdir(dirname(path), { recursive: true });
  await remove(path);
  await copyFile(source, path);
  let linkage: ToolFile['linkage'] = 'script';
  if (entry.elf) {
    await run(['strip', '--strip-all', path], { log: target.log });
    linkage = await checkProgram(path, target.variant, target.foreign, target.log?.path);
  } else if (await isElf(path)) {
    throw new ExpectedError({ code: 'tools', what: `${recipe.name}: ${to} is a program, but the recipe does not say so.`, fix: 'Programs that upstream committed are never shipped: correct the recipe.' });
  }
  await chmod(path, Number.parseInt(entry.mode, 8));
  return { name: recipe.program, version, path: to, sha256: await sha256File(path), linkage };
}
