import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { readEntry, sameEntry, type Entry } from '../gitid.js';
import type { FileResult, PatchResult, SeriesPatch } from '../types.js';
import { gnuPatch } from './gnupatch.js';
import { layersOf, type Layer, type PlacedSection } from './layers.js';
import { candidates, stripName, targetOf } from './names.js';
import { parsePatch, type Section } from './parse.js';
import { Scratch, type Snapshot } from './scratch.js';
import { verifySections } from './verify.js';

/** What a tree's files must be after the series, where that differs from the pristine tree; null: absent. */
export type Targets = Record<string, Entry | null>;

export interface RehearseInput {
  pristine: string;
  series: SeriesPatch[];
  /** Folder for the trial; emptied first. */
  scratch: string;
  log?: StageLog;
}

/** A patch that did not apply, with what is needed to find out why. */
export interface PatchFailure {
  patch: SeriesPatch;
  sections: PlacedSection[];
  results: FileResult[];
  /** What GNU patch or the checks complained about. */
  complaints: string[];
  /** The patch's files before it was tried. */
  before: Snapshot;
  /** Scratch folder, put back to that state. */
  scratch: Scratch;
}

export interface Rehearsal {
  results: PatchResult[];
  /** Things worth knowing: what was left out, dropped or removed. */
  notes: string[];
  failure?: PatchFailure;
}

/** The folder that a patch's names count from, as a prefix of paths below the root. */
export function prefixOf(patch: Pick<SeriesPatch, 'dir'>): string {
  return patch.dir === '.' || patch.dir === '' ? '' : `${patch.dir.replace(/\/+$/, '')}/`;
}

/** Stages the files a patch may mean and says which one each section means. */
async function place(patch: SeriesPatch, sections: Section[], scratch: Scratch): Promise<PlacedSection[]> {
  const prefix = prefixOf(patch);
  const placed: PlacedSection[] = [];
  for (const section of sections) {
    const there = new Set<string>();
    for (const path of candidates(section, patch.strip)) {
      await scratch.stage(prefix + path, patch.name);
      if (await readEntry(scratch.at(prefix + path, patch.name))) there.add(path);
    }
    const path = targetOf(section, patch.strip, (name) => there.has(name));
    if (path === undefined) {
      throw new ExpectedError({
        code: 'patch',
        what: `${patch.name}: the name ${section.newName ?? section.oldName ?? '(none)'} (line ${String(section.first)}) has too few components for strip level ${String(patch.strip)}.`,
        why: 'Nothing is left of the name after stripping.',
        fix: 'Give the patch its strip level, for instance my.patch:0.',
      });
    }
    const from = section.kind === 'rename' && section.oldName !== undefined ? stripName(section.oldName, patch.strip) : undefined;
    placed.push({ section, path: prefix + path, from: from === undefined ? undefined : prefix + from });
  }
  return placed;
}

/** GNU patch's results in the sections' order and with the tree's paths; hunks it never reached count as failed. */
function resultsOf(patch: SeriesPatch, sections: PlacedSection[], files: FileResult[]): FileResult[] {
  const prefix = prefixOf(patch);
  return sections.map(({ section, path }) => {
    const found = files.find((file) => prefix + file.file === path);
    return {
      file: path,
      hunks: section.hunks.map(({ number }) => found?.hunks.find((hunk) => hunk.number === number) ?? { number, offset: 0, fuzz: 0, ok: false }),
    };
  });
}

async function applyLayer(patch: SeriesPatch, layer: Layer, scratch: Scratch, log?: StageLog): Promise<{ results: FileResult[]; complaints: string[]; note?: string }> {
  const cwd = join(scratch.folder, patch.dir);
  await mkdir(cwd, { recursive: true });
  let patchFile = patch.path;
  if (layer.text !== undefined) {
    patchFile = `${scratch.folder}.part`;
    await writeFile(patchFile, layer.text, 'latin1');
  }
  const paths = layer.sections.flatMap(({ path, from }) => (from === undefined ? [path] : [path, from]));
  const before = await scratch.snapshot(paths);
  const options = { cwd, patchFile, strip: patch.strip, fuzz: patch.fuzz, log };
  const forward = await gnuPatch(options);
  const results = resultsOf(patch, layer.sections, forward.files);
  const { complaints } = forward;
  const failed = results.some((file) => file.hunks.some((hunk) => !hunk.ok));
  if (forward.exitCode !== 0 || failed) return { results, complaints: complaints.length > 0 || failed ? complaints : ['GNU patch failed without a reason'] };
  const checked = verifySections(layer.sections, before, await scratch.snapshot(paths));
  if (checked.wrong.length > 0) return { results, complaints: checked.wrong };
  // With fuzz, context was changed: the way back may need as much.
  const back = await gnuPatch({ ...options, reverse: true, dryRun: true });
  if (back.exitCode !== 0) return { results, complaints: ['GNU patch reported success, but the patch cannot be taken back from the result', ...back.complaints] };
  const note = checked.withIds > 0 ? `${patch.name}: ${String(checked.exact)} of ${String(checked.withIds)} results are byte for byte the author's` : undefined;
  return { results, complaints: [], note };
}

/** Removes what a patch made by mistake: paths its entry lists, and backups or rejects that it brings along. */
async function dropStrays(patch: SeriesPatch, sections: PlacedSection[], scratch: Scratch, notes: string[]): Promise<void> {
  for (const path of patch.drop) {
    await scratch.stage(path, patch.name);
    if (await scratch.drop(path, patch.name)) notes.push(`${patch.name}: ${path} dropped (listed as a mistake of the patch)`);
  }
  for (const { section, path } of sections) {
    if (section.kind !== 'create' || !/\.(orig|rej)$/.test(path) || (await exists(join(scratch.pristine, path)))) continue;
    if (await scratch.drop(path, patch.name)) notes.push(`${patch.name}: stray ${path} removed`);
  }
}

async function tryPatch(patch: SeriesPatch, scratch: Scratch, notes: string[], log?: StageLog): Promise<{ result: PatchResult; failure?: PatchFailure }> {
  const text = await readFile(patch.path, 'latin1');
  const sections = await place(patch, parsePatch(text, patch.name), scratch);
  const before = await scratch.snapshot(sections.flatMap(({ path, from }) => (from === undefined ? [path] : [path, from])));
  const { layers, leftOut } = layersOf(text, sections);
  const result: PatchResult = { patch: patch.name, files: [] };
  const fail = async (results: FileResult[], complaints: string[]): Promise<{ result: PatchResult; failure: PatchFailure }> => {
    await scratch.restore(before);
    return { result: { ...result, files: results }, failure: { patch, sections, results, complaints, before, scratch } };
  };
  for (const { section, path } of leftOut) {
    if (section.kind === 'create' || patch.drop.includes(path)) notes.push(`${patch.name}: ${path} left out (binary; ${section.binary === 'stub' ? 'the patch does not hold its content' : 'GNU patch cannot make it'})`);
    else return fail([], [`${path}: a change to a binary file, which ${section.binary === 'stub' ? 'the patch does not hold' : 'GNU patch cannot apply'}`]);
  }
  for (const layer of layers) {
    const done = await applyLayer(patch, layer, scratch, log);
    result.files.push(...done.results);
    if (done.complaints.length > 0 || done.results.some((file) => file.hunks.some((hunk) => !hunk.ok))) return fail(result.files, done.complaints);
    if (done.note !== undefined) notes.push(done.note);
  }
  await dropStrays(patch, sections, scratch, notes);
  return { result };
}

/**
 * Tries a whole series on copies of the files it touches. Stops at the first patch that does not apply.
 * The scratch folder then holds those files as the series leaves them.
 * @throws ExpectedError patch for malformed patches and paths outside of the tree
 */
export async function rehearse(input: RehearseInput): Promise<Rehearsal & { scratch: Scratch }> {
  await remove(input.scratch);
  await mkdir(input.scratch, { recursive: true });
  const scratch = new Scratch(input.pristine, input.scratch);
  const notes: string[] = [];
  const results: PatchResult[] = [];
  try {
    for (const patch of input.series) {
      const { result, failure } = await tryPatch(patch, scratch, notes, input.log);
      results.push(result);
      if (failure) return { results, notes, failure, scratch };
    }
  } finally {
    await remove(`${input.scratch}.part`);
  }
  return { results, notes, scratch };
}

/** What the tree must be, from the scratch folder after a rehearsal; paths that end as they began are left out. */
export async function targetsOf(scratch: Scratch, removed: string[]): Promise<Targets> {
  const targets: Targets = {};
  for (const path of [...new Set([...scratch.staged, ...removed])].sort()) {
    const target = removed.includes(path) ? null : await readEntry(join(scratch.folder, path));
    if (!sameEntry(target, await readEntry(join(scratch.pristine, path)))) targets[path] = target;
    else await remove(join(scratch.folder, path));
  }
  return targets;
}
