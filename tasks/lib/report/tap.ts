import { stringify } from 'yaml';
import { oneLine, printable } from './text.js';

/** One test point of a TAP document. */
export interface TapPoint {
  ok: boolean;
  title: string;
  directive?: { kind: 'SKIP' | 'TODO'; reason: string };
  /** What the YAML block below it holds; left out without it. */
  diagnostics?: Readonly<Record<string, unknown>>;
}

export interface TapDocument {
  /** Comment lines before and after the points. */
  head: readonly string[];
  points: readonly TapPoint[];
  tail: readonly string[];
  /** What the plan says when there is no point. */
  empty: string;
}

/**
 * TAP version 14 (testanything.org/tap-version-14-specification.html); no new line at its end. Perl 5.36's prove reads
 * all of it, but calls any version above 13 a parse error.
 */
export function tapDocument({ head, points, tail, empty }: TapDocument): string {
  return [
    'TAP version 14',
    points.length > 0 ? `1..${String(points.length)}` : `1..0 # SKIP ${empty}`,
    ...head.map(comment),
    ...points.flatMap((point, index) => [testPoint(point, index + 1), ...diagnostics(point)]),
    ...tail.map(comment),
  ].join('\n');
}

function comment(text: string): string {
  return `# ${oneLine(text)}`;
}

function testPoint({ ok, title, directive }: TapPoint, number: number): string {
  const after = directive ? ` # ${directive.kind} ${escapeTap(directive.reason)}` : '';
  return `${ok ? 'ok' : 'not ok'} ${String(number)} - ${escapeTap(title)}${after}`.trimEnd();
}

/** A bare `#` would begin a directive. */
function escapeTap(text: string): string {
  return oneLine(text).replaceAll(/[\\#]/g, String.raw`\$&`);
}

/**
 * The YAML block below a test point. Each string is double-quoted on one line: the simple YAML readers of harnesses
 * know no other multi-line form in common, and no line of foreign output can then look like the end of the block.
 */
function diagnostics(point: TapPoint): string[] {
  if (point.diagnostics === undefined) return [];
  const shown = (_key: unknown, value: unknown): unknown => (typeof value === 'string' ? printable(value) : value);
  const yaml = stringify(point.diagnostics, shown, { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', doubleQuotedAsJSON: true });
  return ['---', ...yaml.trimEnd().split('\n'), '...'].map((line) => `  ${line}`);
}
