import { formatDuration } from '../../lib/ui/format.js';
import type { Fault, ScenarioResult, Status, Step, VerifyReport } from '../types.js';
import { oneLine } from '../../lib/report/text.js';

/** The words that every report uses. */

/** One run, or several that go into one document. */
export type Reports = VerifyReport | readonly VerifyReport[];

export function toList(reports: Reports): readonly VerifyReport[] {
  return 'subject' in reports ? [reports] : reports;
}

export const STATUS_WORD: Readonly<Record<Status, string>> = {
  pass: 'holds',
  fail: 'failed',
  broken: 'broken as documented',
  unexpected: 'holds unexpectedly',
  skip: 'not applicable',
  error: 'could not be tried',
};

/** True for what must be mended, in the gateway or in the flavour's data: the run did not go as the data says. */
export function isFailure(status: Status): boolean {
  return status === 'fail' || status === 'unexpected' || status === 'error';
}

export function countStatuses(scenarios: readonly ScenarioResult[]): Record<Status, number> {
  const counts: Record<Status, number> = { pass: 0, fail: 0, broken: 0, unexpected: 0, skip: 0, error: 0 };
  for (const { status } of scenarios) counts[status] += 1;
  return counts;
}

/** `12 hold, 1 broken as documented, 0 failed, 2 not applicable`; the rare ones follow when there are any. */
export function summaryLine(scenarios: readonly ScenarioResult[]): string {
  const counts = countStatuses(scenarios);
  const verb = (count: number): string => (count === 1 ? 'holds' : 'hold');
  const parts = [
    `${String(counts.pass)} ${verb(counts.pass)}`,
    `${String(counts.broken)} broken as documented`,
    `${String(counts.fail)} failed`,
    `${String(counts.skip)} not applicable`,
  ];
  if (counts.unexpected > 0) parts.push(`${String(counts.unexpected)} ${verb(counts.unexpected)} unexpectedly`);
  if (counts.error > 0) parts.push(`${String(counts.error)} could not be tried`);
  return parts.join(', ');
}

/** Why a scenario is not a pass, on one line. A run that gives no reason still has its fault or its first bad check. */
export function reasonOf(scenario: ScenarioResult): string {
  const bad = scenario.checks.find((check) => !check.ok);
  const reason =
    scenario.reason ??
    (scenario.fault && faultLine(scenario.fault)) ??
    (bad && `${bad.what}: expected ${bad.expected}, seen ${bad.seen}`) ??
    '';
  return oneLine(reason);
}

/** `panic on gateway: Kernel panic - not syncing: …` */
export function faultLine(fault: Fault): string {
  return `${fault.kind} on ${oneLine(fault.node)}: ${oneLine(fault.what)}`;
}

/** `exit 0`, `signal 11`, `timeout`. */
export function endOf(step: Step): string {
  const ended = oneLine(step.ended);
  return /^\d+$/.test(ended) ? `exit ${ended}` : ended;
}

export function seconds(value: number): string {
  return formatDuration(value * 1000);
}

/** `QEMU 8.2.2`, whether the report has the bare version or the first line of --version. */
export function qemuOf(report: VerifyReport): string {
  const version = oneLine(report.qemu).replace(/^QEMU( emulator version)?\s+/i, '');
  return `QEMU ${version}`;
}

export function topologyOf(report: VerifyReport): string {
  return report.topology === 'netns' ? 'network namespaces of one VM' : 'a VM for each node';
}

export function timesOf({ times }: VerifyReport): string {
  // Not timed for images, and where no scenario sends to the server.
  const first = times.firstPacket === undefined ? '' : `first packet after ${seconds(times.firstPacket)}, `;
  return `booted in ${seconds(times.boot)}, ${first}${seconds(times.total)} in all`;
}
