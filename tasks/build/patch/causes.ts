import { lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { StageLog } from '../../lib/log.js';
import { ExpectedError } from '../../lib/errors.js';
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
  kind: 'already-applied' | 'partly-applied' | 'earlier-patch' | 'wrong-strip' | 'wrong-base' | 'file-missing';
  text: string;
  fix: string;
  /** partly-applied: more than half of the patch's files. */
  mostly?: boolean;
}

export interface CauseInput {
  failure: PatchFailure;
  pristine: string;
  kernel: string;
  series: SeriesPatch[];
  knownBases?: KnownBase[];
  log?: StageLog;
}

function shortList(paths: string[]): string {
  return `${paths.slice(0, 5).join(', ')}${paths.length > 5 ? ', …' : ''}`;
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
  const names = shortList(have.map(({ path }) => path));
  const mostly = have.length * 2 > sections.length;
  return { kind: 'partly-applied', mostly, text: `${mostly ? 'already applied, for the most part' : 'partly applied'}: ${String(have.length)} of ${String(sections.length)} files have the patch's result (${names}).`, fix };
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

/** Tries patches on a base, in a scratch folder of their own. */
async function fits(input: CauseInput, base: KnownBase, series: SeriesPatch[]): Promise<boolean> {
  const dirFor = (dir: string): string => (dir === input.kernel ? base.kernel : dir);
  const folder = `${input.failure.scratch.folder}.try`;
  try {
    const trial = await rehearse({ pristine: base.pristine, series: series.map((patch) => ({ ...patch, dir: dirFor(patch.dir) })), scratch: folder, log: input.log });
    return trial.failure === undefined;
  } catch (error) {
    // Not even its paths make sense there.
    if (error instanceof ExpectedError && error.code === 'patch') return false;
    throw error;
  } finally {
    await remove(folder);
  }
}

function earlierPatches({ failure, series }: CauseInput): SeriesPatch[] {
  return series.slice(0, series.indexOf(failure.patch));
}

/** Alone on the pristine tree it applies: a patch before it is in its way. */
async function earlierPatch(input: CauseInput): Promise<Cause | undefined> {
  const { failure, pristine, kernel } = input;
  const earlier = earlierPatches(input);
  if (earlier.length === 0 || !(await fits(input, { name: '', pristine, kernel }, [failure.patch]))) return undefined;
  const names = earlier.map((patch) => patch.name).join(', ');
  return {
    kind: 'earlier-patch',
    text: `in conflict with an earlier patch: alone, ${failure.patch.name} applies to this base; after ${names} it does not, because both change the same lines.`,
    fix: `Choose ${failure.patch.name} or the earlier patch (they may be alternatives), or bring ${failure.patch.name} up to date with ${names}.`,
  };
}

/** Kernel versions that stand in the patch's file names (linux-2.6.32-220.23.1.el6.x86_64/…). */
function namedVersions({ sections }: PatchFailure): string[] {
  const names = sections.flatMap(({ section }) => [section.oldName ?? '', section.newName ?? '']);
  return [...new Set(names.flatMap((name) => /\d+\.\d+\.\d+-\d[\d.]*\.el\d+/.exec(name.split('/')[0]!) ?? []))];
}

/** What base the patch was made for: blob ids in the patch, the tree's identity, and trials on other bases at hand. */
async function wrongBase(input: CauseInput): Promise<Cause | undefined> {
  const { failure, pristine, kernel } = input;
  const withIds = failure.sections.filter(({ section }) => section.oldId !== undefined && !/^0+$/.test(section.oldId));
  const different = withIds.filter(({ section, path, from }) => {
    const state = failure.before.get(from ?? path);
    return !state || !blobId(state.data).startsWith(section.oldId!);
  });
  const upTo = [...earlierPatches(input), failure.patch];
  const others = (input.knownBases ?? []).filter((base) => base.pristine !== pristine);
  const fitting: string[] = [];
  for (const base of others) if (await fits(input, base, upTo)) fitting.push(base.name);
  const identity = await identify(pristine, kernel);
  const name = describeIdentity(identity);
  const named = namedVersions(failure).filter((version) => !identity.versions.includes(version));
  if (fitting.length === 0 && different.length === 0 && (named.length === 0 || identity.versions.length === 0)) return undefined;
  const parts: string[] = [];
  if (name !== undefined) parts.push(`This tree is ${name}.`);
  if (withIds.length > 0) {
    const some = shortList(different.map(({ path }) => path));
    parts.push(`By the blob ids in the patch it was made from ${different.length === 0 ? 'exactly these files' : `other files than this tree's: ${String(different.length)} of ${String(withIds.length)} differ (${some})`}.`);
  }
  if (named.length > 0) parts.push(`Its file names speak of ${named.join(' and ')}.`);
  if (fitting.length > 0) parts.push(`It applies to ${fitting.join(' and ')}.`);
  else if (others.length > 0) parts.push(`It applies to none of the other bases at hand (${others.map((base) => base.name).join(', ')}).`);
  const right = fitting.length > 0 ? fitting : named;
  return {
    kind: 'wrong-base',
    text: `wrong base: ${parts.join(' ')}`,
    fix: right.length > 0 ? `Build on ${right.join(' or ')}.` : 'Use the base that the patch was made for (its page or the names in its header say which).',
  };
}

async function fileMissing(input: CauseInput): Promise<Cause | undefined> {
  const { patch, sections, before } = input.failure;
  const missing = sections.filter(({ section, path, from }) => section.kind !== 'create' && section.kind !== 'delete' && before.get(from ?? path) === null);
  if (missing.length === 0) return undefined;
  return {
    kind: 'file-missing',
    text: `file missing: ${String(missing.length)} of ${String(sections.length)} files that ${patch.name} changes are not in the tree (${shortList(missing.map(({ path }) => path))}).`,
    fix: 'Apply first the patch that adds them, or use the base that has them.',
  };
}

/** The causes of a failure that the evidence bears out, the most telling first; empty when none is. */
export async function causesOf(input: CauseInput): Promise<Cause[]> {
  // A wrong strip level explains everything else: missing files and other blobs follow from it.
  const strip = await wrongStrip(input);
  if (strip) return [strip];
  const applied = await alreadyApplied(input);
  if (applied?.kind === 'already-applied') return [applied];
  // Before "mostly applied": two editions of one patch have most of their result in common.
  const earlier = await earlierPatch(input);
  if (earlier) return [earlier];
  if (applied?.mostly) return [applied];
  const base = await wrongBase(input);
  return [applied, base, base ? undefined : await fileMissing(input)].filter((cause): cause is Cause => cause !== undefined);
}
