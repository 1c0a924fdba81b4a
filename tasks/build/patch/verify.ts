import { blobId } from '../gitid.js';
import type { PlacedSection } from './layers.js';
import type { Snapshot } from './scratch.js';

/**
 * Proof that a patch did what it says: GNU patch's exit status alone is none (it exits 0 for stubs, and with enough fuzz
 * for a patch that is in the tree already).
 */

/**
 * Compares the files before and after with what each section announces.
 * @returns what is not as announced, one line per file; and how many results are byte for byte the author's (by the blob
 *   ids in the patch's `index` lines)
 */
export function verifySections(sections: PlacedSection[], before: Snapshot, after: Snapshot): { wrong: string[]; exact: number; withIds: number } {
  const wrong: string[] = [];
  let exact = 0;
  let withIds = 0;
  for (const { section, path, from } of sections) {
    const old = before.get(from ?? path) ?? null;
    const now = after.get(path) ?? null;
    const say = (text: string): void => void wrong.push(`${path}: ${text}`);
    const changes = section.hunks.some((hunk) => hunk.lines.some((line) => line[0] !== ' '));
    if (section.kind === 'delete') {
      if (now) say('the patch deletes it, and it is still there');
      continue;
    }
    if (!now) {
      // Without a stamp or a mode line a file that becomes empty may be removed or kept.
      if (!(section.kind === 'modify' && section.hunks.every((hunk) => hunk.newCount === 0))) say('it is missing after the patch');
      continue;
    }
    if (section.kind === 'create') {
      const text = section.hunks.flatMap((hunk) => hunk.lines.map((line) => line.slice(1))).join('\n');
      const end = section.hunks.length === 0 || section.hunks.at(-1)!.newNoNewline ? '' : '\n';
      if (now.data.toString('latin1') !== text + end) say('the new file is not what the patch holds');
    } else if (changes && old?.data.equals(now.data)) say('the patch changed nothing in it');
    if (section.kind === 'rename' && from !== undefined && after.get(from)) say(`it was renamed from ${from}, which is still there`);
    const execute = section.newMode === undefined || section.newMode === 0o120000 ? undefined : (section.newMode & 0o100) !== 0;
    if (execute !== undefined && (now.mode === '100755') !== execute) say(`its mode is ${now.mode}, the patch says ${section.newMode!.toString(8)}`);
    if (section.newId !== undefined) {
      withIds += 1;
      if (blobId(now.data).startsWith(section.newId)) exact += 1;
    }
  }
  return { wrong, exact, withIds };
}
