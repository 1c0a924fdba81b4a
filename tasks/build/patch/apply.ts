import { lstat, lutimes, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError, fromSystem } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { readEntry, sameEntry } from '../gitid.js';
import type { PatchOutput, SeriesPatch } from '../types.js';
import { conflictError, type KnownBase } from './conflict.js';
import { expectedEntry, findEdits, type Edit } from './edits.js';
import { rehearse, targetsOf, type Targets } from './rehearse.js';
import { dropState, finishState, readIndex, readPending, readState, writePending } from './state.js';
import { syncPaths } from './sync.js';

export interface ApplyInput {
  /** Root of the pristine tree: read only, never changed. */
  pristine: string;
  /** Kernel folder below the root. */
  kernel: string;
  series: SeriesPatch[];
  /** Files (or folders) below the root that upstream committed by mistake; removed after the series. */
  remove: string[];
  /** Where the patched tree is to be; kept and brought up to date when it is there. */
  treeDir: string;
  /** Where the series' files are kept as it left them; state files stand beside it. */
  baselineDir: string;
  log?: StageLog;
  /** For messages. */
  flavour: string;
  /** Other unpacked bases at hand: tried when a patch fails, to name the one it fits. */
  knownBases?: KnownBase[];
  progress?: (text: string) => void;
  /** Throw edits in the tree away. */
  discardEdits?: boolean;
}

export interface ApplyOutput extends PatchOutput {
  /** What was left out, dropped or removed, in words. */
  notes: string[];
  /** Paths of an existing tree that were changed. */
  changed: string[];
}

/** All files below the paths that a base removes. */
async function removedFiles(pristine: string, paths: string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = await lstat(join(pristine, path)).catch(() => undefined);
    if (info?.isDirectory()) {
      for (const entry of await readdir(join(pristine, path))) files.push(...(await removedFiles(pristine, [`${path}/${entry}`])));
    } else files.push(path);
  }
  return files;
}

function editsError(input: ApplyInput, edits: Edit[]): ExpectedError {
  const shown = edits.slice(0, 10).map(({ path, was, is }) => `${path}${was === null ? ' (new)' : is === null ? ' (removed)' : ''}`);
  if (edits.length > shown.length) shown.push(`… and ${String(edits.length - shown.length)} more`);
  return new ExpectedError({
    code: 'patch',
    what: `The tree has edits in ${String(edits.length)} file${edits.length === 1 ? '' : 's'}, and the patch series has changed: ${input.treeDir}`,
    why: shown.join('\n'),
    fix: `Save them with \`build-kernel diff ${input.flavour} > my.patch\`; then build with --patch my.patch to keep them, or with --discard-edits to drop them.`,
  });
}

/**
 * Makes the tree: a real copy, because an editor that writes in place would change the pristine file behind a hard link.
 * Files keep their times only when objects that may remain from an earlier tree cannot be of another base.
 */
async function makeTree(input: ApplyInput, targets: Targets, fresh: string): Promise<void> {
  const { treeDir, baselineDir, pristine, log } = input;
  const tree = `${treeDir}.new`;
  for (const path of [tree, `${treeDir}.old`]) await remove(path);
  const state = await readState(baselineDir);
  const keepTimes = (await readPending(baselineDir)).length === 0 && (state === undefined || state.pristine === pristine);
  const copy = keepTimes ? '-a' : '-dR';
  await run(['cp', copy, ...(keepTimes ? [] : ['--preserve=mode']), '--reflink=auto', '-T', pristine, tree], { log, fail: { code: 'unpack', what: 'The pristine tree could not be copied.' } });
  await syncPaths({ tree, pristine, patched: fresh, targets, paths: Object.keys(targets), temp: `${treeDir}.tmp` });
  // What was patched then must not look older than the objects that were made of it.
  const now = new Date();
  for (const path of Object.keys(state?.targets ?? {})) if (targets[path] === undefined && (await readEntry(join(tree, path)))) await lutimes(join(tree, path), now, now);
  // On the disk before its name says that it is whole.
  await run(['sync', '-f', tree], { log });
  await writePending(baselineDir, [{ pristine, targets }]);
  await dropState(baselineDir);
  await rename(tree, treeDir);
}

/** Brings a tree that is there to the series. Returns the paths that changed, and whether edits stayed in it. */
async function updateTree(input: ApplyInput, targets: Targets, fresh: string): Promise<{ changed: string[]; kept: boolean }> {
  const { treeDir, baselineDir, pristine, log } = input;
  const pending = await readPending(baselineDir);
  const state = await readState(baselineDir);
  const old = state?.targets ?? {};
  const base = state?.pristine ?? pending.at(-1)?.pristine ?? pristine;
  // A run that was cut off may have left a file as any of the announced changes has it, or pristine.
  const announced = pending.map((change) => change.targets);
  const { edits } = await findEdits({ tree: treeDir, pristine: base, targets: old, index: await readIndex(baselineDir), also: pending.length > 0 ? [...announced, {}] : [] });
  const wanted = new Set([old, targets, ...announced].flatMap((map) => Object.keys(map)));
  const changes = pending.length > 0 || base !== pristine || [...wanted].some((path) => old[path] === undefined || targets[path] === undefined || !sameEntry(old[path], targets[path]));
  const blocking: Edit[] = [];
  for (const edit of edits) if (!sameEntry(edit.is, await expectedEntry(edit.path, targets, pristine))) blocking.push(edit);
  if (blocking.length > 0 && !input.discardEdits) {
    if (changes) throw editsError(input, blocking);
    log?.line(`edits by hand are kept: ${blocking.map(({ path }) => path).join(' ')}`);
    return { changed: [], kept: true };
  }
  if (base !== pristine) {
    log?.line(`the tree was made of another base (${base}): it is made anew`);
    await remove(`${treeDir}.old`);
    await rename(treeDir, `${treeDir}.old`);
    await makeTree(input, targets, fresh);
    return { changed: [], kept: false };
  }
  for (const { path } of edits) wanted.add(path);
  await writePending(baselineDir, [...pending, { pristine, targets }]);
  return { changed: await syncPaths({ tree: treeDir, pristine, patched: fresh, targets, paths: wanted, temp: `${treeDir}.tmp` }), kept: false };
}

/**
 * Applies a series: tries it whole on copies of the files it touches, then makes or updates the tree. A kill at any
 * moment leaves a state from which the next call goes on; the state file is written last. The caller holds the work
 * folder's lock, which also ends the children of a run that was killed (a cp that goes on would be in the way).
 * @throws ExpectedError patch: it does not apply (see conflict.ts) or the tree has edits; space, environment
 */
export async function applySeries(input: ApplyInput): Promise<ApplyOutput> {
  const { pristine, kernel, series, treeDir, baselineDir, log } = input;
  const scratchDir = `${baselineDir}.new`;
  try {
    input.progress?.(`trying ${String(series.length)} patch${series.length === 1 ? '' : 'es'}`);
    const { scratch, results, notes, failure } = await rehearse({ pristine, series, scratch: scratchDir, log });
    if (failure) throw await conflictError({ failure, pristine, kernel, flavour: input.flavour, series, knownBases: input.knownBases, log });
    const removed = await removedFiles(pristine, input.remove);
    const targets = await targetsOf(scratch, removed);
    for (const path of removed) if (targets[path] === null) notes.push(`${path} removed (committed upstream by mistake)`);
    const there = await exists(treeDir);
    input.progress?.(there ? 'bringing the tree up to date' : 'copying the tree');
    const { changed, kept } = there ? await updateTree(input, targets, scratchDir) : { changed: [], kept: false };
    if (!there) await makeTree(input, targets, scratchDir);
    await remove(baselineDir);
    await rename(scratchDir, baselineDir);
    await finishState(baselineDir, treeDir, { pristine, targets }, !kept);
    for (const note of notes) log?.line(note);
    return { tree: treeDir, kernel, baseline: baselineDir, results, notes, changed };
  } catch (error) {
    throw fromSystem(error, 'patching the kernel tree');
  }
}
