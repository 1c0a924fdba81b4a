import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allMessages } from '../../../tasks/docs/messages.js';
import { EXIT_STATUS } from '../../../tasks/lib/errors.js';
import { packageRoot } from '../../../tasks/lib/paths.js';

/** docs/TROUBLESHOOTING.md has an entry for every error code, and every foreseen failure in the sources. */

const document = readFileSync(join(packageRoot, 'docs/TROUBLESHOOTING.md'), 'utf8');
const headings = [...document.matchAll(/^### (\w+)$/gm)].map(([, code]) => code);
const messages = await allMessages();

describe('docs/TROUBLESHOOTING.md', () => {
  it('has a heading for every code that there is, and for every one in the sources', () => {
    expect(headings).toEqual(Object.keys(EXIT_STATUS));
    const thrown = execFileSync('grep', ['-rhoE', "code: '[a-z]+'", '--include=*.ts', join(packageRoot, 'tasks')], { encoding: 'utf8' });
    const codes = new Set([...thrown.matchAll(/'(\w+)'/g)].map(([, code]) => code));
    // zod's own word for a fault that a rule found.
    codes.delete('custom');
    expect(codes.size).toBeGreaterThan(15);
    for (const code of codes) expect(headings).toContain(code);
  });

  it('misses few of the failures that the sources name: those whose text is put together elsewhere', () => {
    const all = execFileSync('grep', ['-rhE', 'new ExpectedError\\(|fail: \\{', '--include=*.ts', join(packageRoot, 'tasks')], { encoding: 'utf8' }).split('\n').length;
    expect(messages.length).toBeGreaterThan(all * 0.9);
  });
});
