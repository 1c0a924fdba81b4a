import { stringify } from 'yaml';
import type { ScenarioResult } from '../types.js';
import { oneLine, printable } from './text.js';
import { isFailure, qemuOf, reasonOf, STATUS_WORD, summaryLine, toList, topologyOf, type Reports } from './words.js';

/**
 * TAP version 14 (testanything.org/tap-version-14-specification.html); no new line at its end. Perl 5.36's prove reads
 * all of it, but calls any version above 13 a parse error.
 *
 * What is broken as documented is `not ok … # TODO`: harnesses count it as no failure, yet list it. What holds
 * unexpectedly is a plain `not ok`: `ok … # TODO` would be let through, and the flavour's data would stay wrong.
 */
export function renderTap(reports: Reports): string {
  const list = toList(reports);
  const points = list.flatMap((report) =>
    report.scenarios.map((scenario) => ({ scenario, title: list.length > 1 ? `${report.subject}: ${scenario.name}` : scenario.name })),
  );
  const lines = ['TAP version 14', points.length > 0 ? `1..${String(points.length)}` : '1..0 # SKIP no scenario applies'];
  for (const report of list) {
    lines.push(`# ${oneLine(report.subject)}, ${oneLine(report.release)}: ${qemuOf(report)}, ${report.accelerator}, ${topologyOf(report)}, ${oneLine(report.nic)}`);
  }
  points.forEach(({ scenario, title }, index) => lines.push(testPoint(scenario, title, index + 1), ...diagnostics(scenario)));
  for (const report of list) lines.push(`# ${oneLine(report.subject)}: ${summaryLine(report.scenarios)}`);
  return lines.join('\n');
}

function testPoint(scenario: ScenarioResult, title: string, number: number): string {
  const { status } = scenario;
  const ok = isFailure(status) || status === 'broken' ? 'not ok' : 'ok';
  const directive = status === 'skip' ? ' # SKIP' : status === 'broken' ? ` # TODO ${STATUS_WORD.broken}:` : '';
  const reason = directive === '' ? '' : ` ${escapeTap(reasonOf(scenario))}`;
  return `${ok} ${String(number)} - ${escapeTap(title)}${directive}${reason}`.trimEnd();
}

/** A bare `#` would begin a directive. */
function escapeTap(text: string): string {
  return oneLine(text).replaceAll(/[\\#]/g, String.raw`\$&`);
}

/**
 * The YAML block below a test point. Each string is double-quoted on one line: the simple YAML readers of harnesses
 * know no other multi-line form in common, and no line of a guest's output can then look like the end of the block.
 */
function diagnostics(scenario: ScenarioResult): string[] {
  const { fault } = scenario;
  const document = {
    claim: scenario.claim,
    status: scenario.status,
    ...(scenario.status === 'pass' ? {} : { reason: reasonOf(scenario) }),
    duration_ms: Math.round(scenario.seconds * 1000),
    ...(scenario.checks.length > 0 ? { checks: scenario.checks.map(({ what, expected, seen, ok }) => ({ what, expected, seen, ok })) } : {}),
    ...(fault ? { fault: { kind: fault.kind, node: fault.node, what: fault.what, log: fault.log } } : {}),
    ...(scenario.captures.length > 0 ? { captures: scenario.captures.map(({ file }) => file) } : {}),
  };
  const shown = (_key: unknown, value: unknown): unknown => (typeof value === 'string' ? printable(value) : value);
  const yaml = stringify(document, shown, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', doubleQuotedAsJSON: true });
  return ['---', ...yaml.trimEnd().split('\n'), '...'].map((line) => `  ${line}`);
}
