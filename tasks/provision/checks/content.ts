import { cut } from './expect.js';

/** What a text has that it should not, in words. */

/**
 * The blocks of a name in a file that is somebody else's.
 * @returns what stands between the marker lines of each, without the last new line; a block without end is none
 */
export function blockOf(text: string, name: string): string[] {
  const blocks: string[] = [];
  let inside: string[] | undefined;
  for (const line of text.split('\n')) {
    if (line === `# BEGIN build-kernel ${name}`) inside = [];
    else if (line === `# END build-kernel ${name}` && inside) {
      blocks.push(inside.join('\n').trimEnd());
      inside = undefined;
    } else inside?.push(line);
  }
  return blocks;
}

/** @returns `line 3 is "a" in place of "b"`; undefined when there is none but white space at the end */
export function firstDifference(seen: string, wanted: string): string | undefined {
  const left = seen.trimEnd().split('\n');
  const right = wanted.trimEnd().split('\n');
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const one = left[index];
    const other = right[index];
    if (one === other) continue;
    const place = `line ${String(index + 1)}`;
    if (one === undefined) return `${place} is missing: ${show(other)}`;
    if (other === undefined) return `${place} is too many: ${show(one)}`;
    return `${place} is ${show(one)} in place of ${show(other)}`;
  }
  return undefined;
}

function show(line = ''): string {
  return `"${cut(line, 120)}"`;
}
