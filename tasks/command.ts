import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Help, Option } from 'commander';
import { addOptions, optionNames, type OptionGroup } from './build/cli-options.js';
import { setOwnData } from './lib/data.js';
import { fromSystem } from './lib/errors.js';
import { endRun, runId } from './lib/exec.js';
import { makeIo, reportFailure, type Io } from './lib/io.js';
import { packageRoot } from './lib/paths.js';
import { applySettings } from './lib/settings.js';

/** What all commands have in common. */

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };

/** An option's line of --help; "nothing" as a default is not worth saying. */
function optionDescription(option: Option): string {
  const value: unknown = option.defaultValue;
  const nothing = (value === '' || (Array.isArray(value) && value.length === 0)) && option.defaultValueDescription === undefined;
  return new Help().optionDescription(nothing ? Object.assign(Object.create(Option.prototype) as Option, option, { defaultValue: undefined }) : option);
}

/** Subcommands take these over: wrong usage is thrown, and reported by cli.ts as every other failure is. */
export const program = new Command('build-kernel')
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: () => undefined })
  .configureHelp({ optionDescription });

/** Lines for addHelpText. @param lines without the program's name */
export function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ build-kernel ${line}`).join('\n')}`;
}

type Options = Record<string, unknown>;

/** Adds the options that every command has, and runs it with settings applied and failures reported. */
export function command(
  declaration: string,
  summary: string,
  groups: readonly OptionGroup[],
  action: (io: Io, positional: unknown[], options: Options) => Promise<void>,
  parent: Command = program,
  isDefault = false,
): Command {
  const made = parent.command(declaration, { isDefault }).description(summary);
  addOptions(made, groups);
  made
    .addOption(new Option('--json', 'one JSON document on standard output, nothing else there'))
    .addOption(new Option('--verbose', 'every progress line'))
    .addOption(new Option('--settings <file>', 'config file with defaults (otherwise ./build-kernel.yaml, when there is one)').env('BUILD_KERNEL_SETTINGS'))
    .addOption(new Option('--flavours <dir>', "a folder of your own flavours, laid out like the package's patches/").env('BUILD_KERNEL_FLAVOURS'))
    .action(async (...args: unknown[]) => {
      const positional = args.slice(0, -2);
      const options = made.opts<Options>();
      const io = makeIo({ json: options['json'] === true, verbose: options['verbose'] === true });
      try {
        await applySettings(made, options['settings'] as string | undefined, new Set([...optionNames(), 'flavours']));
        const own = made.opts<Options>()['flavours'];
        if (typeof own === 'string') setOwnData(own);
        await action(io, positional, made.opts<Options>());
      } catch (error) {
        process.exitCode = reportFailure(fromSystem(error, `running build-kernel ${made.name()}`), io.json);
      } finally {
        endRun(runId);
      }
    });
  return made;
}
