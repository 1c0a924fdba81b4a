import { createInterface } from 'node:readline/promises';
import { ExpectedError } from '../errors.js';

/**
 * Asks a question at the terminal that is answered with yes or no; no is the answer to anything but y and yes.
 * @param what would be done, for the message when there is no terminal
 * @throws ExpectedError usage when there is no terminal to ask on
 */
export async function askYes(question: string, { yes, json, what }: { yes: boolean; json: boolean; what: string }): Promise<boolean> {
  if (yes) return true;
  if (json || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new ExpectedError({ code: 'usage', what: `${what}: nothing was changed, as there is no terminal to ask on.`, fix: 'Add --yes, after a look at the plan (--plan shows it and changes nothing).' });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
