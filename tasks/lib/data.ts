import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { ExpectedError } from './errors.js';
import { patchesDir } from './paths.js';

/**
 * The data files: flavours, bases, compat series, fragments, patches. They are under the package's patches/; a folder
 * of the user's (--flavours DIR), laid out the same, is looked in first, so that a flavour can be added or replaced
 * without touching the package.
 */

let own: string | undefined;

/** @throws ExpectedError usage when there is no such folder */
export function setOwnData(folder: string): void {
  const path = resolve(folder);
  if (!existsSync(join(path, 'flavours'))) {
    throw new ExpectedError({
      code: 'usage',
      what: `${path} holds no folder flavours.`,
      fix: 'Name a folder that is laid out like the package\'s patches/: flavours/NAME.yaml, bases/NAME.yaml, config/, compat/.',
    });
  }
  own = path;
}

/** The user's folder; undefined: the package's data alone. */
export const ownData = (): string | undefined => own;

/** Absolute path of a data file, given as below patches/. The file need not exist. */
export function dataFile(path: string): string {
  if (own !== undefined) {
    const candidate = resolve(own, path);
    if (existsSync(candidate)) return candidate;
  }
  return resolve(patchesDir, path);
}

/** Names of the YAML files of a data folder, sorted. */
export async function dataNames(folder: string): Promise<string[]> {
  const found = new Set<string>();
  for (const root of own === undefined ? [patchesDir] : [patchesDir, own]) {
    const path = join(root, folder);
    if (!existsSync(path)) continue;
    for (const file of await readdir(path)) if (file.endsWith('.yaml')) found.add(basename(file, '.yaml'));
  }
  return [...found].sort();
}
