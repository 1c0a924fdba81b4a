import type { Argument, Command, Option } from 'commander';

/** A command tree as the completion scripts need it: plain data, read from commander's objects. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What can stand where a value is expected. */
export interface Values {
  /** Words to choose from. */
  words: string[];
  /** Arguments of this program that print the words, one a line: `list --names`. */
  ask?: string[];
  /** Paths fit too. */
  paths?: 'file' | 'folder';
}

export interface OptionSpec {
  /** `-j`, `--jobs` */
  names: string[];
  summary: string;
  /** The value it must have; undefined for a switch. */
  value?: Values;
}

export interface CommandSpec {
  /** Names from below the program: `patch check`; empty for the program itself. */
  path: string;
  summary: string;
  commands: { name: string; summary: string }[];
  options: OptionSpec[];
  /** Positional arguments; the last one repeats when `variadic`. */
  args: Values[];
  variadic: boolean;
}

export interface CompletionSpec {
  program: string;
  commands: CommandSpec[];
  /** Command that is meant when none is named. */
  fallback?: CommandSpec;
}

/** Values that only the program knows, by the name of the argument: <flavour> */
export type Dynamic = Record<string, string[]>;

/** Reads `gateway|distro|file` like names of values: words stand for themselves, `file`, `dir` and their kin for paths. */
function valuesOf(name: string, choices: readonly string[] | undefined, dynamic: Dynamic): Values {
  const ask = dynamic[name];
  if (ask) return { words: [], ask };
  if (choices) return { words: [...choices] };
  if (name === 'shell') return { words: [...SHELLS] };
  const parts = name.split('|');
  const isPath = (part: string): boolean => /^(file|path|dir|folder|config)$/.test(part);
  return {
    words: parts.length > 1 ? parts.filter((part) => !isPath(part) && part !== 'url') : [],
    ...(parts.includes('file') || parts.includes('path') ? { paths: 'file' as const } : parts.some(isPath) ? { paths: 'folder' as const } : {}),
  };
}

function optionSpec(option: Option, dynamic: Dynamic): OptionSpec {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const value = /[<[]([^>\]]+?)(?:\.\.\.)?[>\]]/.exec(option.flags)?.[1];
  return {
    names,
    summary: option.description,
    // An optional value may be left out, so the next word need not be one.
    ...(value !== undefined && option.required ? { value: valuesOf(value, option.argChoices, dynamic) } : {}),
  };
}

function commandSpecs(command: Command, path: string, dynamic: Dynamic): CommandSpec[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => child.name() !== 'help');
  const args: readonly Argument[] = command.registeredArguments;
  const own: CommandSpec = {
    path,
    summary: command.description(),
    commands: children.map((child) => ({ name: child.name(), summary: child.description() })),
    options: help.visibleOptions(command).map((option) => optionSpec(option, dynamic)),
    args: args.map((argument) => valuesOf(argument.name(), argument.argChoices, dynamic)),
    variadic: args.at(-1)?.variadic ?? false,
  };
  return [own, ...children.flatMap((child) => commandSpecs(child, path === '' ? child.name() : `${path} ${child.name()}`, dynamic))];
}

/** @param dynamic what to ask the program for, by the name of a value */
export function completionSpec(command: Command, program: string, dynamic: Dynamic): CompletionSpec {
  const commands = commandSpecs(command, '', dynamic);
  // commander keeps the default command's name to itself.
  const name: unknown = Reflect.get(command, '_defaultCommandName');
  return { program, commands, fallback: commands.find(({ path }) => path === name) };
}

/** The name that shell functions get. */
export function functionName(program: string): string {
  return `_${program.replaceAll(/\W/g, '_')}`;
}

/** A text in single quotes, as all three shells take it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
