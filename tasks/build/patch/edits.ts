import { join } from 'node:path';
import { isDropping } from '../droppings.js';
import { readEntry, sameEntry, type Entry } from '../gitid.js';
import { mapLimit } from '../limit.js';
import { listRaw, parseListing, sameStat } from './listing.js';
import { isRacy, type Index } from './state.js';
import type { Targets } from './rehearse.js';

/** A file that is not as the patch stage left it. */
export interface Edit {
  path: string;
  /** As the series left it; null: it was not there. */
  was: Entry | null;
  /** As it is; null: it was removed. */
  is: Entry | null;
}

export interface FindEditsInput {
  tree: string;
  pristine: string;
  /** What the series made of its files. */
  targets: Targets;
  /** Stat listing of the tree when it was finished; without it every file is read. */
  index?: Index;
  /** States that are no edits either, by path (a change that was cut off). */
  also?: Targets[];
}

/** What a path is by the series: its target, or the pristine file. */
export async function expectedEntry(path: string, targets: Targets, pristine: string): Promise<Entry | null> {
  const target = targets[path];
  return target === undefined ? readEntry(join(pristine, path)) : target;
}

/**
 * The files of a tree that someone edited, sorted by path. Only those whose stat differs from the index are read.
 * @returns the edits, and how many files had to be read
 */
export async function findEdits(input: FindEditsInput): Promise<{ edits: Edit[]; read: number }> {
  const { tree, pristine, targets, index, also = [] } = input;
  const now = parseListing(await listRaw(tree));
  const known = index?.files ?? parseListing(await listRaw(pristine));
  const paths = new Set<string>();
  for (const [path, stat] of now) {
    const then = index?.files.get(path);
    if (index && then && sameStat(stat, then) && !isRacy(stat, index)) continue;
    if (!known.has(path) && targets[path] === undefined && isDropping(path)) continue;
    paths.add(path);
  }
  for (const path of known.keys()) if (!now.has(path)) paths.add(path);
  for (const path of [targets, ...also].flatMap((map) => Object.keys(map))) if (!index || (!now.has(path) && targets[path])) paths.add(path);
  const found = await mapLimit([...paths].sort(), 8, async (path): Promise<Edit | undefined> => {
    const is = await readEntry(join(tree, path));
    const was = await expectedEntry(path, targets, pristine);
    if (sameEntry(is, was)) return undefined;
    for (const other of also) {
      if (other[path] !== undefined ? sameEntry(is, other[path]) : sameEntry(is, await readEntry(join(pristine, path)))) return undefined;
    }
    return { path, was, is };
  });
  return { edits: found.filter((edit): edit is Edit => edit !== undefined), read: paths.size };
}
