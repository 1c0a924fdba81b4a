import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allMessages } from '../../../tasks/docs/messages.js';
import { dataNames } from '../../../tasks/lib/data.js';
import { loadPublished } from '../../../tasks/lib/flavours/catalog.js';
import { packageRoot } from '../../../tasks/lib/paths.js';
import { commandLines, everyLong, fault, meant } from '../../support/command-lines.js';

/** What documents and messages tell a user to type exists: commands, flavours, options of that command. */

const documents = ['README.md', 'README.zh-CN.md', 'CHANGELOG.md', ...(await readdir(join(packageRoot, 'docs'), { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

it('a fault is found', () => {
  expect(fault('verify dsnat-220 --list')).toBe('verify has no --list');
  expect(fault('dsnat-22')).toContain('dsnat-22');
  expect(commandLines('    npx build-kernel start\n`build-kernel list`')).toEqual(['list', 'start']);
});

describe.each(documents)('%s', (path) => {
  it('names only commands and options that there are', async () => {
    const lines = commandLines(await readFile(join(packageRoot, path), 'utf8'));
    expect(lines.flatMap((line) => (fault(line) === undefined ? [] : [`${line}: ${String(fault(line))}`]))).toEqual([]);
  });
});

describe('messages', async () => {
  const said = (await allMessages()).flatMap(({ what, fix, file }) => [...what, ...fix].map((text) => ({ text, file })));

  it('name only commands that there are', () => {
    const wrong = said.flatMap(({ text, file }) => [...text.matchAll(/(?<!that )build-kernel ([a-z][\w-]*)( [a-z]+)?/g)].filter(([, first = '', second = '']) => meant([first, second.trim()]) === undefined).map(([line]) => `${file}: ${line}`));
    expect(wrong).toEqual([]);
  });

  it('name only options that there are', () => {
    // Options of other programs, which the text names before them.
    const others = /\b(gpg|ssh-keygen|grep|iconv|sudo|tar -C FOLDER) (-\w+|--[a-z-]+)/g;
    const wrong = said.flatMap(({ text, file }) => [...text.replaceAll(others, '').matchAll(/--[a-z][a-z0-9-]*/g)].filter(([option]) => !everyLong.has(option)).map(([option]) => `${file}: ${option}`));
    expect(wrong).toEqual([]);
  });
});

describe('what stands beside the published recipes', () => {
  it('is a command that there is', async () => {
    const lines = (await Promise.all((await dataNames('published')).map(loadPublished))).flatMap((recipe) => recipe.lines.map(({ here }) => here));
    const commands = lines.flatMap((here) => [...here.matchAll(/build-kernel ((?:[a-z{][\w{}.-]*|FLAVOUR|--[a-z0-9-]+| )+)/g)].map(([, line = '']) => line.replaceAll('{flavour}', 'dsnat-220')));
    expect(commands.length).toBeGreaterThan(30);
    expect(commands.flatMap((line) => (fault(line) === undefined ? [] : [`${line}: ${String(fault(line))}`]))).toEqual([]);
  });
});
