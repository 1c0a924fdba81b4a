// What the scripts of ci/ have in common.
import { resolve } from 'node:path';
import { junitDocument } from '../../dist/lib/report/junit.js';

export const root = resolve(import.meta.dirname, '../..');
export const cli = resolve(root, 'dist/cli.js');

/** Words after the script's name: its own, and behind -- those for the program that it starts. zx and node both start it. */
export function words(script) {
  const all = process.argv.slice(process.argv.findIndex((arg) => arg.endsWith(script)) + 1);
  const split = all.indexOf('--') === -1 ? all.length : all.indexOf('--');
  return { own: all.slice(0, split), options: all.slice(split + 1) };
}

/** Ends the script as a command that was typed wrongly ends. */
export function usage(text) {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

/** The words without those that are none of the script's options; an option that it does not know is refused. @param flags options without a value */
export function positional(own, flags, text) {
  const unknown = own.find((word) => word.startsWith('-') && !flags.includes(word));
  if (unknown !== undefined) usage(`${unknown} is no option of this script.\n${text}`);
  return own.filter((word) => !flags.includes(word));
}

/** The one JSON document of a command; what stands for it when the command was ended before it wrote one. */
export function answer({ stdout, exitCode, signal }) {
  try {
    return JSON.parse(stdout);
  } catch {
    return { error: { code: 'bug', what: `build-kernel ended without an answer (${signal ? `killed by ${signal}` : `status ${String(exitCode)}`}).` } };
  }
}

/** JUnit XML. @param cases [{name, seconds, failure?: {message, text?}}] */
export function junit(suite, cases) {
  const outcome = (failure) => (failure === undefined ? {} : { outcome: { kind: 'failure', type: 'failure', message: failure.message, text: failure.text ?? '' } });
  return `${junitDocument(suite, [
    {
      name: suite,
      date: new Date().toISOString(),
      seconds: cases.reduce((sum, { seconds }) => sum + seconds, 0),
      properties: [],
      cases: cases.map(({ name, seconds, failure }) => ({ classname: suite, name, seconds, out: '', ...outcome(failure) })),
    },
  ])}\n`;
}

/** The line "ok/FAIL  NAME  N s" of a summary. */
export const line = (ok, name, seconds, rest = '') => `${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(20)} ${String(seconds).padStart(5)} s  ${rest}`.trimEnd();
