import { styleText } from 'node:util';
import type { ScenarioResult, Status, VerifyReport } from '../types.js';
import { oneLine, printable, wrap } from '../../lib/report/text.js';
import { transcript } from './transcript.js';
import { STATUS_WORD, faultLine, isFailure, qemuOf, reasonOf, seconds, summaryLine, timesOf, toList, topologyOf, type Reports } from './words.js';

export interface TableOptions {
  /** Colours the status words. The caller knows whether a terminal reads it. */
  colour?: boolean;
  /** Columns that text is wrapped to (default 100); claims get at least 30 of them. */
  width?: number;
}

/** Of a scenario that did not go well: so many of its last commands, so many last lines of each. */
const LAST = { commands: 3, lines: 8 };

const COLOUR: Readonly<Record<Status, 'green' | 'red' | 'yellow' | 'magenta' | 'gray'>> = {
  pass: 'green',
  fail: 'red',
  broken: 'yellow',
  unexpected: 'magenta',
  skip: 'gray',
  error: 'red',
};

/** The report for people on a terminal; no new line at its end. */
export function renderTable(reports: Reports, options: TableOptions = {}): string {
  return toList(reports)
    .map((report) => {
      const parts = [header(report), rows(report, options), notApplicable(report, options)].map((lines) => lines.join('\n').trimEnd());
      return [...parts.filter((part) => part !== ''), summaryLine(report.scenarios)].join('\n\n');
    })
    .join('\n\n\n');
}

function header(report: VerifyReport): string[] {
  return [
    ['subject', oneLine(report.subject)],
    ['release', oneLine(report.release)],
    ['machine', `${qemuOf(report)}, ${report.accelerator}`],
    ['topology', `${topologyOf(report)}, ${oneLine(report.nic)}`],
    ['times', timesOf(report)],
  ].map(([name = '', value = '']) => `${name.padEnd(10)}${value}`.trimEnd());
}

function rows(report: VerifyReport, options: TableOptions): string[] {
  const scenarios = report.scenarios.filter(({ status }) => status !== 'skip');
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
  const status = widest(scenarios.map((one) => STATUS_WORD[one.status]));
  const name = widest(scenarios.map((one) => oneLine(one.name)));
  const took = widest(scenarios.map((one) => seconds(one.seconds)));
  const indent = ' '.repeat(status + name + 4);
  const width = Math.max(30, (options.width ?? 100) - indent.length - took - 2);
  return scenarios.flatMap((scenario) => {
    const [claim = '', ...more] = wrap(scenario.claim, width);
    const word = STATUS_WORD[scenario.status].padEnd(status);
    return [
      `${paint(word, scenario.status, options)}  ${oneLine(scenario.name).padEnd(name)}  ${claim.padEnd(width)}  ${seconds(scenario.seconds).padStart(took)}`,
      ...[...more, ...why(scenario, width)].map((line) => indent + line),
      ...details(scenario).map((line) => `    ${line}`.trimEnd()),
    ];
  });
}

/** What does not apply, by reason: their claims would bury those that were tried. The other reports have them. */
function notApplicable(report: VerifyReport, options: TableOptions): string[] {
  const byReason = new Map<string, string[]>();
  for (const scenario of report.scenarios) {
    if (scenario.status !== 'skip') continue;
    const reason = reasonOf(scenario);
    byReason.set(reason, [...(byReason.get(reason) ?? []), oneLine(scenario.name)]);
  }
  if (byReason.size === 0) return [];
  const width = Math.max(30, (options.width ?? 100) - 6);
  const groups = [...byReason].flatMap(([reason, names]) => [...wrap(reason, width).map((line) => `  ${line}`), ...wrap(names.join(', '), width).map((line) => `      ${line}`)]);
  return [paint(STATUS_WORD.skip, 'skip', options), ...groups];
}

function why(scenario: ScenarioResult, width: number): string[] {
  return scenario.status === 'pass' ? [] : wrap(reasonOf(scenario), width).filter((line) => line !== '');
}

/** Bad checks and last commands of what must be mended; a fault whatever the status, as its log is worth a look. */
function details(scenario: ScenarioResult): string[] {
  const lines: string[] = [];
  if (isFailure(scenario.status)) {
    for (const check of scenario.checks.filter(({ ok }) => !ok)) {
      lines.push(...field('check', check.what), ...field('expected', check.expected), ...field('seen', check.seen));
    }
    lines.push(...transcript(scenario.steps.slice(-LAST.commands), LAST.lines));
  }
  const { fault } = scenario;
  if (fault) lines.push(...field('fault', faultLine(fault)), ...field('log', fault.log));
  return lines.length > 0 ? [...lines, ''] : [];
}

function field(name: string, value: string): string[] {
  return printable(value).split('\n').map((line, index) => (index === 0 ? name : '').padEnd(10) + line);
}

function paint(word: string, status: Status, options: TableOptions): string {
  // Newer Nodes ask the stream by themselves, but the caller has decided.
  return options.colour === true ? styleText(COLOUR[status], word, { validateStream: false }) : word;
}
