import type { Section } from './parse.js';

/** A part of a patch in which no file occurs twice, so that it can be applied, checked and reversed as a whole. */
export interface Layer {
  sections: PlacedSection[];
  /** Bytes (latin1) to give to GNU patch; undefined when they are the whole patch file. */
  text?: string;
}

/** A section and the file it means. */
export interface PlacedSection {
  section: Section;
  /** Path below the root of the tree. */
  path: string;
  /** rename: the path before. */
  from?: string;
}

/**
 * Splits a patch (a mailbox of commits, say) where a file comes up again, and leaves out the sections that hold no
 * content: stubs of binary files, from which GNU patch would make empty files, and binary patches, which it refuses.
 */
export function layersOf(text: string, sections: PlacedSection[]): { layers: Layer[]; leftOut: PlacedSection[] } {
  const leftOut = sections.filter(({ section }) => section.binary !== undefined);
  const groups: PlacedSection[][] = [];
  let seen = new Set<string>();
  for (const placed of sections) {
    if (placed.section.binary !== undefined) continue;
    const paths = placed.from === undefined ? [placed.path] : [placed.path, placed.from];
    if (groups.length === 0 || paths.some((path) => seen.has(path))) {
      groups.push([]);
      seen = new Set();
    }
    for (const path of paths) seen.add(path);
    groups.at(-1)!.push(placed);
  }
  if (groups.length === 1 && leftOut.length === 0) return { layers: [{ sections: groups[0]! }], leftOut };
  const lines = text.split('\n');
  const layers = groups.map((group) => ({
    sections: group,
    text: group.map(({ section }) => `${lines.slice(section.first - 1, section.last).join('\n')}\n`).join(''),
  }));
  return { layers, leftOut };
}
