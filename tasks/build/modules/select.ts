import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../../lib/exec.js';
import { isDropping } from '../droppings.js';

/** Which of a folder's modules differ from the distribution's: those made from a source that the series or an edit touches. */

async function bytes(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch(() => undefined);
}

/** Files of a (partial) tree that are not as in the pristine one, sorted; names below the root. */
export async function changedFiles(tree: string, pristine: string): Promise<string[]> {
  const { stdout } = await run(['find', tree, '-type', 'f', '-printf', '%P\\n']);
  const changed: string[] = [];
  for (const path of stdout.split('\n').filter((name) => name !== '' && !isDropping(name))) {
    const [is, was] = [await bytes(join(tree, path)), await bytes(join(pristine, path))];
    if (is !== undefined && (was === undefined || !is.equals(was))) changed.push(path);
  }
  return changed.sort();
}

/** Names (ip_vs) of the modules that kbuild made in a folder, in its order. */
export async function moduleNames(into: string): Promise<string[]> {
  const order = await readFile(join(into, 'modules.order'), 'utf8');
  return order.split('\n').filter(Boolean).map((line) => basename(line).replace(/\.k?o$/, ''));
}

/** Files that a module's objects were compiled from, as kbuild notes them. */
async function dependencies(into: string, module: string): Promise<Set<string>> {
  const objects = (await readFile(join(into, `${module}.mod`), 'utf8')).split(/\s+/).filter((name) => name.endsWith('.o'));
  const files = new Set<string>();
  for (const object of objects) {
    const text = await readFile(join(into, `.${basename(object)}.cmd`), 'utf8').catch(() => '');
    for (const name of text.match(/[^\s\\():]+\.[chS]\b/g) ?? []) files.add(name);
  }
  return files;
}

/**
 * Says of each module which changed files it was made from.
 * @param places path that a dependency has when it is the changed file: objects' folder, changed headers' folders
 */
export async function touchedModules(into: string, changed: readonly string[], places: (file: string) => string): Promise<Map<string, string[]>> {
  const result = new Map<string, string[]>();
  for (const module of await moduleNames(into)) {
    const files = await dependencies(into, module);
    result.set(module, changed.filter((file) => files.has(places(file))));
  }
  return result;
}
