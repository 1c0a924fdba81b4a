import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../lib/paths.js';
import { requireSafe } from './names.js';

const dir = join(packageRoot, 'templates', 'package');

/**
 * A maintainer script from templates/package with its @NAME@ marks replaced.
 * @param values one name, or several to be separated by blanks; each must be safe to stand in a shell script unquoted
 * @throws ExpectedError package when a value holds other characters
 */
export async function scriptlet(name: string, values: Record<string, string | string[]>): Promise<string> {
  const text = await readFile(join(dir, `${name}.sh`), 'utf8');
  return text.replaceAll(/@([A-Z]+)@/g, (mark, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`${name}.sh: nothing to put for ${mark}`);
    return [value].flat().map((one) => requireSafe(key.toLowerCase(), one)).join(' ');
  });
}
