import type { ScenarioResult, Status, VerifyReport } from '../types.js';
import { oneLine } from '../../lib/report/text.js';
import { qemuOf, reasonOf, topologyOf } from './words.js';

/** The table of docs/FLAVOURS.md: what was seen of each flavour. */

interface Column {
  title: string;
  /** Scenarios that answer for it. */
  scenarios: readonly string[];
}

const COLUMNS: readonly Column[] = [
  { title: 'TCP', scenarios: ['snat-tcp'] },
  { title: 'UDP', scenarios: ['snat-udp'] },
  { title: 'ICMP', scenarios: ['icmp'] },
  { title: 'zones or rules', scenarios: ['zones', 'rules'] },
  { title: 'distribution', scenarios: ['pool-distribution'] },
  { title: 'NAT', scenarios: ['nat'] },
  { title: 'FULLNAT', scenarios: ['fullnat'] },
  { title: 'NAT beside', scenarios: ['nat-beside'] },
  { title: 'FULLNAT beside', scenarios: ['fullnat-beside'] },
  { title: 'keepalived', scenarios: ['keepalived'] },
  { title: 'VRRP', scenarios: ['vrrp'] },
];

/** Of what holds, whether expected or not, the table says yes; verify itself fails until the data is mended. */
const CELL: Readonly<Record<Status, string>> = { pass: 'yes', unexpected: 'yes', fail: 'no', broken: 'broken*', skip: 'n.a.', error: 'not tried' };

/** When two scenarios answer for one column, the first of these speaks for both. */
const WORST_FIRST: readonly Status[] = ['fail', 'broken', 'unexpected', 'pass', 'error', 'skip'];

/** A Markdown table, a row for each report in their order, then how each was run; no new line at its end. */
export function renderMatrix(reports: readonly VerifyReport[]): string {
  const titles = ['flavour', 'boots', ...COLUMNS.map(({ title }) => title)];
  const lines = [row(titles), `|${'---|'.repeat(titles.length)}`];
  for (const report of reports) {
    lines.push(row([report.subject, boots(report), ...COLUMNS.map((column) => cellOf(answer(report, column)))]));
  }
  const broken = reports.flatMap((report) =>
    report.scenarios.filter(({ status }) => status === 'broken').map((one) => `- ${cell(report.subject)}, ${cell(one.name)}: ${cell(reasonOf(one))}`),
  );
  if (broken.length > 0) lines.push('', String.raw`\* broken as documented:`, ...broken);
  if (reports.length > 0) lines.push('', 'Run:', ...reports.map(conditions));
  return lines.join('\n');
}

function conditions(report: VerifyReport): string {
  return `- ${cell(report.subject)}: ${cell(report.date.slice(0, 10))}, ${cell(qemuOf(report))}, ${report.accelerator}, ${topologyOf(report)}, ${cell(report.nic)}`;
}

/** A kernel boots when a command ran in it. A scenario of that name knows better, and so does a fault that says no-boot. */
function boots({ scenarios }: VerifyReport): string {
  const named = scenarios.find(({ name }) => name === 'boot' || name === 'boots');
  if (named) return cellOf(named.status);
  const ran = scenarios.some(({ steps }) => steps.length > 0);
  const stopped = scenarios.find(({ fault }) => fault !== undefined && (fault.kind === 'no-boot' || !ran));
  if (stopped) return stopped.status === 'broken' ? CELL.broken : CELL.fail;
  return ran ? CELL.pass : CELL.error;
}

function answer(report: VerifyReport, column: Column): Status | undefined {
  const found = report.scenarios.filter(({ name }: ScenarioResult) => column.scenarios.includes(name)).map(({ status }) => status);
  return WORST_FIRST.find((status) => found.includes(status));
}

function cellOf(status: Status | undefined): string {
  return status === undefined ? 'not tried' : CELL[status];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** A bar would end the cell; `<` would begin HTML. */
function cell(text: string): string {
  return oneLine(text).replaceAll('|', String.raw`\|`).replaceAll('<', '&lt;');
}
