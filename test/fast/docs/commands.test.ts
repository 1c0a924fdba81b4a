import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../../../tasks/commands.js';
import { allMessages } from '../../../tasks/docs/messages.js';
import { dataNames } from '../../../tasks/lib/data.js';
import { flavourNames, loadPublished } from '../../../tasks/lib/flavours/catalog.js';
import { packageRoot } from '../../../tasks/lib/paths.js';

/** What documents and messages tell a user to type exists: commands, flavours, options of that command. */

const flavours = new Set(await flavourNames());
const longs = (command: Command): string[] => [...command.options.map(({ long }) => long ?? ''), '--help', ...command.options.flatMap(({ long, negate }) => (negate && long ? [long.replace('--no-', '--')] : []))];
const everyLong = new Set([...program.commands.flatMap((command) => [command, ...command.commands]).flatMap(longs), '--version']);

/** The command that words mean, undefined when there is none: a flavour, or a word that stands for one, is built. */
function meant([first = '', second = '']: readonly string[]): Command | undefined {
  const direct = program.commands.find((command) => command.name() === first);
  if (direct) return direct.commands.find((command) => command.name() === second) ?? direct;
  return /^([A-Z…<"$]|--)/.test(first) || flavours.has(first.split('+')[0] ?? '') ? program.commands.find((command) => command.name() === 'build') : undefined;
}

/** What is wrong with a command line, given without the program's name. */
function fault(line: string): string | undefined {
  const words = line.split(/\s+#|[|>;&]/)[0]?.trim().split(/\s+/) ?? [];
  if (/^--(help|version)$/.test(words[0] ?? '')) return undefined;
  const command = meant(words);
  if (command === undefined) return `no command or flavour is called ${words[0] ?? ''}`;
  const known = new Set(longs(command));
  const wrong = words.flatMap((word) => /^--[a-z][a-z0-9-]*/.exec(word) ?? []).filter((option) => !known.has(option));
  return wrong.length > 0 ? `${command.name()} has no ${wrong.join(' ')}` : undefined;
}

/** Command lines of a document: in blocks, and in spans of code. */
function commandLines(markdown: string): string[] {
  const spans = [...markdown.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  const blocks = markdown.split('\n').filter((line) => /^( {4}|\t)/.test(line));
  return [...spans, ...blocks].flatMap((code) => /^\s*(?:\$ )?(?:npx )?build-kernel (.+)$/.exec(code)?.[1] ?? []);
}

const documents = ['README.md', 'CHANGELOG.md', ...(await readdir(join(packageRoot, 'docs'), { recursive: true })).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

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
    const others = /\b(gpg|ssh-keygen|grep|iconv|sudo) (-\w+|--[a-z-]+)/g;
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
