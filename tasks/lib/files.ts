import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { mkdir } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import { errno } from './errors.js';

/** True when the path exists (whatever it is). */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return false;
      throw error;
    },
  );
}

/** Writes a file so that it is either the old one or the whole new one: beside, fsync, rename. */
export async function writeAtomic(path: string, data: string | Buffer, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${String(process.pid)}.tmp`;
  const handle = await open(part, 'w', mode);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, path);
}

/** Parsed JSON of a file; undefined when it is missing or not whole. The caller validates the shape. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    if (errno(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Removes a file or folder, if it is there. */
export async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/**
 * Joins a path from outside (an archive, a patch) to a folder.
 * @returns the joined path, or undefined when it would leave the folder
 */
export function joinInside(folder: string, path: string): string | undefined {
  if (isAbsolute(path)) return undefined;
  const clean = normalize(path);
  if (clean === '..' || clean.startsWith(`..${sep}`)) return undefined;
  return join(folder, clean);
}
