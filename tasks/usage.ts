import type { CommanderError } from 'commander';
import { dataNames } from './lib/data.js';
import { ExpectedError } from './lib/errors.js';
import { suggest } from './lib/suggest.js';

/** What commander finds wrong with a command line, as a foreseen failure: the documented status, and a document with --json. */

/** "error: unknown option '--x'\n(Did you mean --y?)" in its parts. */
function parts(message: string): { said: string; hint: string } {
  const [said = '', ...more] = message.replace(/^error: /, '').split('\n');
  const hint = more.map((line) => line.replace(/^\((.*)\)$/, '$1')).join(' ');
  return { said: said.endsWith('.') ? said : `${said}.`, hint: hint === '' ? '' : `${hint} ` };
}

/**
 * @param words the command line without the program
 * @param commands names of all commands
 */
export async function wrongUsage(error: CommanderError, words: readonly string[], commands: readonly string[]): Promise<ExpectedError> {
  const [first = ''] = words;
  // A mistyped command with arguments: its name was taken for a flavour to build.
  if (error.code === 'commander.excessArguments' && /^\w/.test(first) && ![...commands, ...(await dataNames('flavours'))].includes(first)) {
    const near = suggest(first, commands);
    return new ExpectedError({
      code: 'usage',
      what: `There is no command ${first}.`,
      fix: `${near === undefined ? '' : `Did you mean ${near}? `}build-kernel --help shows all commands.`,
    });
  }
  const { said, hint } = parts(error.message);
  return new ExpectedError({
    code: 'usage',
    what: `This command line is not understood: ${said}`,
    fix: `${hint}build-kernel --help shows all commands, build-kernel COMMAND --help one.`,
  });
}
