import type { Effect } from '../types.js';

/** Whether what was seen is what is expected, and both in words. */

const folded = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** @param output what the probe printed; white space at its ends does not count */
export function holds(expect: Effect['expect'], output: string): boolean {
  const seen = output.trim();
  if ('equals' in expect) return seen === expect.equals.trim();
  if ('matches' in expect) return new RegExp(expect.matches).test(seen);
  if ('oneOf' in expect) return expect.oneOf.some((one) => seen === one.trim());
  const lines = new Set(seen.split('\n').map(folded));
  return expect.lines.every((line) => lines.has(folded(line)));
}

export function inWords(expect: Effect['expect']): string {
  if ('equals' in expect) return expect.equals === '' ? 'nothing' : expect.equals.trim();
  if ('matches' in expect) return `a match of /${expect.matches}/`;
  if ('oneOf' in expect) return expect.oneOf.map((one) => one.trim() || 'nothing').join(' or ');
  return `the line${expect.lines.length === 1 ? '' : 's'} ${expect.lines.map(folded).join(' | ')}`;
}

/** Of an output, what says why it is not as expected: the missing lines, or all of it, cut to a readable length. */
export function seenInWords(expect: Effect['expect'], output: string): string {
  const seen = output.trim();
  if ('lines' in expect) {
    const lines = new Set(seen.split('\n').map(folded));
    const missing = expect.lines.filter((line) => !lines.has(folded(line)));
    if (missing.length > 0 && missing.length < expect.lines.length) return `without ${missing.map(folded).join(' | ')}`;
  }
  return seen === '' ? 'nothing' : cut(seen);
}

export function cut(text: string, most = 600): string {
  return text.length > most ? `${text.slice(0, most)} … (${String(text.length)} characters)` : text;
}
