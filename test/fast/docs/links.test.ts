import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../tasks/lib/paths.js';

/** Links between the documents lead somewhere: to a file that is there, to a heading that it has. */

const documents = ['README.md', 'README.zh-CN.md', 'CHANGELOG.md', ...readdirSync(join(packageRoot, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

/** A heading's id as GitHub makes it: lower case, without punctuation, - for a blank. */
const anchor = (heading: string): string => heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
const anchors = (text: string): string[] => [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchor(heading));

describe.each(documents)('%s', (name) => {
  it('has no dead link', () => {
    const text = readFileSync(join(packageRoot, name), 'utf8').replaceAll(/`[^`\n]*`/g, '');
    const dead = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [path = '', id] = link.split('#');
      const file = path === '' ? join(packageRoot, name) : join(packageRoot, dirname(name), path);
      return !existsSync(file) || (id !== undefined && !anchors(readFileSync(file, 'utf8')).includes(id));
    });
    expect(dead).toEqual([]);
  });
});
