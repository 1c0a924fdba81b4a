import { readFile } from 'node:fs/promises';
import { readJson, remove, writeAtomic } from '../../lib/files.js';
import { errno } from '../../lib/errors.js';
import { listRaw, parseListing, type Stat } from './listing.js';
import type { Targets } from './rehearse.js';

/**
 * What the patch stage remembers beside the baseline folder:
 *   BASELINE.json          what the tree's files were made to be; written last
 *   BASELINE.pending.json  the same for changes under way; there only while the tree is being changed
 *   BASELINE.index         stat listing of the finished tree
 */

interface StateFile extends TreeState {
  version: 1;
}

/** What a tree's files were made to be. */
export interface TreeState {
  /** The pristine tree that the rest is as in. */
  pristine: string;
  targets: Targets;
}

/** Stat listing of the tree when it was finished. */
export interface Index {
  /** Milliseconds since the epoch, before the listing was made. */
  made: number;
  files: Map<string, Stat>;
}

/** A time that is not past yet by this much may hide a second write (file systems stamp in steps of up to 10 ms). */
const RACY_MS = 50;

const stateFile = (baseline: string): string => `${baseline}.json`;
const pendingFile = (baseline: string): string => `${baseline}.pending.json`;
const indexFile = (baseline: string): string => `${baseline}.index`;

function isState(value: unknown): value is StateFile {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 1 && 'targets' in value && 'pristine' in value;
}

/** What the finished tree was made to be; undefined when there is none or it was never finished. */
export async function readState(baseline: string): Promise<TreeState | undefined> {
  const value = await readJson(stateFile(baseline));
  return isState(value) ? { pristine: value.pristine, targets: value.targets } : undefined;
}

/** What runs that were cut off were making of the tree, oldest first; empty when the last run came to its end. */
export async function readPending(baseline: string): Promise<TreeState[]> {
  const value = await readJson(pendingFile(baseline));
  return Array.isArray(value) ? (value as TreeState[]) : [];
}

/** Announces a change of the tree: until it is finished, each file may be as it was or as one of these has it. */
export async function writePending(baseline: string, pending: TreeState[]): Promise<void> {
  await writeAtomic(pendingFile(baseline), JSON.stringify(pending));
}

/**
 * Says that the tree is finished: index first, then the state, then the end of the change.
 * @param index false: the tree holds edits, which a new index would hide
 */
export async function finishState(baseline: string, tree: string, state: TreeState, index: boolean): Promise<void> {
  if (index) await writeIndex(baseline, tree);
  await writeAtomic(stateFile(baseline), JSON.stringify({ version: 1, ...state } satisfies StateFile, null, 1));
  await remove(pendingFile(baseline));
}

/** Forgets the state: the tree it speaks of is gone. */
export async function dropState(baseline: string): Promise<void> {
  await remove(stateFile(baseline));
  await remove(indexFile(baseline));
}

/** Records the tree's stat listing. */
export async function writeIndex(baseline: string, tree: string): Promise<void> {
  const made = Date.now();
  await writeAtomic(indexFile(baseline), `${String(made)}\0${await listRaw(tree)}`);
}

/** The recorded stat listing; undefined when there is none. */
export async function readIndex(baseline: string): Promise<Index | undefined> {
  const text = await readFile(indexFile(baseline), 'utf8').catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const end = text.indexOf('\0');
  return { made: Number(text.slice(0, end)), files: parseListing(text.slice(end + 1)) };
}

/** True when a file with this stat could have been written again after the index was made without it showing. */
export function isRacy(stat: Stat, index: Index): boolean {
  return Number(stat.ctime) * 1000 >= index.made - RACY_MS;
}
