import { tapDocument, type TapPoint } from '../../lib/report/tap.js';
import type { ScenarioResult } from '../types.js';
import { isFailure, qemuOf, reasonOf, STATUS_WORD, summaryLine, toList, topologyOf, type Reports } from './words.js';

/**
 * A test point for each scenario. What is broken as documented is `not ok … # TODO`: harnesses count it as no failure,
 * yet list it. What holds unexpectedly is a plain `not ok`: `ok … # TODO` would be let through, and the flavour's data
 * would stay wrong.
 */
export function renderTap(reports: Reports): string {
  const list = toList(reports);
  return tapDocument({
    head: list.map((report) => `${report.subject}, ${report.release}: ${qemuOf(report)}, ${report.accelerator}, ${topologyOf(report)}, ${report.nic}`),
    points: list.flatMap((report) => report.scenarios.map((scenario) => point(scenario, list.length > 1 ? `${report.subject}: ${scenario.name}` : scenario.name))),
    tail: list.map((report) => `${report.subject}: ${summaryLine(report.scenarios)}`),
    empty: 'no scenario applies',
  });
}

function point(scenario: ScenarioResult, title: string): TapPoint {
  const { status } = scenario;
  const reason = reasonOf(scenario);
  return {
    ok: !isFailure(status) && status !== 'broken',
    title,
    ...(status === 'skip' ? { directive: { kind: 'SKIP' as const, reason } } : {}),
    ...(status === 'broken' ? { directive: { kind: 'TODO' as const, reason: `${STATUS_WORD.broken}: ${reason}` } } : {}),
    diagnostics: diagnostics(scenario),
  };
}

function diagnostics(scenario: ScenarioResult): Record<string, unknown> {
  const { fault } = scenario;
  return {
    claim: scenario.claim,
    status: scenario.status,
    ...(scenario.status === 'pass' ? {} : { reason: reasonOf(scenario) }),
    duration_ms: Math.round(scenario.seconds * 1000),
    ...(scenario.checks.length > 0 ? { checks: scenario.checks.map(({ what, expected, seen, ok }) => ({ what, expected, seen, ok })) } : {}),
    ...(fault ? { fault: { kind: fault.kind, node: fault.node, what: fault.what, log: fault.log } } : {}),
    ...(scenario.captures.length > 0 ? { captures: scenario.captures.map(({ file }) => file) } : {}),
  };
}
