import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import { patchesDir } from '../../lib/paths.js';
import { suggest } from '../../lib/suggest.js';
import { readYaml } from '../../lib/yaml.js';
import { librarySchema, recipeSchema, toolSetSchema, type Library, type Recipe, type ToolSet } from './schema.js';

/** Reads the tools stage's data files. `root` is the folder that holds tools/ (patches/; tests bring their own). */

/** Names of all tool sets. */
export async function toolSetNames(root = patchesDir): Promise<string[]> {
  const files = await readdir(join(root, 'tools'));
  return files.filter((file) => file.endsWith('.yaml')).map((file) => basename(file, '.yaml')).sort();
}

/**
 * One tool set.
 * @throws ExpectedError usage: unknown (with the nearest name), or not valid
 */
export async function loadToolSet(name: string, root = patchesDir): Promise<ToolSet> {
  const path = join(root, 'tools', `${name}.yaml`);
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(name) || !(await exists(path))) {
    const known = await toolSetNames(root);
    const near = suggest(name, known);
    throw new ExpectedError({
      code: 'usage',
      what: `There is no tool set ${name}.`,
      fix: `${near ? `Did you mean ${near}? ` : ''}There are: ${known.join(', ')}.`,
    });
  }
  return readYaml(path, toolSetSchema);
}

export async function loadRecipe(name: string, root = patchesDir): Promise<Recipe> {
  return readYaml(join(root, 'tools', 'recipes', `${name}.yaml`), recipeSchema);
}

export async function loadLibrary(name: string, root = patchesDir): Promise<Library> {
  return readYaml(join(root, 'tools', 'libraries', `${name}.yaml`), librarySchema);
}
