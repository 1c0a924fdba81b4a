import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from './errors.js';
import { errno } from './errors.js';

/** Which modules go into an initial file system and in which order they load: depmod's own list, so that no modprobe is needed in it. */

/** modules.dep: path of a module to the paths it needs, nearest first. */
export function parseModulesDep(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) found.set(line.slice(0, at), line.slice(at + 1).trim().split(/\s+/).filter(Boolean));
  }
  return found;
}

/** net/netfilter/ipvs/ip_vs_rr.ko.xz → ip_vs_rr */
export function moduleName(path: string): string {
  return (path.split('/').pop() ?? '').replace(/\.ko(\.(gz|xz|zst))?$/, '').replaceAll('-', '_');
}

export interface ChosenModules {
  /** Loaded at boot, in order; paths below lib/modules/RELEASE. */
  load: string[];
  /** There for a later insmod, in order of need; holds those of `load` too. */
  all: string[];
}

/**
 * @param wanted names to load at boot; one that the kernel has built in, or has not, is left out
 * @param folders modules below these (kernel/net/netfilter) go along without being loaded
 * @throws ExpectedError package: the folder has no modules.dep
 */
export async function chooseModules(modules: string, wanted: readonly string[], folders: readonly string[]): Promise<ChosenModules> {
  let text: string;
  try {
    text = await readFile(join(modules, 'modules.dep'), 'utf8');
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
    throw new ExpectedError({ code: 'package', what: `${modules} has no modules.dep.`, fix: 'Build the artifact again: packaging runs depmod.' });
  }
  const needs = parseModulesDep(text);
  const byName = new Map([...needs.keys()].map((path) => [moduleName(path), path]));
  const all = new Set<string>();
  const load = new Set<string>();
  const add = (path: string, into: Set<string>): void => {
    // modules.dep lists everything that is needed, the last of them first to load.
    for (const each of [...(needs.get(path) ?? [])].reverse()) into.add(each);
    into.add(path);
  };
  for (const name of wanted) {
    const path = byName.get(name);
    if (path !== undefined) add(path, load);
  }
  for (const path of load) all.add(path);
  for (const path of [...needs.keys()].sort()) if (folders.some((folder) => path.startsWith(`${folder}/`))) add(path, all);
  return { load: [...load], all: [...all] };
}
