/** Pieces of Markdown. */

/** A cell of a table: one line, no bars, no tags. */
export const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s*\n\s*/g, ' ');

/** A sentence of a phrase. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;

/** Code in a cell, a span for each line; a span with backticks in it is fenced by two. */
export const codeCell = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line.includes('`') ? `\`\` ${line.trim()} \`\`` : `\`${line.trim()}\``).replaceAll('|', '\\|'))
    .join('<br>');

export const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(columns), `|${'---|'.repeat(columns.length)}`, ...rows.map(row)].join('\n');
}

/**
 * A document whose parts between `<!-- BEGIN name -->` and `<!-- END name -->` are replaced.
 * @throws Error when a part has no place, or a place no part
 */
export function fill(document: string, parts: Readonly<Record<string, string>>): string {
  const seen = new Set<string>();
  const filled = document.replace(/(<!-- BEGIN (\w+) -->\n)[\s\S]*?(<!-- END \2 -->)/g, (_all, begin: string, name: string, end: string) => {
    const part = parts[name];
    if (part === undefined) throw new Error(`nothing is made for BEGIN ${name}`);
    seen.add(name);
    return `${begin}\n${part.trim()}\n\n${end}`;
  });
  for (const name of Object.keys(parts)) if (!seen.has(name)) throw new Error(`the document has no BEGIN ${name}`);
  return filled;
}
