import { Help, type Command, type Option } from 'commander';
import { cell, sentence, table } from './markdown.js';

/** The command reference of docs/CLI.md, from commander's own definitions. */

/** An option that so many commands have is described once. */
const SHARED = 3;

interface Described {
  path: string;
  command: Command;
  options: readonly Option[];
}

function all(command: Command, path = ''): Described[] {
  const help = new Help();
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  const own = { path, command, options: help.visibleOptions(command).filter(({ long }) => long !== '--help') };
  return [...(children.length === 0 ? [own] : []), ...children.flatMap((child) => all(child, `${path} ${child.name()}`.trim()))];
}

function otherwise(option: Option): string {
  if (option.mandatory) return '**needed**';
  if (option.defaultValueDescription !== undefined) return option.defaultValueDescription;
  const value: unknown = option.defaultValue;
  if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0) || typeof value === 'boolean') return '';
  return `\`${(Array.isArray(value) ? value : [value]).map(String).join(' ')}\``;
}

const rowOf = (option: Option): string[] => [
  `\`${option.flags.replaceAll('|', '\\|')}\``,
  `${cell(option.description)}${option.argChoices ? `: ${option.argChoices.map((choice) => `\`${choice}\``).join(' ')}` : ''}`,
  otherwise(option),
  option.envVar === undefined ? '' : `\`${option.envVar}\``,
];
const COLUMNS = ['option', '', 'otherwise', 'environment'];

/** Options that are the same in two commands have the same row. */
const identity = (option: Option): string => rowOf(option).join('\0');

/** The lines below "Examples:" of a command's help. */
function examples(command: Command): string[] {
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) });
  command.outputHelp();
  return (text.split(/^Examples:$/m)[1] ?? '').split('\n').filter((line) => line.startsWith('  $ ')).map((line) => `    ${line.slice(4)}`);
}

export function commandReference(program: Command): string {
  const commands = all(program);
  const counts = new Map<string, { option: Option; in: string[] }>();
  for (const { path, options } of commands) {
    for (const option of options) {
      const known = counts.get(identity(option)) ?? { option, in: [] };
      counts.set(identity(option), { ...known, in: [...known.in, path] });
    }
  }
  const everywhere = commands.filter(({ options }) => options.length > 0).length;
  const isShared = (option: Option): boolean => (counts.get(identity(option))?.in.length ?? 0) >= SHARED;
  const isEverywhere = (option: Option): boolean => counts.get(identity(option))?.in.length === everywhere;
  const name = (option: Option): string => `\`${option.long ?? option.flags}\``;

  const sections = commands.map(({ path, command, options }) => {
    const own = options.filter((option) => !isShared(option));
    const shared = options.filter((option) => isShared(option) && !isEverywhere(option));
    const lines = examples(command);
    return [
      `### build-kernel ${path}`,
      `    build-kernel ${path} ${command.usage().replace(/^\[options\] ?/, '')}`.trimEnd(),
      sentence(command.description()),
      ...(own.length > 0 ? [table(COLUMNS, own.map(rowOf))] : []),
      ...(shared.length > 0 ? [`Of the options of several commands: ${shared.map(name).join(' ')}`] : []),
      ...(lines.length > 0 ? [lines.join('\n')] : []),
    ].join('\n\n');
  });
  const common = [...counts.values()].filter(({ option }) => isShared(option));
  const names = (which: readonly string[]): string => (which.length === everywhere ? 'all' : which.join(', '));
  return [
    '## Commands',
    table(['command', ''], commands.map(({ path, command }) => [`[${path}](#build-kernel-${path.replaceAll(' ', '-')})`, cell(command.description())])),
    '### Options of several commands',
    table([...COLUMNS, 'commands'], common.map(({ option, in: which }) => [...rowOf(option), names(which)])),
    ...sections,
  ].join('\n\n');
}
