import { join } from 'node:path';
import { exists } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { packageRoot } from '../../lib/paths.js';
import { facts, type Section } from '../facts.js';

const indent = (text: string, by: number): string => text.split('\n').map((line) => `${' '.repeat(by)}${line}`).join('\n');

/** A row of a table is its first cell, with the others below it by their column's name. */
function lines(section: Section): string[] {
  if ('lines' in section) return section.lines.map((line) => indent(line, 2));
  return section.rows.map(([first = '', ...others]) => [indent(first, 2), ...others.flatMap((cell, index) => (cell === '' ? [] : [indent(`${section.columns[index + 1] ?? ''}: ${cell}`, 6)]))].join('\n'));
}

/** `build-kernel show FLAVOUR`: all that its data files say. */
export async function show(io: Io, name: string): Promise<void> {
  const { flavour, base, published, sections } = await facts(name);
  const example = join(packageRoot, 'templates', 'gateway', `${name}.yaml`);
  const shown = (await exists(example)) ? example : undefined;
  io.result({ flavour, base: base ?? null, published, example: shown ?? null });
  io.print(`${flavour.name}: ${flavour.summary}`);
  io.print(`published at ${flavour.origin}`);
  for (const section of sections) io.print(`${section.title}:\n${lines(section).join('\n')}`);
  if (shown !== undefined) io.print(`an example of gateway.yaml to copy: ${shown}`);
}
