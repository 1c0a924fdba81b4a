import { describe, expect, it } from 'vitest';
import { layoutTopology, type Rectangle } from '../../../tasks/verify/report/layout.js';
import { renderTopology } from '../../../tasks/verify/report/svg.js';
import { FIVE_NODES, manyNodes } from './support/report-sample.js';
import { all, parseMarkup, textOf } from './support/wellformed.js';

describe('the topology', () => {
  const apart = (a: Rectangle, b: Rectangle): boolean => a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
  const drawings = [...[2, 3, 4, 5, 6].map((count) => [`${String(count)} nodes`, manyNodes(count)] as const), ['two gateways', FIVE_NODES] as const];

  it.each(drawings)('of %s has no box on another and no line through a box or on another line', (_, nodes) => {
    const layout = layoutTopology(nodes);
    expect(layout.nodes).toHaveLength(nodes.length);
    layout.nodes.forEach((a, index) => {
      for (const b of layout.nodes.slice(index + 1)) expect(apart(a, b)).toBe(true);
      expect(apart(a, { x: 0, y: 0, width: layout.labelX, height: layout.height })).toBe(true);
      expect(a.x + a.width <= layout.width && a.y + a.height <= layout.height).toBe(true);
      for (const bus of layout.buses) expect(bus.y).toBeGreaterThan(a.y + a.height);
    });
    const lines = layout.nodes.flatMap((node) => node.interfaces.map(({ line }) => line));
    expect(new Set(lines.map(({ laneX }) => laneX)).size).toBe(lines.length);
    for (const { fromX, fromY, laneX, busY } of lines) {
      const stub = { x: fromX, y: fromY, width: laneX - fromX, height: 0.1 };
      const drop = { x: laneX, y: fromY, width: 0.1, height: busY - fromY };
      for (const node of layout.nodes) expect(apart(stub, node) && apart(drop, node)).toBe(true);
      expect(busY).toBeLessThan(layout.height);
      expect(laneX).toBeLessThan(layout.width);
      // A stub meets no other interface's lane.
      for (const other of lines.filter((one) => one.laneX !== laneX)) {
        expect(apart(stub, { x: other.laneX, y: other.fromY, width: 0.1, height: other.busY - other.fromY })).toBe(true);
      }
    }
  });

  it.each(drawings)('of %s keeps labels in their boxes, line below line', (_, nodes) => {
    for (const node of layoutTopology(nodes).nodes) {
      const baselines = node.interfaces.flatMap((one) => one.baselines);
      expect(baselines).toHaveLength(node.interfaces.reduce((sum, one) => sum + 1 + one.addresses.length, 0));
      baselines.forEach((y, index) => expect(y - (baselines[index - 1] ?? node.y + 35)).toBeGreaterThanOrEqual(14));
      expect(node.y + node.height - (baselines.at(-1) ?? 0)).toBeGreaterThanOrEqual(4);
      const longest = Math.max(...node.interfaces.flatMap((one) => one.addresses.map(({ length }) => length)), 0);
      expect(longest * 7.25 + 12).toBeLessThan(node.width);
    }
  });

  it.each(drawings)('of %s shows every node, interface, address and segment', (_, nodes) => {
    const texts = all(parseMarkup(renderTopology(nodes).text), 'text').map(textOf);
    for (const node of nodes) {
      expect(texts).toContain(node.name);
      for (const { name, segment, addresses } of node.interfaces) for (const text of [`${name} on ${segment}`, segment, ...addresses]) expect(texts).toContain(text);
    }
  });

  it('has clients to the left and servers to the right', () => {
    expect(layoutTopology(FIVE_NODES).nodes.map(({ name }) => name)).toEqual(['client-1', 'client-2', 'gateway-a', 'gateway-b', 'server']);
  });

  it('ends each line on the bus of its segment', () => {
    const { nodes, buses } = layoutTopology(FIVE_NODES);
    for (const { segment, line } of nodes.flatMap(({ interfaces }) => interfaces)) {
      const bus = buses.find((one) => one.segment === segment);
      expect(bus?.y).toBe(line.busY);
      expect(line.laneX >= (bus?.x1 ?? 0) && line.laneX <= (bus?.x2 ?? 0)).toBe(true);
    }
  });
});
