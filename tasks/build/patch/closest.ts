import type { Hunk } from './parse.js';

/** Where in a file a hunk that did not apply comes nearest, and how the file differs there. */
export interface ClosestPlace {
  /** Line of the file (from 1) that stands where the hunk's first old line should. */
  line: number;
  /** Old lines of the hunk that the file has there. */
  equal: number;
  total: number;
  /** Index of the first old line that differs. */
  firstDifference: number;
}

/** A file's lines, without a last empty one. */
export function linesOf(data: Buffer): string[] {
  const lines = data.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** A hunk's lines on one side, without their first character. */
export function sideOf(hunk: Hunk, side: 'old' | 'new'): string[] {
  const skip = side === 'old' ? '+' : '-';
  return hunk.lines.filter((line) => line[0] !== skip).map((line) => line.slice(1));
}

/** Lines this frequent (braces, blanks) say nothing about a place. */
const COMMON = 40;

/**
 * The place where most of a hunk's old lines stand in the file at their distance from each other; of several the one
 * nearest to where the patch expects them. Undefined when no line of it is in the file.
 */
export function closestPlace(hunk: Hunk, file: string[]): ClosestPlace | undefined {
  const wanted = sideOf(hunk, 'old');
  const places = new Map<string, number[]>();
  file.forEach((line, index) => {
    const at = places.get(line);
    if (at) at.push(index);
    else places.set(line, [index]);
  });
  const votes = new Map<number, number>();
  wanted.forEach((line, index) => {
    const at = places.get(line) ?? [];
    if (at.length > COMMON || line.trim() === '') return;
    for (const place of at) votes.set(place - index, (votes.get(place - index) ?? 0) + 1);
  });
  const expected = hunk.oldStart - 1;
  const distance = (start: number): number => Math.abs(start - expected);
  let best: number | undefined;
  for (const [start, count] of votes) {
    const lead = best === undefined ? 1 : count - votes.get(best)!;
    if (lead > 0 || (lead === 0 && distance(start) < distance(best!))) best = start;
  }
  if (best === undefined) return undefined;
  const start = best;
  const same = wanted.map((line, index) => file[start + index] === line);
  return { line: start + 1, equal: same.filter(Boolean).length, total: wanted.length, firstDifference: Math.max(0, same.indexOf(false)) };
}

/** Index of the first place at or after `from` where all lines stand in a row; -1 when there is none. */
export function findBlock(file: string[], block: string[], from = 0): number {
  outer: for (let start = from; start + block.length <= file.length; start += 1) {
    for (let index = 0; index < block.length; index += 1) if (file[start + index] !== block[index]) continue outer;
    return start;
  }
  return -1;
}

/** True when the file has what every hunk makes of it, in order, and at least one hunk is not its own pre-image. */
export function hunksPresent(hunks: Hunk[], file: string[]): boolean {
  let from = 0;
  for (const hunk of hunks) {
    const block = sideOf(hunk, 'new');
    const start = findBlock(file, block, from);
    if (start < 0) return false;
    from = start + block.length;
  }
  return hunks.length > 0;
}
