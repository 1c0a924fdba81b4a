import { randomBytes } from 'node:crypto';
import { ExpectedError } from '../../lib/errors.js';
import { shellQuote } from '../../lib/exec.js';
import type { Target } from '../types.js';

/**
 * Many questions to a host in one round trip: one script by standard input. Each answer comes back as hexadecimal
 * digits, so that no output, however odd, can look like the frame of another. Only sh and coreutils are used (head,
 * tail, od), as busybox has them too.
 */

export interface Question {
  /** Shell fragment; its own standard input is empty. */
  script: string;
  /** Bytes of output that are kept (default 16384). */
  most?: number;
}

export interface Answer {
  status: number;
  stdout: string;
  /** End of standard error. */
  stderr: string;
  /** It did not end in time. */
  timedOut: boolean;
}

export interface AskOptions {
  /** Shell functions and variables that fragments marked `shared` see. */
  prelude?: string;
  /** Seconds for one question (default 15), where the host has `timeout`. */
  limit?: number;
  /** Milliseconds for all (default two minutes). */
  timeout?: number;
}

/** Questions of one script: shells on old hosts take long ones badly, and a lost connection then costs only one part. */
const AT_ONCE = 400;

/** Status of `timeout` when it ended a program: coreutils 124; busybox 143 (SIGTERM), as does a -k of coreutils 137. */
const TIMED_OUT = new Set([124, 137, 143]);

/**
 * Asks a host.
 * @returns the answers, in the order of the questions
 * @throws ExpectedError network when the connection breaks or the answer is cut off
 */
export async function ask(target: Target, questions: readonly Question[], options: AskOptions = {}): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < questions.length; at += AT_ONCE) answers.push(...(await askPart(target, questions.slice(at, at + AT_ONCE), options)));
  return answers;
}

async function askPart(target: Target, questions: readonly Question[], options: AskOptions): Promise<Answer[]> {
  const nonce = randomBytes(8).toString('hex');
  const { stdout, stderr, exitCode } = await target.sh(script(nonce, questions, options), [], { timeout: options.timeout ?? 120_000, ok: [0, 1, 2, 126, 127, 141] });
  const answers = parse(nonce, stdout);
  if (answers.length === questions.length) return answers;
  throw new ExpectedError({
    code: 'network',
    what: `${target.name} answered ${String(answers.length)} of ${String(questions.length)} questions.`,
    why: [`exit status ${String(exitCode)}`, stderr.trim()].filter((line) => line !== '').join('\n'),
    fix: 'Run the same command again: it only looks.',
  });
}

function script(nonce: string, questions: readonly Question[], { prelude = '', limit = 15 }: AskOptions): string {
  return `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
if timeout 60 true 2>/dev/null; then limit='timeout ${String(limit)}'
elif timeout -t 60 true 2>/dev/null; then limit='timeout -t ${String(limit)}'
else limit=
fi
${HELD}
prelude=${quote(prelude)}
${questions.map(({ script: text, most = 16_384 }) => `held_${nonce} ${String(most)} ${quote(text)}`).join('\n')}
printf '%s end\\n' ${nonce}
`.replaceAll('NONCE', nonce);
}

/**
 * Output goes out as it comes (fd 4), standard error and, at its very end, the status are held back: two writers of one
 * pipe would mix.
 */
const HELD = `held_NONCE() {
  printf '%s\\n' NONCE
  { held=$( { { $limit sh -c "$prelude
$2" </dev/null 3>&- 4>&-; printf '\\n%s' "$?" >&2; } 2>&3 3>&- | head -c "$1" | od -An -v -tx1 >&4; } 3>&1 | tail -c 2000 | od -An -v -tx1 ); } 4>&1
  printf '%s\\n' "NONCE $held"
}`;

function quote(text: string): string {
  return text === '' ? "''" : shellQuote([text]);
}

function parse(nonce: string, text: string): Answer[] {
  // What a login script prints before ours, and a cut-off last answer, fall away.
  const parts = text.split(nonce).slice(1);
  const answers: Answer[] = [];
  for (let index = 0; index + 2 < parts.length; index += 2) {
    const stdout = bytes(parts[index]);
    const held = bytes(parts[index + 1]);
    const cut = held.lastIndexOf('\n');
    const status = Number(held.slice(cut + 1));
    answers.push({ status, stdout, stderr: held.slice(0, Math.max(cut, 0)), timedOut: TIMED_OUT.has(status) });
  }
  return answers;
}

function bytes(hex = ''): string {
  return Buffer.from(hex.replaceAll(/\s+/g, ''), 'hex').toString('utf8');
}
