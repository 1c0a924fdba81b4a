import type { ScenarioResult, VerifyReport } from '../types.js';
import { markup, type Markup } from './escape.js';
import { oneLine, printable } from './text.js';
import { transcript } from './transcript.js';
import { STATUS_WORD, countStatuses, faultLine, qemuOf, reasonOf, toList, topologyOf, type Reports } from './words.js';

/**
 * JUnit XML, a suite for each subject, with the elements that Jenkins, GitLab and GitHub's reporters read; no new line
 * at its end. What is broken as documented counts as skipped, its message says what it is; what holds unexpectedly is
 * a failure.
 */
export function renderJunit(reports: Reports): string {
  const list = toList(reports);
  const total = list.map(totals).reduce(add, { tests: 0, failures: 0, errors: 0, skipped: 0, time: 0 });
  return markup`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="build-kernel verify" ${attributes(total)}>${list.map(suite)}
</testsuites>`.text;
}

interface Totals {
  tests: number;
  failures: number;
  errors: number;
  skipped: number;
  time: number;
}

function totals(report: VerifyReport): Totals {
  const counts = countStatuses(report.scenarios);
  return {
    tests: report.scenarios.length,
    failures: counts.fail + counts.unexpected,
    errors: counts.error,
    skipped: counts.skip + counts.broken,
    time: report.times.total,
  };
}

function add(a: Totals, b: Totals): Totals {
  return { tests: a.tests + b.tests, failures: a.failures + b.failures, errors: a.errors + b.errors, skipped: a.skipped + b.skipped, time: a.time + b.time };
}

function attributes({ tests, failures, errors, skipped, time }: Totals): Markup {
  return markup`tests="${tests}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${time.toFixed(3)}"`;
}

function suite(report: VerifyReport): Markup {
  const properties = [
    ['release', report.release],
    ['source', report.source],
    ['machine', `${qemuOf(report)}, ${report.accelerator}`],
    ['topology', topologyOf(report)],
    ['nic', report.nic],
  ].map(([name = '', value = '']) => markup`
      <property name="${name}" value="${oneLine(value)}"/>`);
  return markup`
  <testsuite name="${oneLine(report.subject)}"${timestamp(report.date)} ${attributes(totals(report))}>
    <properties>${properties}
    </properties>${report.scenarios.map((scenario) => testcase(report, scenario))}
  </testsuite>`;
}

/** The schema of Ant's reports, which consumers check against, wants UTC without a zone. */
function timestamp(date: string): Markup | undefined {
  const time = Date.parse(date);
  return Number.isNaN(time) ? undefined : markup` timestamp="${new Date(time).toISOString().slice(0, 19)}"`;
}

function testcase(report: VerifyReport, scenario: ScenarioResult): Markup {
  const out = [scenario.claim, ...transcript(scenario.steps)].join('\n');
  return markup`
    <testcase classname="${oneLine(report.subject)}" name="${oneLine(scenario.name)}" time="${scenario.seconds.toFixed(3)}">${outcome(scenario)}
      <system-out>${out}</system-out>
    </testcase>`;
}

function outcome(scenario: ScenarioResult): Markup | undefined {
  const reason = reasonOf(scenario);
  const message = [STATUS_WORD[scenario.status], reason].filter((part) => part !== '').join(': ');
  switch (scenario.status) {
    case 'pass':
      return undefined;
    case 'skip':
    case 'broken':
      return markup`
      <skipped message="${message}"/>`;
    case 'error':
      return markup`
      <error type="error" message="${message}">${evidence(scenario)}</error>`;
    case 'fail':
    case 'unexpected':
      return markup`
      <failure type="${scenario.status}" message="${message}">${evidence(scenario)}</failure>`;
  }
}

function evidence({ checks, fault, reason }: ScenarioResult): string {
  const lines = reason === undefined ? [] : [printable(reason)];
  for (const check of checks.filter(({ ok }) => !ok)) lines.push(`${check.what}\n  expected: ${check.expected}\n  seen: ${check.seen}`);
  if (fault) lines.push(faultLine(fault), ...fault.trace.map((line) => `  ${line}`), `log: ${fault.log}`);
  return lines.join('\n');
}
