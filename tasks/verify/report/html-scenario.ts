import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Capture, Check, Fault, ScenarioResult, Step } from '../types.js';
import { markup, type Markup } from '../../lib/report/escape.js';
import { oneLine, printable } from '../../lib/report/text.js';
import { ending } from './transcript.js';
import { STATUS_WORD, endOf, faultLine, reasonOf, seconds } from './words.js';

/** Where the report's files are, and where the page that links to them will be. */
export interface Places {
  files: string;
  page: string;
}

/** One scenario as an element that unfolds; what is not a pass is open. */
export function renderScenario(scenario: ScenarioResult, places: Places): Markup {
  const { status, checks, steps, captures, fault } = scenario;
  const reason = scenario.reason ?? reasonOf(scenario);
  const parts = [
    ...(fault ? [renderFault(fault, places)] : []),
    ...(checks.length > 0 ? [renderChecks(checks)] : []),
    ...(steps.length > 0 ? [renderSteps(steps)] : []),
    ...captures.map((capture) => renderCapture(capture, places)),
  ];
  return markup`<details${status === 'pass' ? undefined : markup` open=""`}>
<summary><span class="badge ${status}">${STATUS_WORD[status]}</span>
<strong>${oneLine(scenario.name)}</strong> <span class="took">${seconds(scenario.seconds)}</span></summary>
<p>${scenario.claim}</p>
${status !== 'pass' && reason !== '' ? markup`<p class="reason">${reason}</p>
` : undefined}${parts}</details>
`;
}

/** A badge for each status that occurs. */
export function renderBadge(status: ScenarioResult['status'], count: number): Markup {
  return markup`<span class="badge ${status}">${STATUS_WORD[status]}: ${count}</span> `;
}

function renderChecks(checks: readonly Check[]): Markup {
  const rows = checks.map(
    ({ what, expected, seen, ok }) => markup`<tr class="${ok ? 'good' : 'bad'}"><td>${what}</td><td>${expected}</td><td>${seen}</td>
<td class="ok">${ok ? 'yes' : 'no'}</td></tr>
`,
  );
  return markup`<h3>Checks</h3>
<table><thead><tr><th>what</th><th>expected</th><th>seen</th><th class="ok">ok</th></tr></thead>
<tbody>
${rows}</tbody></table>
`;
}

function renderSteps(steps: readonly Step[]): Markup {
  const shown = steps.map((step) => {
    const output = printable(step.output).trimEnd();
    const bad = endOf(step) !== 'exit 0';
    return markup`<b>${oneLine(step.node)}#</b> ${step.command}
${output === '' ? '' : `${output}\n`}<i class="${bad ? 'bad' : 'good'}">${ending(step)}</i>
`;
  });
  return markup`<h3>Commands</h3>
<pre>${shown}</pre>
`;
}

function renderCapture({ segment, file, packets, lines }: Capture, places: Places): Markup {
  const count = packets === 1 ? '1 packet' : `${String(packets)} packets`;
  return markup`<h3>Capture on ${oneLine(segment)}: <a href="${linkTo(file, places)}">${oneLine(file)}</a>, ${count}</h3>
${lines.length > 0 ? markup`<pre>${lines.join('\n')}${packets > lines.length ? '\n…' : ''}</pre>
` : undefined}`;
}

function renderFault(fault: Fault, places: Places): Markup {
  return markup`<h3>Fault: ${faultLine(fault)}</h3>
<p>Console log: <a href="${linkTo(fault.log, places)}">${oneLine(fault.log)}</a></p>
${fault.trace.length > 0 ? markup`<pre>${fault.trace.join('\n')}</pre>
` : undefined}`;
}

/** A relative link, so that the folder may be moved or sent. Each part is encoded: a file's name is never a scheme or a query. */
function linkTo(file: string, { files, page }: Places): string {
  const path = relative(resolve(page), isAbsolute(file) ? file : resolve(join(files, file)));
  // A lone surrogate has no encoding.
  return path.replaceAll(/\p{Surrogate}/gu, '\uFFFD').split('/').map(encodeURIComponent).join('/');
}
