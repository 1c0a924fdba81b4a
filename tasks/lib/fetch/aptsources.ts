import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from '../errors.js';

/**
 * The host's apt sources, rewritten for one purpose: only binary indexes, or only source indexes (which most hosts
 * have switched off). Both formats apt reads: one-line (.list) and deb822 (.sources), see sources.list(5).
 */

export type AptType = 'deb' | 'deb-src';

/** A sources file of our own: name (the suffix decides how apt reads it) and text. */
export interface AptSourcesFile {
  name: string;
  text: string;
}

/** One-line format: every entry as `type`, each one once (a `deb` and a `deb-src` line of one archive are one). */
export function rewriteOneLine(text: string, type: AptType): string {
  const lines = new Set<string>();
  for (const raw of text.split('\n')) {
    const match = /^\s*deb(?:-src)?\s+(.*?)\s*(?:#.*)?$/.exec(raw);
    if (match?.[1]) lines.add(`${type} ${match[1].replace(/\s+/g, ' ')}`);
  }
  return [...lines].map((line) => `${line}\n`).join('');
}

/** deb822 format: the Types field of every enabled stanza becomes `type`. */
export function rewriteDeb822(text: string, type: AptType): string {
  const stanzas = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/);
  const kept: string[] = [];
  for (const stanza of stanzas) {
    const body = stanza.trim();
    if (!/^types:/im.test(body)) continue;
    if (/^enabled:\s*(no|false|without|off|disable|0)\s*$/im.test(body)) continue;
    // A field goes on while lines start with white space.
    kept.push(body.replace(/^types:.*(?:\n[ \t].*)*/im, `Types: ${type}`));
  }
  return [...new Set(kept)].map((stanza) => `${stanza}\n`).join('\n');
}

/**
 * Reads /etc/apt/sources.list and /etc/apt/sources.list.d.
 * @param etc the host's apt folder (/etc/apt)
 * @returns the files to put in a private sources.list.d; empty when the host has no sources
 */
export async function deriveSources(etc: string, type: AptType): Promise<AptSourcesFile[]> {
  const paths = [join(etc, 'sources.list')];
  try {
    // Names apt itself would read: letters, digits, _ - . and one of the two suffixes.
    const names = (await readdir(join(etc, 'sources.list.d'))).filter((name) => /^[\w.-]+\.(list|sources)$/.test(name)).sort();
    paths.push(...names.map((name) => join(etc, 'sources.list.d', name)));
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error;
  }
  const files: AptSourcesFile[] = [];
  for (const [index, path] of paths.entries()) {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      // A file with a password may be root's alone: the other sources still serve.
      if (errno(error) === 'ENOENT' || errno(error) === 'EACCES') continue;
      throw error;
    }
    const deb822 = path.endsWith('.sources');
    const rewritten = deb822 ? rewriteDeb822(text, type) : rewriteOneLine(text, type);
    if (rewritten !== '') files.push({ name: `${String(index)}.${deb822 ? 'sources' : 'list'}`, text: rewritten });
  }
  return files;
}
