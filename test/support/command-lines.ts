import type { Command } from 'commander';
import { program } from '../../tasks/commands.js';
import { flavourNames } from '../../tasks/lib/flavours/catalog.js';

/** Whether command lines that stand in a text are ones that the program takes. */

const flavours = new Set(await flavourNames());
const longs = (command: Command): string[] => [...command.options.map(({ long }) => long ?? ''), '--help', ...command.options.flatMap(({ long, negate }) => (negate && long ? [long.replace('--no-', '--')] : []))];
export const everyLong = new Set([...program.commands.flatMap((command) => [command, ...command.commands]).flatMap(longs), '--version']);

/** The command that words mean, undefined when there is none: a flavour, or a word that stands for one, is built. */
export function meant([first = '', second = '']: readonly string[]): Command | undefined {
  const direct = program.commands.find((command) => command.name() === first);
  if (direct) return direct.commands.find((command) => command.name() === second) ?? direct;
  return /^([A-Z…<"$]|--)/.test(first) || flavours.has(first.split('+')[0] ?? '') ? program.commands.find((command) => command.name() === 'build') : undefined;
}

/** What is wrong with a command line, given without the program's name. */
export function fault(line: string): string | undefined {
  const words = line.split(/\s+#|[|>;&]/)[0]?.trim().split(/\s+/) ?? [];
  if (/^--(help|version)$/.test(words[0] ?? '')) return undefined;
  const command = meant(words);
  if (command === undefined) return `no command or flavour is called ${words[0] ?? ''}`;
  const known = new Set(longs(command));
  const wrong = words.flatMap((word) => /^--[a-z][a-z0-9-]*/.exec(word) ?? []).filter((option) => !known.has(option));
  return wrong.length > 0 ? `${command.name()} has no ${wrong.join(' ')}` : undefined;
}

/** Command lines of a document: in blocks, and in spans of code. */
export function commandLines(markdown: string): string[] {
  const spans = [...markdown.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  const blocks = markdown.split('\n').filter((line) => /^( {4}|\t)/.test(line));
  return [...spans, ...blocks].flatMap((code) => /^\s*(?:\$ )?(?:npx )?build-kernel (.+)$/.exec(code)?.[1] ?? []);
}
