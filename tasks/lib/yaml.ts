import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ExpectedError } from './errors.js';

/**
 * Reads a YAML file and validates it.
 * @returns the value with the schema's defaults filled in
 * @throws ExpectedError usage, naming file, line and column of every fault
 */
export async function readYaml<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  const text = await readFile(path, 'utf8');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${String(line)}:${String(col)}`;
  };
  const faults = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
  if (faults.length === 0) {
    const parsed = schema.safeParse(document.toJS());
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      // The deepest node of the path that exists: a missing key is reported at its parent.
      let node: unknown = document.contents;
      for (let depth = issue.path.length; depth >= 0; depth -= 1) {
        node = depth === 0 ? document.contents : document.getIn(issue.path.slice(0, depth) as (string | number)[], true);
        if (node) break;
      }
      const range = node && typeof node === 'object' && 'range' in node && Array.isArray(node.range) ? (node.range as number[]) : undefined;
      faults.push(`${at(range?.[0] ?? 0)}: ${issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''}${issue.message}`);
    }
  }
  throw new ExpectedError({
    code: 'usage',
    what: `${path} is not valid.`,
    why: faults.join('\n'),
    fix: 'Correct the file at the places named.',
  });
}
