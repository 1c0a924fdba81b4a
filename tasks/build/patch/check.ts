import type { StageLog } from '../../lib/log.js';
import { remove } from '../../lib/files.js';
import type { PatchResult, SeriesPatch } from '../types.js';
import { conflictError, type Conflict, type KnownBase } from './conflict.js';
import type { Cause } from './causes.js';
import { rehearse, type Rehearsal } from './rehearse.js';

export interface PatchCheckInput {
  pristine: string;
  kernel: string;
  series: SeriesPatch[];
  /** Folder for the trial; removed at the end. */
  scratchDir: string;
  flavour: string;
  /** Other unpacked bases on which the series is tried too. */
  knownBases?: KnownBase[];
  log?: StageLog;
  progress?: (text: string) => void;
}

/** One patch × file. */
export interface PatchCheckRow {
  patch: string;
  file: string;
  hunks: number;
  /** Offsets (lines) other than 0, one per hunk that has one. */
  offsets: number[];
  /** Largest fuzz (lines of context that were ignored). */
  fuzz: number;
  result: 'clean' | 'offset' | 'fuzz' | 'failed' | 'not tried';
  /** Hunks that failed, by number. */
  failed: number[];
}

export interface PatchCheck {
  /** The whole series applies. */
  ok: boolean;
  rows: PatchCheckRow[];
  notes: string[];
  /** Why it does not. */
  failure?: { patch: string; what: string; why?: string; fix?: string; conflicts: Conflict[]; causes: Cause[] };
  /** The series on the other bases at hand. */
  bases: { name: string; ok: boolean; detail: string }[];
}

function rowsOf({ patch, files }: PatchResult): PatchCheckRow[] {
  return files.map(({ file, hunks }) => {
    const failed = hunks.filter((hunk) => !hunk.ok).map((hunk) => hunk.number);
    const offsets = hunks.filter((hunk) => hunk.ok && hunk.offset !== 0).map((hunk) => hunk.offset);
    const fuzz = Math.max(0, ...hunks.map((hunk) => hunk.fuzz));
    const result = failed.length > 0 ? 'failed' : fuzz > 0 ? 'fuzz' : offsets.length > 0 ? 'offset' : 'clean';
    return { patch, file, hunks: hunks.length, offsets, fuzz, result, failed };
  });
}

function rowsOfSeries(results: PatchResult[], series: SeriesPatch[]): PatchCheckRow[] {
  const rest = series.slice(results.length);
  return [
    ...results.flatMap(rowsOf),
    ...rest.map(({ name }) => ({ patch: name, file: '(all)', hunks: 0, offsets: [], fuzz: 0, result: 'not tried' as const, failed: [] })),
  ];
}

function verdict(trial: Rehearsal): string {
  const rows = trial.results.flatMap(rowsOf);
  const count = (result: PatchCheckRow['result']): number => rows.filter((row) => row.result === result).length;
  if (trial.failure) return `${trial.failure.patch.name} fails in ${String(count('failed'))} of ${String(trial.failure.sections.length)} files`;
  return `applies${count('fuzz') > 0 ? ' with fuzz' : count('offset') > 0 ? ' with offsets' : ' cleanly'}`;
}

/**
 * Tries a series without touching a tree, and says what happened to each file.
 * @throws ExpectedError patch only for patches that cannot even be read; a hunk that fails is a result
 */
export async function patchCheck(input: PatchCheckInput): Promise<PatchCheck> {
  const { pristine, kernel, series, scratchDir, log, progress, knownBases = [] } = input;
  try {
    progress?.(`trying ${String(series.length)} patch${series.length === 1 ? '' : 'es'}`);
    const trial = await rehearse({ pristine, series, scratch: scratchDir, log });
    const check: PatchCheck = { ok: !trial.failure, rows: rowsOfSeries(trial.results, series), notes: trial.notes, bases: [] };
    if (trial.failure) {
      const error = await conflictError({ failure: trial.failure, pristine, kernel, flavour: input.flavour, series, knownBases, log });
      check.failure = { patch: error.patch, what: error.what, why: error.why, fix: error.fix, conflicts: error.conflicts, causes: error.causes };
    }
    for (const base of knownBases) {
      if (base.pristine === pristine) continue;
      progress?.(`trying the series on ${base.name}`);
      const there = series.map((patch) => ({ ...patch, dir: patch.dir === kernel ? base.kernel : patch.dir }));
      const other = await rehearse({ pristine: base.pristine, series: there, scratch: `${scratchDir}.${base.name}`, log });
      await remove(`${scratchDir}.${base.name}`);
      check.bases.push({ name: base.name, ok: !other.failure, detail: verdict(other) });
    }
    return check;
  } finally {
    await remove(scratchDir);
  }
}

function signed(offsets: number[]): string {
  return [...new Set(offsets)].map((offset) => (offset > 0 ? `+${String(offset)}` : String(offset))).join(' ') || '0';
}

/** The matrix as text: one line per patch × file, then what was noted, then why it failed. */
export function renderPatchCheck(check: PatchCheck): string {
  const head = ['patch', 'file', 'hunks', 'offset', 'fuzz', 'result'];
  const cells = check.rows.map((row) => [
    row.patch,
    row.file,
    String(row.hunks),
    signed(row.offsets),
    String(row.fuzz),
    row.failed.length > 0 ? `FAILED ${row.failed.map((number) => `#${String(number)}`).join(' ')}` : row.result,
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const lines = [head, ...cells].map((row) => row.map((cell, column) => (column === 5 ? cell : column >= 2 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd());
  const count = (result: PatchCheckRow['result']): number => check.rows.filter((row) => row.result === result).length;
  const hunks = check.rows.reduce((sum, row) => sum + row.hunks, 0);
  lines.push('', `${String(check.rows.length - count('not tried'))} files, ${String(hunks)} hunks: ${(['clean', 'offset', 'fuzz', 'failed'] as const).map((result) => `${String(count(result))} ${result}`).join(', ')}.`);
  lines.push(...check.notes.map((note) => `note: ${note}`));
  for (const base of check.bases) lines.push(`${base.name}: ${base.detail}`);
  if (check.failure) lines.push('', check.failure.what, ...(check.failure.why ?? '').split('\n').map((line) => `  ${line}`), `  what to do: ${check.failure.fix ?? ''}`);
  return lines.join('\n');
}
