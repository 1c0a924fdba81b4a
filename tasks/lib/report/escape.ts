import { printable } from './text.js';

/** Text that is markup already. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Escapes text for an element or a quoted attribute of HTML, SVG and XML 1.0; `]]>` loses its bracket with the rest. */
export function escapeMarkup(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

/** What a template takes: text is escaped, markup goes in as it is, nothing stands for undefined. */
export type Piece = string | number | Markup | readonly Markup[] | undefined;

/** Tag of a template whose values are escaped. Attributes must be quoted. */
export function markup(strings: TemplateStringsArray, ...pieces: Piece[]): Markup {
  return new Markup(strings.reduce((done, part, index) => done + show(pieces[index - 1]) + part));
}

function show(piece: Piece): string {
  if (piece === undefined) return '';
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'object') return piece.join('');
  return escapeMarkup(String(piece));
}
