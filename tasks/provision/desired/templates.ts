import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Eta } from 'eta';
import { packageRoot } from '../../lib/paths.js';
import { command, quote, rest, word } from './words.js';

/** templates/provision: scripts without values are files as they are; files with values are eta templates. */

const folder = join(packageRoot, 'templates', 'provision');

/**
 * Shells and units are no HTML: nothing is escaped by itself, every value goes through a filter (q: a shell's word).
 * The line break after a tag is the tag's.
 */
const eta = new Eta({ views: folder, autoEscape: false, autoTrim: [false, 'nl'], cache: true });

const filters = { q: quote, command, word, rest };

/** A template with its values; `it.q` quotes one for a shell. */
export function render(name: string, values: Readonly<Record<string, unknown>> = {}): string {
  return eta.render(`./${name}`, { ...values, ...filters });
}

/** A file as it is. */
export function plain(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}
