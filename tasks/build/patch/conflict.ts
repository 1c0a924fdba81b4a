import { ExpectedError } from '../../lib/errors.js';
import { causesOf, type Cause, type CauseInput } from './causes.js';
import { closestPlace, linesOf, sideOf } from './closest.js';
import type { Hunk, Section } from './parse.js';
import type { PatchFailure } from './rehearse.js';

export type { KnownBase } from './causes.js';

/** A hunk that did not apply. */
export interface Conflict {
  /** Path below the tree's root. */
  file: string;
  hunk: number;
  /** Line of the hunk in the patch file. */
  patchLine: number;
  /** Line of the file at which the patch expects it. */
  line: number;
  /** The file is not in the tree. */
  missing: boolean;
  /** The nearest place, and what stands there. */
  closest?: { line: number; equal: number; total: number };
  /** Lines expected and found around the first difference, as `number: text`. */
  expected: string[];
  found: string[];
}

/** A patch that does not apply: what, where and, as far as it could be computed, why. */
export class PatchConflictError extends ExpectedError {
  constructor(
    parts: ConstructorParameters<typeof ExpectedError>[0],
    readonly patch: string,
    readonly conflicts: Conflict[],
    readonly causes: Cause[],
  ) {
    super(parts);
    this.name = 'PatchConflictError';
  }
}

/** Old lines shown of each conflict. */
const SHOWN_LINES = 8;
/** Files listed of the rest. */
const SHOWN_FILES = 12;
/** Conflicts shown with their lines; the rest is listed briefly. */
const SHOWN_CONFLICTS = 3;

function readable(line: string): string {
  const bytes = Buffer.from(line, 'latin1');
  const text = bytes.toString('utf8');
  return text.includes('\uFFFD') ? line : text;
}

function conflictOf(file: string, section: Section, hunk: Hunk, content: Buffer | undefined): Conflict {
  const lines = content ? linesOf(content) : [];
  const place = closestPlace(hunk, lines);
  const wanted = sideOf(hunk, 'old');
  const first = Math.max(0, (place?.firstDifference ?? 0) - 2);
  const start = place?.line ?? hunk.oldStart;
  const expected = wanted.slice(first, first + SHOWN_LINES).map((text, index) => `${String(hunk.oldStart + first + index)}: ${readable(text)}`);
  const found: string[] = [];
  for (let line = start + first; line < start + first + SHOWN_LINES && line <= lines.length && line < start + wanted.length + 2; line += 1) {
    if (line >= 1) found.push(`${String(line)}: ${readable(lines[line - 1]!)}`);
  }
  return {
    file,
    hunk: hunk.number,
    patchLine: hunk.line,
    line: hunk.oldStart,
    missing: content === undefined && section.kind !== 'create',
    closest: place && { line: place.line, equal: place.equal, total: place.total },
    expected,
    found,
  };
}

/** The hunks that failed, with what the patch expected and what stands there. */
export function conflictsOf(failure: PatchFailure): Conflict[] {
  return failure.sections.flatMap(({ section, path, from }) => {
    const results = failure.results.filter((file) => file.file === path).flatMap((file) => file.hunks);
    const failed = new Set(results.filter((hunk) => !hunk.ok).map((hunk) => hunk.number));
    const state = failure.before.get(from ?? path);
    return section.hunks.filter((hunk) => failed.has(hunk.number)).map((hunk) => conflictOf(path, section, hunk, state?.data));
  });
}

function describe(conflict: Conflict): string[] {
  const { closest } = conflict;
  const where = !closest ? 'nothing like it is in the file' : `closest at line ${String(closest.line)}, where ${String(closest.equal)} of ${String(closest.total)} lines are equal`;
  const lines = [`${conflict.file}: hunk #${String(conflict.hunk)} (line ${String(conflict.patchLine)} of the patch) expected at line ${String(conflict.line)}; ${where}`];
  if (conflict.expected.length > 0) lines.push('  expected:', ...conflict.expected.map((line) => `    ${line}`));
  if (conflict.found.length > 0) lines.push('  found:', ...conflict.found.map((line) => `    ${line}`));
  return lines;
}

function summary(conflicts: Conflict[], failure: PatchFailure): string {
  if (conflicts.length === 0) return 'its result is not what it announces';
  const files = new Set(conflicts.map(({ file }) => file)).size;
  const hunks = failure.sections.reduce((sum, { section }) => sum + section.hunks.length, 0);
  const first = conflicts[0]!;
  const where = `${first.file}, hunk #${String(first.hunk)}, line ${String(first.line)}`;
  return conflicts.length === 1 ? where : `${String(conflicts.length)} of ${String(hunks)} hunks in ${String(files)} of ${String(failure.sections.length)} files, first ${where}`;
}

/** The conflicts beyond those that are shown: one line per file. */
function describeRest(rest: Conflict[], failure: PatchFailure): string[] {
  const byFile = new Map<string, Conflict[]>();
  for (const conflict of rest) byFile.set(conflict.file, [...(byFile.get(conflict.file) ?? []), conflict]);
  const lines = [...byFile].map(([file, list]) => {
    const all = failure.sections.find(({ path }) => path === file)?.section.hunks.length ?? 0;
    const which = list.length === all && all > 1 ? `all ${String(all)} hunks` : `hunk${list.length > 1 ? 's' : ''} ${list.map(({ hunk }) => `#${String(hunk)}`).join(' ')}`;
    return `  ${file}: ${list[0]!.missing ? 'not in the tree' : which}`;
  });
  const hidden = lines.length - SHOWN_FILES;
  return hidden > 0 ? [...lines.slice(0, SHOWN_FILES), `  … and ${String(hidden)} more files`] : lines;
}

/** The report on a patch that did not apply. */
export async function conflictError(input: CauseInput & { flavour: string }): Promise<PatchConflictError> {
  const { failure } = input;
  const conflicts = conflictsOf(failure);
  const causes = await causesOf(input);
  const why = causes.map((cause) => cause.text);
  // Lines of a file that is not there tell nothing.
  const shown = conflicts.filter((conflict) => !conflict.missing).slice(0, SHOWN_CONFLICTS);
  why.push(...shown.flatMap(describe));
  const rest = conflicts.filter((conflict) => !shown.includes(conflict));
  if (rest.length > 0) why.push(shown.length > 0 ? 'also:' : 'failed:', ...describeRest(rest, failure));
  if (conflicts.length === 0 || causes.length === 0) why.push(...failure.complaints);
  if (causes.length === 0) why.push('cause: not known; the tree differs from what the patch expects as shown.');
  return new PatchConflictError(
    {
      code: 'patch',
      what: `${failure.patch.name} does not apply (flavour ${input.flavour}): ${summary(conflicts, failure)}.`,
      why: why.join('\n'),
      fix: `${causes.map((cause) => cause.fix).join(' Or: ') || 'Compare the lines above, and bring the patch up to date with this tree.'} No tree was changed.`,
      log: input.log?.path,
    },
    failure.patch.name,
    conflicts,
    causes,
  );
}
