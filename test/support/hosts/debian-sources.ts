import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** This machine's apt sources as one-line entries: where it gets its packages from, the host gets them too. */

const ETC = '/etc/apt';

async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Stanzas of a deb822 file as "deb [options] URI suite components". */
function fromDeb822(content: string): string[] {
  return content.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] => (new RegExp(`^${name}:(.*)$`, 'mi').exec(stanza)?.[1] ?? '').trim().split(/\s+/).filter(Boolean);
    if (!field('Types').includes('deb') || field('Enabled')[0] === 'no') return [];
    const signed = field('Signed-By')[0];
    const options = signed?.startsWith('/') ? `[signed-by=${signed}] ` : '';
    return field('URIs').flatMap((uri) => field('Suites').map((suite) => `deb ${options}${uri} ${suite} ${field('Components').join(' ')}`.trim()));
  });
}

/** Only Debian's own archives: a repository of something else could replace a package. */
const isDebian = (line: string): boolean => /\/debian(-security)?\/?\s/.test(line);

/** @throws Error this machine names no Debian archive */
export async function aptLines(): Promise<string[]> {
  const names = (await readdir(join(ETC, 'sources.list.d')).catch(() => [])).sort();
  const lines = (await text(join(ETC, 'sources.list'))).split('\n');
  for (const name of names) {
    const content = await text(join(ETC, 'sources.list.d', name));
    if (name.endsWith('.list')) lines.push(...content.split('\n'));
    if (name.endsWith('.sources')) lines.push(...fromDeb822(content));
  }
  const found = [...new Set(lines.map((line) => line.trim()).filter((line) => line.startsWith('deb ') && isDebian(line)))];
  if (found.length === 0) throw new Error('this machine has no Debian archive among its apt sources');
  return found;
}
