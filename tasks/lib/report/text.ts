import { stripVTControlCharacters } from 'node:util';

/** Text from guests, made fit to be shown: a console may print anything. The JSON report keeps it as it came. */

/**
 * Drops terminal sequences and shows what is left of control characters as pictures (NUL as ␀, ESC as ␛); new lines
 * and tabs stay. Besides a terminal's safety this is what XML 1.0 section 2.2 asks: it has no way at all to write most
 * control characters, lone surrogates, U+FFFE and U+FFFF.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\r+\n/g, '\n')
    .replaceAll('\r', '\n')
    .replaceAll(/[\0-\x08\x0B-\x1F]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)))
    .replaceAll('\x7F', '\u2421')
    .replaceAll(/[\x80-\x9F\uFFFE\uFFFF]|\p{Surrogate}/gu, '\uFFFD');
}

/** Printable text on one line, without the characters that turn its direction or cannot be seen. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/[\s\p{Cf}]+/gu, ' ').trim();
}

/**
 * Breaks text at spaces; new lines stay.
 * @param width columns; a longer word (a path, an address) stays whole, so that it can be copied
 */
export function wrap(text: string, width: number): string[] {
  return printable(text)
    .split('\n')
    .flatMap((paragraph) => {
      const lines: string[] = [];
      let line = '';
      for (const word of paragraph.split(/\s+/).filter((part) => part !== '')) {
        if (line !== '' && line.length + 1 + word.length > width) {
          lines.push(line);
          line = word;
        } else {
          line = line === '' ? word : `${line} ${word}`;
        }
      }
      return [...lines, line];
    });
}

/** The last lines of an output, without blank ones at its end; a first line says how many are left out. */
export function lastLines(text: string, count: number): string[] {
  const lines = printable(text).trimEnd().split('\n');
  if (lines.length === 1 && lines[0] === '') return [];
  const left = lines.length - count;
  return left > 0 ? [`… ${String(left)} more lines`, ...lines.slice(left)] : lines;
}
