import type { DrawnNode } from '../types.js';
import { markup, type Markup } from '../../lib/report/escape.js';
import { SIZE, interfaceTitle, layoutTopology, type Layout, type PlacedBus, type PlacedInterface, type PlacedNode } from './layout.js';
import { oneLine } from '../../lib/report/text.js';

/** Segments have a colour each; a seventh begins again with the first. */
const COLOURS = 6;

/** Rules of the page for the drawing. Without them it is still legible: everything in the colour of the text. */
export const topologyStyle = `
.topology text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.topology .node { font: bold 14px system-ui, "DejaVu Sans", sans-serif; }
.topology .role { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--faint); }
.topology .box { fill: var(--raised); stroke: var(--line); }
.topology .halo { stroke: var(--paper); }
.topology .title { font-weight: bold; }
.segment-0 { color: #0b5cad; } .segment-1 { color: #a8430b; } .segment-2 { color: #1a7f37; }
.segment-3 { color: #8250df; } .segment-4 { color: #7d5600; } .segment-5 { color: #bf3989; }
@media screen and (prefers-color-scheme: dark) {
  .segment-0 { color: #6cb6ff; } .segment-1 { color: #f0a060; } .segment-2 { color: #56d364; }
  .segment-3 { color: #d2a8ff; } .segment-4 { color: #e3b341; } .segment-5 { color: #ff9bce; }
}`;

/** The topology as an SVG element, for a page that has `topologyStyle` and the page's colours. */
export function renderTopology(nodes: readonly DrawnNode[]): Markup {
  const layout = layoutTopology(nodes);
  const segmentClass = (segment: string): string =>
    `segment-${String(Math.max(0, layout.buses.findIndex((bus) => bus.segment === segment)) % COLOURS)}`;
  const named = layout.nodes.map((node) => `${node.role} ${oneLine(node.name)}`).join(', ');
  const width = Math.ceil(layout.width);
  const height = Math.ceil(layout.height);
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="topology" role="img" aria-label="Topology: ${named}"
  viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
${layout.buses.map((bus) => drawBus(bus, layout, segmentClass(bus.segment)))}${layout.nodes.flatMap((node) =>
    node.interfaces.map((one) => drawLine(one, segmentClass(one.segment))),
  )}${layout.nodes.map((node) => drawNode(node, segmentClass))}</svg>`;
}

/** The faint line leads from the label to the segment's first connection. */
function drawBus({ segment, y, x1, x2 }: PlacedBus, { labelX }: Layout, colour: string): Markup {
  return markup`<g class="${colour}" stroke="currentColor">
<text class="title" x="${round(labelX)}" y="${round(y + 4)}" text-anchor="end" fill="currentColor" stroke="none">${oneLine(segment)}</text>
<line x1="${round(labelX + 6)}" y1="${round(y)}" x2="${round(x1)}" y2="${round(y)}" stroke-opacity="0.4" stroke-dasharray="2 4"/>
<line x1="${round(x1)}" y1="${round(y)}" x2="${round(x2)}" y2="${round(y)}" stroke-width="3" stroke-linecap="round"/></g>
`;
}

/** A wider line in the paper's colour beneath it breaks the buses that it passes: only a dot connects. */
function drawLine({ line: { fromX, fromY, laneX, busY } }: PlacedInterface, colour: string): Markup {
  const path = `M ${round(fromX)} ${round(fromY)} H ${round(laneX)} V ${round(busY)}`;
  const halo = `M ${round(laneX)} ${round(fromY)} V ${round(busY - 3)}`;
  return markup`<g class="${colour}" fill="none">
<path class="halo" d="${halo}" stroke="none" stroke-width="7"/>
<path d="${path}" stroke="currentColor" stroke-width="1.5"/>
<circle cx="${round(laneX)}" cy="${round(busY)}" r="4.5" fill="currentColor"/></g>
`;
}

function drawNode(node: PlacedNode, segmentClass: (segment: string) => string): Markup {
  const left = node.x + SIZE.pad;
  return markup`<g>
<rect class="box" x="${round(node.x)}" y="${round(node.y)}" width="${round(node.width)}" height="${round(node.height)}" rx="6" fill="none" stroke="currentColor"/>
<text class="node" x="${round(left)}" y="${round(node.y + 20)}" fill="currentColor">${oneLine(node.name)}</text>
<text class="role" x="${round(left)}" y="${round(node.y + 35)}" fill="currentColor">${node.role}</text>
${node.interfaces.map((one) => drawInterface(one, left, segmentClass(one.segment)))}</g>
`;
}

function drawInterface(one: PlacedInterface, left: number, colour: string): Markup {
  const [first = 0, ...rest] = one.baselines;
  const addresses = one.addresses.map(
    (address, index) => markup`<text x="${round(left)}" y="${round(rest[index] ?? 0)}" fill="currentColor">${oneLine(address)}</text>`,
  );
  return markup`<text class="title ${colour}" x="${round(left)}" y="${round(first)}" fill="currentColor">${interfaceTitle(one)}</text>${addresses}
`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
