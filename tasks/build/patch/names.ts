import type { Section } from './parse.js';

/** File names in patch headers: quoting, stamps, strip levels, and which of the two names is meant. */

/** Undoes git's and GNU diff's C-style quotes ("a/b\303\244.c"). */
export function unquoteName(text: string): string {
  if (!/^".*"$/.test(text)) return latin1ToUtf8(text);
  const plain: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '"': '"', '\\': '\\' };
  const bytes = text.slice(1, -1).replace(/\\([0-7]{3}|.)/g, (_all, escape: string) =>
    /^[0-7]{3}$/.test(escape) ? String.fromCharCode(Number.parseInt(escape, 8)) : (plain[escape] ?? escape),
  );
  return latin1ToUtf8(bytes);
}

function latin1ToUtf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

/** The two names of a `diff --git` line; undefined when they cannot be told apart (the lines below name them then). */
export function splitHeaderName(text: string): [string, string] | undefined {
  const quoted = /^("(?:[^"\\]|\\.)*"|[^"\s]+) ("(?:[^"\\]|\\.)*"|[^"\s]+)$/.exec(text);
  if (quoted) return [unquoteName(quoted[1]!), unquoteName(quoted[2]!)];
  // Names with blanks are not quoted; without a rename both are equal but for the first component.
  const middle = (text.length - 1) / 2;
  const [left, right] = [text.slice(0, middle), text.slice(middle + 1)];
  if (text[middle] === ' ' && left.slice(left.indexOf('/')) === right.slice(right.indexOf('/'))) return [unquoteName(left), unquoteName(right)];
  return undefined;
}

/** True for the stamp of the epoch in any zone: how `diff -N` says that a file does not exist. */
export function epochStamp(stamp: string): boolean {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)?(?: ([+-]\d\d)(\d\d))?$/.exec(stamp.trim());
  if (!parts) return false;
  return Date.parse(`${parts[1]!}T${parts[2]!}${parts[3] ? `${parts[3]}:${parts[4]!}` : 'Z'}`) === 0;
}

/** A name without its first `strip` components (several slashes count as one); undefined when it has too few. */
export function stripName(name: string, strip: number): string | undefined {
  const parts = name.split(/\/+/);
  const left = parts.slice(strip);
  return left.length === 0 || left.join('') === '' ? undefined : left.join('/');
}

/** The paths that a section may mean at this strip level, old name first. */
export function candidates(section: Section, strip: number): string[] {
  const names = [section.oldName, section.newName].flatMap((name) => (name === undefined ? [] : (stripName(name, strip) ?? [])));
  return [...new Set(names)];
}

/**
 * The path a section means: of several that exist, the one with the fewest components, then the shortest base name,
 * then the shortest: GNU patch's rule (its manual, "Multiple Patches in a File"), so that both mean the same file.
 */
export function targetOf(section: Section, strip: number, exists: (path: string) => boolean): string | undefined {
  const both = candidates(section, strip);
  if (section.kind === 'create') return section.newName === undefined ? both[0] : stripName(section.newName, strip);
  if (section.kind === 'delete') return section.oldName === undefined ? both[0] : stripName(section.oldName, strip);
  if (section.kind === 'rename' || section.kind === 'copy') return section.newName === undefined ? undefined : stripName(section.newName, strip);
  const there = both.filter(exists);
  const rank = (path: string): number[] => [path.split('/').length, path.slice(path.lastIndexOf('/') + 1).length, path.length];
  return (there.length > 0 ? there : both).sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x[0]! - y[0]! || x[1]! - y[1]! || x[2]! - y[2]!;
  })[0];
}

/** A name for a patch header, in git's quotes when it holds blanks at an end, quotes, control or non-ASCII characters. */
export function quoteName(name: string): string {
  if (/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(name) && !/ $/.test(name)) return name;
  const escaped = [...Buffer.from(name)].map((byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${escaped.join('')}"`;
}
