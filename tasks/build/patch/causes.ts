import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StageLog } from '../../lib/log.js';
import { remove } from '../../lib/files.js';
import { blobId } from '../gitid.js';
import { describeIdentity, identify } from '../identify.js';
import type { SeriesPatch } from '../types.js';
import { hunksPresent, linesOf } from './closest.js';
import { gnuPatch } from './gnupatch.js';
import { stripName } from './names.js';
import { rehearse, type PatchFailure } from './rehearse.js';

/** Another unpacked base that a failing patch can be tried on. */
export interface KnownBase {
  /** Name of the base: rhel-220. */
  name: string;
  pristine: string;
  /** Kernel folder below its root. */
  kernel: string;
}

/** A cause that was computed, with its evidence and cure. */
export interface Cause {
  kind: 'already-applied' | 'partly-applied' | 'wrong-strip' | 'wrong-base' | 'file-missing';
  text: string;
  fix: string;
}

export interface CauseInput {
  failure: PatchFailure;
  pristine: string;
  kernel: string;
  series: SeriesPatch[];
  knownBases?: KnownBase[];
  log?: StageLog;
}

async function isFile(path: string): Promise<boolean> {
  return lstat(path).then((info) => !info.isDirectory(), () => false);
}

/** The patch's result is in the tree: GNU patch can take it back cleanly, or file by file the hunks' results stand there. */
async function alreadyApplied({ failure, log }: CauseInput): Promise<Cause | undefined> {
  const { patch, scratch, sections, before } = failure;
  const cwd = join(scratch.folder, patch.dir);
  await mkdir(cwd, { recursive: true });
  const back = await gnuPatch({ cwd, patchFile: patch.path, strip: patch.strip, fuzz: 0, reverse: true, dryRun: true, log });
  const fix = `Leave ${patch.name} out of the series, or start from a base without it.`;
  if (back.exitCode === 0) return { kind: 'already-applied', text: `already applied: taken in reverse, ${patch.name} applies cleanly, so the tree has all of it.`, fix };
  const have = sections.filter(({ section, path }) => {
    const state = before.get(path);
    return section.kind === 'delete' ? state === null : state != null && hunksPresent(section.hunks, linesOf(state.data));
  });
  if (have.length === 0) return undefined;
  const names = have.slice(0, 5).map(({ path }) => path).join(', ');
  return { kind: 'partly-applied', text: `partly applied: ${String(have.length)} of ${String(sections.length)} files have the patch's result already (${names}${have.length > 5 ? ', …' : ''}).`, fix };
}

/** How many of the files that the patch changes exist at a strip level, below a folder of the tree. */
async function countAt(input: CauseInput, strip: number, dir: string): Promise<number> {
  let count = 0;
  for (const { section } of input.failure.sections) {
    if (section.kind === 'create') continue;
    const names = [section.oldName, section.newName].flatMap((name) => (name === undefined ? [] : (stripName(name, strip) ?? [])));
    for (const name of names) {
      if (!(await isFile(join(input.pristine, dir, name)))) continue;
      count += 1;
      break;
    }
  }
  return count;
}

async function wrongStrip(input: CauseInput): Promise<Cause | undefined> {
  const { patch, sections } = input.failure;
  const changed = sections.filter(({ section }) => section.kind !== 'create').length;
  const present = await countAt(input, patch.strip, patch.dir);
  let best: { strip: number; dir: string; count: number } | undefined;
  for (const dir of new Set([patch.dir, '.', input.kernel])) {
    for (let strip = 0; strip <= 9; strip += 1) {
      const count = await countAt(input, strip, dir);
      if (count > (best?.count ?? present)) best = { strip, dir, count };
    }
  }
  if (!best || best.count <= changed / 2) return undefined;
  const where = best.dir === patch.dir ? '' : ` in the folder ${best.dir === '.' ? 'of the tree (in: root)' : `${best.dir} (in: kernel)`}`;
  return {
    kind: 'wrong-strip',
    text: `wrong strip level: with -p${String(patch.strip)} in "${patch.dir}" ${String(present)} of ${String(changed)} files exist, with -p${String(best.strip)}${where} ${String(best.count)}.`,
    fix: `Apply ${patch.name} with strip level ${String(best.strip)}${where}.`,
  };
}

async function fits(input: CauseInput, base: KnownBase): Promise<boolean> {
  const { failure, series, log } = input;
  const upTo = series.slice(0, series.indexOf(failure.patch) + 1);
  const dirFor = (dir: string): string => (dir === input.kernel ? base.kernel : dir);
  const folder = `${failure.scratch.folder}.try`;
  try {
    const trial = await rehearse({ pristine: base.pristine, series: upTo.map((patch) => ({ ...patch, dir: dirFor(patch.dir) })), scratch: folder, log });
    return trial.failure === undefined;
  } catch {
    return false;
  } finally {
    await remove(folder);
  }
}

/** What base the patch was made for: blob ids in the patch, the tree's identity, and trials on other bases at hand. */
async function wrongBase(input: CauseInput): Promise<Cause | undefined> {
  const { failure, pristine, kernel } = input;
  const withIds = failure.sections.filter(({ section }) => section.oldId !== undefined && !/^0+$/.test(section.oldId));
  const different = withIds.filter(({ section, path, from }) => {
    const state = failure.before.get(from ?? path);
    return !state || !blobId(state.data).startsWith(section.oldId!);
  });
  const fitting: string[] = [];
  for (const base of input.knownBases ?? []) if (base.pristine !== pristine && (await fits(input, base))) fitting.push(base.name);
  const identity = await identify(pristine, kernel);
  const name = describeIdentity(identity);
  const parts: string[] = [];
  if (name !== undefined) parts.push(`This tree is ${name}.`);
  if (withIds.length > 0) {
    const some = different.slice(0, 5).map(({ path }) => path).join(', ');
    parts.push(`By the blob ids in the patch it was made from ${different.length === 0 ? 'exactly these files' : `other files than this tree's: ${String(different.length)} of ${String(withIds.length)} differ (${some}${different.length > 5 ? ', …' : ''})`}.`);
  }
  if (fitting.length > 0) parts.push(`It applies to ${fitting.join(' and ')}.`);
  else if (input.knownBases && input.knownBases.length > 0) parts.push(`It applies to none of the other bases at hand (${input.knownBases.map((base) => base.name).join(', ')}).`);
  if (fitting.length === 0 && different.length === 0) return undefined;
  return {
    kind: 'wrong-base',
    text: `wrong base: ${parts.join(' ')}`,
    fix: fitting.length > 0 ? `Build on ${fitting.join(' or ')}.` : 'Use the base that the patch was made for (its page or the names in its header say which).',
  };
}

async function fileMissing(input: CauseInput): Promise<Cause | undefined> {
  const { patch, sections, before } = input.failure;
  const missing = sections.filter(({ section, path, from }) => section.kind !== 'create' && before.get(from ?? path) === null);
  if (missing.length === 0) return undefined;
  const names = missing.slice(0, 5).map(({ path }) => path).join(', ');
  return {
    kind: 'file-missing',
    text: `file missing: ${String(missing.length)} of ${String(sections.length)} files that ${patch.name} changes are not in the tree (${names}${missing.length > 5 ? ', …' : ''}).`,
    fix: 'Apply first the patch that adds them, or use the base that has them.',
  };
}

/** The causes of a failure that the evidence bears out, the most telling first; empty when none is. */
export async function causesOf(input: CauseInput): Promise<Cause[]> {
  // A wrong strip level explains everything else: missing files and other blobs follow from it.
  const strip = await wrongStrip(input);
  if (strip) return [strip];
  const found = [await alreadyApplied(input), await wrongBase(input), await fileMissing(input)].filter((cause): cause is Cause => cause !== undefined);
  return found[0]?.kind === 'already-applied' ? [found[0]] : found;
}

