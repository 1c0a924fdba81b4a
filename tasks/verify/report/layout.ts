import type { DrawnNode } from '../types.js';
import { oneLine } from '../../lib/report/text.js';

/**
 * Where the parts of a topology's drawing go. Nodes stand in a row, clients to the left, servers to the right; each
 * segment is a bus below them. An interface's line leaves its box to the right and goes down in a lane of its own, so
 * that no line runs through a box or along another, whatever is connected to what.
 */

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedInterface {
  name: string;
  segment: string;
  addresses: string[];
  /** Baselines: of the name, then of each address. */
  baselines: number[];
  /** Where the line leaves the box, and the lane in which it goes down to the bus. */
  line: { fromX: number; fromY: number; laneX: number; busY: number };
}

export interface PlacedNode extends Rectangle {
  name: string;
  role: DrawnNode['role'];
  interfaces: PlacedInterface[];
}

export interface PlacedBus {
  segment: string;
  y: number;
  /** From the first to the last connection. */
  x1: number;
  x2: number;
}

export interface Layout {
  width: number;
  height: number;
  /** Right end of the buses' labels. */
  labelX: number;
  nodes: PlacedNode[];
  buses: PlacedBus[];
}

/** Pixels. `letter` is the advance of a 12-pixel monospaced letter, rounded up; `bold` that of a 14-pixel bold one. */
export const SIZE = { letter: 7.4, bold: 9.5, line: 16, pad: 12, title: 44, lane: 14, gap: 24, margin: 14, bus: 34, least: 110 };

const ROLES: readonly DrawnNode['role'][] = ['client', 'gateway', 'server'];

/** What stands on an interface's first line. */
export function interfaceTitle({ name, segment }: { name: string; segment: string }): string {
  return `${oneLine(name)} on ${oneLine(segment)}`;
}

export function layoutTopology(drawn: readonly DrawnNode[]): Layout {
  const sorted = [...drawn].sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role));
  const segments = [...new Set(sorted.flatMap((node) => node.interfaces.map(({ segment }) => segment)))];
  const labelX = SIZE.margin + Math.max(0, ...segments.map((segment) => oneLine(segment).length * SIZE.letter));
  const bottom = SIZE.margin + Math.max(0, ...sorted.map(heightOf));
  const busY = (segment: string): number => bottom + SIZE.bus * (1 + segments.indexOf(segment));

  const nodes: PlacedNode[] = [];
  let x = labelX + SIZE.gap;
  for (const node of sorted) {
    const placed = placeNode(node, x, busY);
    nodes.push(placed);
    x += placed.width + node.interfaces.length * SIZE.lane + SIZE.gap;
  }
  return { width: x, height: bottom + SIZE.bus * segments.length + SIZE.margin * 2, labelX, nodes, buses: segments.map((segment) => placeBus(segment, nodes)) };
}

function placeNode(node: DrawnNode, x: number, busY: (segment: string) => number): PlacedNode {
  const width = widthOf(node);
  let y = SIZE.margin + SIZE.title;
  const interfaces = node.interfaces.map((one, index) => {
    const baselines = Array.from({ length: 1 + one.addresses.length }, (_, line) => y + SIZE.line * (line + 1) - 4);
    const fromY = y + SIZE.line / 2;
    y += heightOfInterface(one);
    // The topmost has the outermost lane: its line then crosses none of those below it.
    const laneX = x + width + SIZE.lane * (node.interfaces.length - index);
    return { ...one, baselines, line: { fromX: x + width, fromY, laneX, busY: busY(one.segment) } };
  });
  return { name: node.name, role: node.role, x, y: SIZE.margin, width, height: heightOf(node), interfaces };
}

function placeBus(segment: string, nodes: readonly PlacedNode[]): PlacedBus {
  const lines = nodes.flatMap((node) => node.interfaces.filter((one) => one.segment === segment).map(({ line }) => line));
  const lanes = lines.map(({ laneX }) => laneX);
  return { segment, y: lines[0]?.busY ?? 0, x1: Math.min(...lanes), x2: Math.max(...lanes) };
}

function widthOf(node: DrawnNode): number {
  const mono = node.interfaces.flatMap((one) => [interfaceTitle(one), ...one.addresses.map(oneLine)]).map((text) => text.length * SIZE.letter);
  return Math.max(SIZE.least, Math.ceil(Math.max(oneLine(node.name).length * SIZE.bold, ...mono)) + 2 * SIZE.pad);
}

function heightOf(node: DrawnNode): number {
  return node.interfaces.reduce((height, one) => height + heightOfInterface(one), SIZE.title) + SIZE.pad / 2;
}

function heightOfInterface({ addresses }: { addresses: readonly string[] }): number {
  return SIZE.line * (1 + addresses.length) + SIZE.pad / 2;
}
