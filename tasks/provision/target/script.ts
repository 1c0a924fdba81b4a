import { randomBytes } from 'node:crypto';
import { ExpectedError } from '../../lib/errors.js';

/**
 * How a script goes to a host: by standard input, whole. `sh` reads a subshell's whole text before it runs any of it, so
 * a script that a broken connection cut short is a syntax error and does nothing; and a reply without its last line is
 * known to be cut short. Command lines stay short: dropbear takes none over 9,000 bytes.
 */

export interface Wrapped {
  text: string;
  /** First word of the reply's last line. */
  mark: string;
}

/** A value as one word of a shell, whatever is in it. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/**
 * @param args the script's $1, $2 …
 * @param root value of $ROOT, the prefix of every path
 */
export function wrapScript(script: string, args: readonly string[] = [], root = ''): Wrapped {
  const mark = `end-${randomBytes(8).toString('hex')}`;
  const text = [
    // Programs of a host's administration are outside the path that sshd gives; messages are read, so no language.
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH',
    'LC_ALL=C; export LC_ALL; unset LANG LANGUAGE; umask 022',
    `ROOT=${quote(root)}; export ROOT`,
    '(',
    `set -- ${args.map(quote).join(' ')}`,
    script,
    ') </dev/null',
    `printf '\\n%s %s\\n' ${mark} "$?"`,
    '',
  ].join('\n');
  return { text, mark };
}

/**
 * Takes the last line off a reply.
 * @returns undefined when it is not there: the connection, or the shell, ended early
 */
export function unwrap(reply: Buffer, mark: string): { output: Buffer; exitCode: number } | undefined {
  const at = reply.lastIndexOf(`\n${mark} `);
  if (at === -1) return undefined;
  const status = /^\d+/.exec(reply.subarray(at + mark.length + 2).toString('latin1'));
  return status === null ? undefined : { output: reply.subarray(0, at), exitCode: Number(status[0]) };
}

/** The failure of a script whose status is none that was expected. */
export function scriptFailed(name: string, exitCode: number, stdout: string, stderr: string): ExpectedError {
  const said = (stderr.trim() === '' ? stdout : stderr).trimEnd().split('\n').slice(-12).join('\n');
  return new ExpectedError({ code: 'provision', what: `A step on ${name} failed with status ${String(exitCode)}.`, why: said === '' ? undefined : said });
}

export interface ShOptions {
  /** Milliseconds. */
  timeout?: number;
  input?: undefined;
  /** Statuses that are results, not failures (default [0]). */
  ok?: number[];
}

export interface ShResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Checks the status against `ok`, text in place of bytes, no final newline. */
export function toResult(name: string, output: Buffer, exitCode: number, stderr: string, options: ShOptions | undefined): ShResult {
  const stdout = output.toString('utf8').replace(/\n$/, '');
  if (!(options?.ok ?? [0]).includes(exitCode)) throw scriptFailed(name, exitCode, stdout, stderr);
  return { exitCode, stdout, stderr };
}
