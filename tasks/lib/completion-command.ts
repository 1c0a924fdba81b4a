import type { Command } from 'commander';
import { completionScript, SHELLS } from './completion.js';
import { ExpectedError } from './errors.js';
import { suggest } from './suggest.js';

/**
 * `build-kernel completion SHELL`: the script's text.
 * @throws ExpectedError usage: a shell that is not supported
 */
export function completion(name: string, program: Command): string {
  const shell = SHELLS.find((one) => one === name);
  if (shell) return completionScript(shell, program);
  const near = suggest(name, SHELLS);
  throw new ExpectedError({ code: 'usage', what: `There is no completion for ${name}.`, fix: `${near ? `Did you mean ${near}? ` : ''}There is one for ${SHELLS.join(', ')}.` });
}
