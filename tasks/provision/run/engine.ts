import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../lib/paths.js';

/** The engine's folder on a host, and the program in it. */
export const ENGINE_FOLDER = '/var/lib/build-kernel';
export const ENGINE = `${ENGINE_FOLDER}/engine`;

/** Exit statuses of the engine (templates/provision/engine/00-head.sh). */
export const STATUS = { busy: 75, changed: 76, refused: 77, space: 78, state: 79 } as const;

/** The engine's text: its parts, in the order of their names. */
export async function engineScript(): Promise<string> {
  const folder = join(packageRoot, 'templates', 'provision', 'engine');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sh')).sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
}
