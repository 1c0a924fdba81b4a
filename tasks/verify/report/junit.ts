import { junitDocument, type JunitCase } from '../../lib/report/junit.js';
import { printable } from '../../lib/report/text.js';
import type { ScenarioResult } from '../types.js';
import { transcript } from './transcript.js';
import { STATUS_WORD, faultLine, qemuOf, reasonOf, toList, topologyOf, type Reports } from './words.js';

/**
 * A suite for each subject. What is broken as documented counts as skipped, its message says what it is; what holds
 * unexpectedly is a failure.
 */
export function renderJunit(reports: Reports): string {
  return junitDocument(
    'build-kernel verify',
    toList(reports).map((report) => ({
      name: report.subject,
      date: report.date,
      seconds: report.times.total,
      properties: [
        ['release', report.release],
        ['source', report.source],
        ['machine', `${qemuOf(report)}, ${report.accelerator}`],
        ['topology', topologyOf(report)],
        ['nic', report.nic],
      ],
      cases: report.scenarios.map((scenario) => ({
        classname: report.subject,
        name: scenario.name,
        seconds: scenario.seconds,
        outcome: outcome(scenario),
        out: [scenario.claim, ...transcript(scenario.steps)].join('\n'),
      })),
    })),
  );
}

function outcome(scenario: ScenarioResult): JunitCase['outcome'] {
  const { status } = scenario;
  const message = [STATUS_WORD[status], reasonOf(scenario)].filter((part) => part !== '').join(': ');
  switch (status) {
    case 'pass':
      return undefined;
    case 'skip':
    case 'broken':
      return { kind: 'skipped', message };
    case 'error':
      return { kind: 'error', type: status, message, text: evidence(scenario) };
    case 'fail':
    case 'unexpected':
      return { kind: 'failure', type: status, message, text: evidence(scenario) };
  }
}

function evidence({ checks, fault, reason }: ScenarioResult): string {
  const lines = reason === undefined ? [] : [printable(reason)];
  for (const check of checks.filter(({ ok }) => !ok)) lines.push(`${check.what}\n  expected: ${check.expected}\n  seen: ${check.seen}`);
  if (fault) lines.push(faultLine(fault), ...fault.trace.map((line) => `  ${line}`), `log: ${fault.log}`);
  return lines.join('\n');
}
