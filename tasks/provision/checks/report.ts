import { styleText } from 'node:util';
import { writeForms, type Format } from '../../lib/report/files.js';
import { junitDocument, type JunitCase } from '../../lib/report/junit.js';
import { tapDocument } from '../../lib/report/tap.js';
import { oneLine, wrap } from '../../lib/report/text.js';
import { formatDuration } from '../../lib/ui/format.js';
import { isDrift, type CheckResult, type CheckStatus, type HostReport } from './types.js';

/** The drift report of hosts: table, JSON, TAP, JUnit. */

export const HOST_FORMATS = ['json', 'text', 'tap', 'junit'] as const satisfies readonly Format[];
export type HostFormat = (typeof HOST_FORMATS)[number];

const WORD: Readonly<Record<CheckStatus, string>> = { pass: 'holds', fail: 'differs', skip: 'not looked at', error: 'no answer' };
const COLOUR: Readonly<Record<CheckStatus, 'green' | 'red' | 'gray'>> = { pass: 'green', fail: 'red', skip: 'gray', error: 'red' };

export interface TableOptions {
  colour?: boolean;
  width?: number;
  /** What holds too, not only what differs. */
  all?: boolean;
}

export function countChecks(checks: readonly CheckResult[]): Record<CheckStatus, number> {
  const counts: Record<CheckStatus, number> = { pass: 0, fail: 0, skip: 0, error: 0 };
  for (const { status } of checks) counts[status] += 1;
  return counts;
}

/** `41 hold, 2 differ, 1 not looked at` */
export function summary(checks: readonly CheckResult[]): string {
  const { pass, fail, skip, error } = countChecks(checks);
  const parts = [`${String(pass)} ${pass === 1 ? 'holds' : 'hold'}`, `${String(fail)} ${fail === 1 ? 'differs' : 'differ'}`];
  if (skip > 0) parts.push(`${String(skip)} not looked at`);
  if (error > 0) parts.push(`${String(error)} without an answer`);
  return parts.join(', ');
}

/** For people on a terminal: what differs with what was expected and seen; no new line at its end. */
export function renderTable(reports: readonly HostReport[], options: TableOptions = {}): string {
  return reports
    .map((report) => [heading(report), '', ...rows(report, options), summary(report.checks)].join('\n'))
    .join('\n\n\n');
}

function heading({ host, flavour, target, release, seconds }: HostReport): string {
  const on = [release === undefined ? '' : `kernel ${release}`, `looked at in ${formatDuration(seconds * 1000)}`].filter((part) => part !== '');
  return oneLine(`${host}${target === host ? '' : ` (${target})`}, ${flavour}: ${on.join(', ')}`);
}

function rows({ checks }: HostReport, { colour = false, width = 100, all = false }: TableOptions): string[] {
  const { shown, left } = all ? { shown: checks, left: [] } : abridge(checks.filter(({ status }) => status !== 'pass'));
  const status = Math.max(0, ...shown.map((one) => WORD[one.status].length));
  const indent = ' '.repeat(status + 2);
  const lines = shown.flatMap((one) => [
    `${paint(WORD[one.status].padEnd(status), one.status, colour)}  ${oneLine(one.id)}`,
    ...details(one).flatMap((line) => wrap(line, Math.max(40, width - indent.length))).map((line) => (indent + line).trimEnd()),
  ]);
  return lines.length > 0 ? [...lines, ...left, ''] : [];
}

/** A kernel that is not there is hundreds of files: of each part's files and links so many are shown. */
const SHOWN = 8;

function abridge(checks: readonly CheckResult[]): { shown: CheckResult[]; left: string[] } {
  const seen = new Map<string, number>();
  const shown = checks.filter(({ part, kind }) => {
    if (kind !== 'resource') return true;
    seen.set(part, (seen.get(part) ?? 0) + 1);
    return (seen.get(part) ?? 0) <= SHOWN;
  });
  const left = [...seen].filter(([, count]) => count > SHOWN).map(([part, count]) => `… and ${String(count - SHOWN)} more files of the part ${part} (--all, --report)`);
  return { shown, left };
}

function details(one: CheckResult): string[] {
  if (one.status === 'pass') return [];
  if (one.status === 'skip') return [oneLine(one.reason ?? '')];
  return [
    oneLine(one.claim),
    ...(one.status === 'error' ? [] : [`expected ${oneLine(one.expected)}`, `seen ${oneLine(one.seen)}`]),
    ...(one.reason === undefined ? [] : [oneLine(one.reason)]),
  ];
}

function paint(word: string, status: CheckStatus, colour: boolean): string {
  return colour ? styleText(COLOUR[status], word, { validateStream: false }) : word;
}

/** One JSON document for all hosts. */
export function toDocument(reports: readonly HostReport[]): unknown {
  return { hosts: reports.map((report) => ({ ...report, ok: !report.checks.some(({ status }) => isDrift(status)), counts: countChecks(report.checks) })) };
}

export function renderTap(reports: readonly HostReport[]): string {
  return tapDocument({
    head: reports.map(heading),
    points: reports.flatMap((report) =>
      report.checks.map((one) => ({
        ok: !isDrift(one.status),
        title: reports.length > 1 ? `${report.host}: ${one.id}` : one.id,
        ...(one.status === 'skip' ? { directive: { kind: 'SKIP' as const, reason: one.reason ?? '' } } : {}),
        ...(isDrift(one.status) ? { diagnostics: { claim: one.claim, status: one.status, expected: one.expected, seen: one.seen, ...(one.reason === undefined ? {} : { reason: one.reason }) } } : {}),
      })),
    ),
    tail: reports.map((report) => `${report.host}: ${summary(report.checks)}`),
    empty: 'nothing to look at',
  });
}

export function renderJunit(reports: readonly HostReport[]): string {
  return junitDocument(
    'build-kernel verify',
    reports.map((report) => ({
      name: report.host,
      date: report.date,
      seconds: report.seconds,
      properties: [
        ['flavour', report.flavour],
        ['target', report.target],
        ['release', report.release ?? ''],
      ],
      cases: report.checks.map((one) => ({ classname: `${report.host}.${one.part}`, name: one.id, seconds: 0, outcome: outcome(one), out: one.claim })),
    })),
  );
}

function outcome(one: CheckResult): JunitCase['outcome'] {
  const text = [`expected: ${one.expected}`, `seen: ${one.seen}`, ...(one.reason === undefined ? [] : [one.reason])].join('\n');
  switch (one.status) {
    case 'pass':
      return undefined;
    case 'skip':
      return { kind: 'skipped', message: one.reason ?? '' };
    case 'fail':
      return { kind: 'failure', type: one.kind, message: `expected ${one.expected}, seen ${one.seen}`, text };
    case 'error':
      return { kind: 'error', type: one.kind, message: one.reason ?? '', text };
  }
}

/** Writes the forms of a report into a folder. @returns paths */
export async function writeReports(folder: string, reports: readonly HostReport[], formats: readonly HostFormat[] = HOST_FORMATS): Promise<string[]> {
  return writeForms(folder, formats, (format) => render(format, reports));
}

function render(format: HostFormat, reports: readonly HostReport[]): string {
  switch (format) {
    case 'json':
      return JSON.stringify(toDocument(reports), null, 2);
    case 'text':
      return renderTable(reports, { all: true });
    case 'tap':
      return renderTap(reports);
    case 'junit':
      return renderJunit(reports);
  }
}
