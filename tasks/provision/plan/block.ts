import { ExpectedError } from '../../lib/errors.js';
import type { BlockResource } from '../types.js';

/** Puts a marked block into a file that is somebody else's; not a byte of the rest changes. */

const begin = (name: string): string => `# BEGIN build-kernel ${name}`;
const end = (name: string): string => `# END build-kernel ${name}`;

/**
 * @param current the file's text; undefined when it is not there
 * @returns the text with the block in it, in the place where it was before when it was there
 * @throws ExpectedError preflight when the file has the block's marks, but not once each and in order
 */
export function spliceBlock(current: string | undefined, resource: Pick<BlockResource, 'path' | 'name' | 'content' | 'at' | 'create'>): string {
  const block = [begin(resource.name), ...(resource.content === '' ? [] : resource.content.replace(/\n$/, '').split('\n')), end(resource.name)];
  if (current === undefined) return `${resource.create.head}${resource.create.head === '' || resource.create.head.endsWith('\n') ? '' : '\n'}${block.join('\n')}\n`;

  const lines = current.split('\n');
  const begins = indexesOf(lines, begin(resource.name));
  const ends = indexesOf(lines, end(resource.name));
  if (begins.length === 1 && ends.length === 1 && begins[0]! < ends[0]!) {
    lines.splice(begins[0]!, ends[0]! - begins[0]! + 1, ...block);
    return lines.join('\n');
  }
  if (begins.length > 0 || ends.length > 0) {
    throw new ExpectedError({
      code: 'preflight',
      what: `The block ${resource.name} in ${resource.path} is damaged.`,
      why: `"${begin(resource.name)}" stands in line ${begins.map((line) => line + 1).join(', ') || 'none'}, "${end(resource.name)}" in line ${ends.map((line) => line + 1).join(', ') || 'none'}`,
      fix: 'Remove what is left of the block, or make it whole: each of the two lines once, in order.',
    });
  }
  if (current === '') return `${block.join('\n')}\n`;
  lines.splice(placeFor(lines, resource.at), 0, ...block);
  const text = lines.join('\n');
  return text.endsWith('\n') ? text : `${text}\n`;
}

function indexesOf(lines: readonly string[], wanted: string): number[] {
  return lines.flatMap((line, index) => (line.trimEnd() === wanted ? [index] : []));
}

/** Line before which a new block goes. A script that ends with exit (Debian's rc.local) would never come to a block after it. */
function placeFor(lines: readonly string[], at: 'start' | 'end'): number {
  if (at === 'start') return lines[0]?.startsWith('#!') ? 1 : 0;
  let last = lines.length;
  while (last > 0 && lines[last - 1] === '') last -= 1;
  return last > 0 && /^exit(\s+\d+)?\s*$/.test(lines[last - 1] ?? '') ? last - 1 : last;
}
