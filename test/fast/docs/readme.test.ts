import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../tasks/lib/paths.js';

/** README.zh-CN.md says in Chinese what README.md says: same headings, commands, links, tables, lists. */

const read = (name: string): string => readFileSync(join(packageRoot, name), 'utf8');
// The link to the other one is each one's own.
const english = read('README.md').replace('[中文](README.zh-CN.md)\n\n', '');
const chinese = read('README.zh-CN.md').replace('[English](README.md)\n\n', '');

const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, first = '']) => first);
/** Lines of code without their comments. */
const code = (text: string): string[] => matches(text, /^ {4}(\S.*)$/gm).map((line) => line.replace(/\s+#.*$/, '')).filter((line) => !line.startsWith('#'));
const links = (text: string): string[] => matches(text, /\]\(([^)]+)\)/g).sort();
const spans = (text: string): string[] => matches(text, /`([^`\n]+)`/g).sort();

describe('README.zh-CN.md', () => {
  it('has the headings of README.md', () => {
    const levels = (text: string): string[] => matches(text, /^(#+) /gm);
    expect(levels(chinese)).toEqual(levels(english));
    expect(levels(english).length).toBeGreaterThan(8);
  });
  it('has its commands, to the letter', () => {
    expect(code(chinese)).toEqual(code(english));
    expect(code(english)).toContain('npx build-kernel doctor --install');
  });
  it('explains as many of them', () => {
    const explained = (text: string): string[] => matches(text, /^ {4}(\S.*?)\s+# .+$/gm);
    expect(explained(chinese)).toEqual(explained(english));
  });
  it('has its links', () => {
    expect(links(chinese)).toEqual(links(english));
  });
  it('has its names in code', () => {
    expect(spans(chinese)).toEqual(spans(english));
  });
  it('has its flavours and as many limits', () => {
    const rows = (text: string): string[] => matches(text, /^\| ([^|]+) \|/gm);
    const items = (text: string): number => matches(text, /^(- )/gm).length;
    expect(rows(chinese)).toEqual(rows(english));
    expect(items(chinese)).toBe(items(english));
  });
});
