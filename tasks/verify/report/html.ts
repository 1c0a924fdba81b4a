import type { Status, VerifyReport } from '../types.js';
import { Markup, markup } from '../../lib/report/escape.js';
import { renderBadge, renderScenario } from './html-scenario.js';
import { pageStyle } from './html-style.js';
import { renderTopology } from './svg.js';
import { oneLine } from '../../lib/report/text.js';
import { STATUS_WORD, countStatuses, qemuOf, seconds, summaryLine, toList, topologyOf, type Reports } from './words.js';

export interface HtmlOptions {
  /** Folder in which the page will lie, for its links to captures and logs; default: the report's own. */
  folder?: string;
}

/**
 * One page that needs nothing else: no script, no font, no network. It is well-formed XML too, so that any tool can
 * read it. No new line at its end.
 */
export function renderHtml(reports: Reports, options: HtmlOptions = {}): string {
  const list = toList(reports);
  const subjects = list.map(({ subject }) => oneLine(subject)).join(', ');
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>${subjects}: ${summaryLine(list.flatMap(({ scenarios }) => scenarios))}</title>
<style>${new Markup(pageStyle)}
</style>
</head>
<body>
${list.map((report) => renderArticle(report, options.folder ?? report.folder))}</body>
</html>`.text;
}

function renderArticle(report: VerifyReport, page: string): Markup {
  const counts = countStatuses(report.scenarios);
  const badges = (Object.keys(STATUS_WORD) as Status[]).filter((status) => counts[status] > 0).map((status) => renderBadge(status, counts[status]));
  return markup`<article>
<h1>${oneLine(report.subject)}</h1>
<p class="summary">${summaryLine(report.scenarios)}</p>
<p>${badges}</p>
${renderFacts(report)}
${report.nodes.length > 0 ? markup`<h2>Topology</h2>
<figure>${renderTopology(report.nodes)}</figure>
` : undefined}<h2>Scenarios</h2>
${report.scenarios.map((scenario) => renderScenario(scenario, { files: report.folder, page }))}</article>
`;
}

function renderFacts(report: VerifyReport): Markup {
  const { times } = report;
  const facts = [
    ['Kernel release', report.release],
    ['From', report.source],
    ['Run', report.date],
    ['Machine', `${qemuOf(report)}, ${report.accelerator === 'kvm' ? 'KVM' : 'TCG (emulation: times say little)'}`],
    ['Nodes', topologyOf(report)],
    ['NIC', report.nic],
    ['Boot', seconds(times.boot)],
    ['First packet at the server', times.firstPacket === undefined ? 'none seen' : `after ${seconds(times.firstPacket)}`],
    ['In all', seconds(times.total)],
    ['Folder', report.folder],
  ];
  return markup`<dl>
${facts.map(([name = '', value = '']) => markup`<dt>${name}</dt><dd>${oneLine(value)}</dd>
`)}</dl>`;
}
