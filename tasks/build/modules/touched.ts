import { readFile } from 'node:fs/promises';
import { candidates } from '../patch/names.js';
import { parsePatch } from '../patch/parse.js';
import type { SeriesPatch } from '../types.js';

/**
 * The files that a series may touch, below the tree's root.
 * @throws ExpectedError patch: malformed
 */
export async function touchedFiles(series: readonly SeriesPatch[]): Promise<string[]> {
  const files = new Set<string>();
  for (const { path, name, strip, dir } of series) {
    const prefix = dir === '.' || dir === '' ? '' : `${dir}/`;
    for (const section of parsePatch(await readFile(path, 'latin1'), name)) {
      for (const file of candidates(section, strip)) if (file !== 'dev/null' && file !== '/dev/null') files.add(prefix + file);
    }
  }
  return [...files].sort();
}
