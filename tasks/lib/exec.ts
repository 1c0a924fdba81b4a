import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { errno, ExpectedError, type ErrorCode } from './errors.js';
import type { StageLog } from './log.js';
import { endGroup, signalGroup } from './process-group.js';

/**
 * The only place that starts a process. Argument arrays, never a shell string;
 * each child leads a process group of its own so that Ctrl-C ends all of it.
 */

/** Environment variable that marks every process of this run, so that a later run can find orphans after kill -9. */
const RUN_MARK = 'BUILD_KERNEL_RUN';
export const runId = randomUUID();

export interface ExecOptions {
  cwd?: string;
  /** Added to the environment (undefined removes a variable). */
  env?: Record<string, string | undefined>;
  /** Start from an empty environment instead of this process's. */
  cleanEnv?: boolean;
  /** Text or bytes for standard input; without it standard input is empty, so nothing can prompt. */
  input?: string | Uint8Array;
  /** File that is standard input, in place of `input`. */
  inputFile?: string;
  /** 'inherit': the child talks to the terminal itself (menuconfig, an editor). Nothing is captured. */
  terminal?: boolean;
  log?: StageLog;
  /** Called with every line of output as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Called with output as it comes, unsplit: for programs that redraw a line with carriage returns. */
  onOutput?: (chunk: string, stream: 'stdout' | 'stderr') => void;
  /** File that gets standard output byte by byte (for what is not text); it is then not kept in memory. */
  stdoutFile?: string;
  /** Ends the process group when it fires; its reason is reported. */
  abort?: AbortSignal;
  /** Milliseconds before the process group is ended. */
  timeout?: number;
  /** Exit statuses that are results, not failures (default [0]). */
  ok?: number[];
  /** Do not keep output in memory (it is still logged and passed to onLine). */
  discard?: boolean;
  /** Runs also after a signal asked this run to stop: tidying up that needs a program. */
  tidying?: boolean;
  /** How a failure is reported. */
  fail?: { code: ErrorCode; what: string; fix?: string };
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const children = new Set<number>();
let stopping: NodeJS.Signals | undefined;

/** A command line that can be pasted into a shell. */
export function shellQuote(argv: readonly string[]): string {
  return argv.map((arg) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`)).join(' ');
}

function interruptedError(): ExpectedError {
  return new ExpectedError({
    code: 'interrupted',
    what: `Stopped by ${stopping ?? 'SIGINT'}.`,
    fix: 'Nothing is lost: run the same command again and it goes on with the stage that was cut off.',
  });
}

/** Throws when a signal asked this run to stop: long work that starts no process calls it now and then. */
export function checkInterrupted(): void {
  if (stopping) throw interruptedError();
}

/** Milliseconds after a signal: children that have not ended by themselves are ended; this process gives up; so it does in any case. */
const STOP = { kill: 3000, exit: 5000, cleared: 60_000 } as const;
let clearings = 0;

/** Removes what is half done: a run that was told to stop is not cut off in it (a second signal does that). */
export async function clearing(work: () => Promise<void>): Promise<void> {
  clearings += 1;
  try {
    await work();
  } finally {
    clearings -= 1;
  }
}

/** Makes SIGINT, SIGTERM and SIGHUP end every child's whole process group, then lets the pending command fail. */
export function installSignalHandlers(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const again = stopping !== undefined;
      stopping = signal;
      const kill = (): void => {
        for (const pid of children) signalGroup(pid, 'SIGKILL');
        endRun(runId);
      };
      if (again) {
        kill();
        process.exit(130);
      }
      for (const pid of children) signalGroup(pid, 'SIGTERM');
      // Children that ignore SIGTERM, and work that runs in this process, must not keep us.
      setTimeout(() => clearings === 0 && kill(), STOP.kill).unref();
      setTimeout(() => clearings === 0 && process.exit(130), STOP.exit).unref();
      setTimeout(() => process.exit(130), STOP.cleared).unref();
    });
  }
}

/** Processes of a run (by the mark in their environment), this process excluded. */
function processesOfRun(id: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      if (readFileSync(`/proc/${name}/environ`, 'latin1').includes(`${RUN_MARK}=${id}\0`)) found.push(Number(name));
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
  return found;
}

/** Ends what a run left behind (children of a run that was killed with -9, agents that left their group). */
export function endRun(id: string): number {
  let ended = 0;
  // A process can fork between the scan and the kill: scan again until none is found, a bounded number of times.
  for (let round = 0; round < 20; round += 1) {
    const pids = processesOfRun(id);
    if (pids.length === 0) break;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
        ended += 1;
      } catch {
        // Ended meanwhile.
      }
    }
  }
  return ended;
}

/** A user's PATH on Debian leaves out where mke2fs, sfdisk and depmod are; they work for everybody. */
function withSbin(path = ''): string {
  return [...new Set([...path.split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'])].filter((dir) => dir !== '').join(':');
}

/** The environment for a child: locale and mark set, so that messages parse and orphans are found. */
export function childEnv(options: Pick<ExecOptions, 'env' | 'cleanEnv'> = {}): Record<string, string> {
  const merged: Record<string, string | undefined> = {
    ...(options.cleanEnv ? { PATH: process.env['PATH'], HOME: process.env['HOME'] } : process.env),
    LC_ALL: 'C',
    LANG: 'C',
    TZ: 'UTC',
    [RUN_MARK]: runId,
    ...options.env,
  };
  merged['PATH'] = withSbin(merged['PATH']);
  // A job server or flags of an outer make would leak into ours.
  for (const name of ['MAKEFLAGS', 'MAKELEVEL', 'MFLAGS']) if (options.env?.[name] === undefined) merged[name] = undefined;
  return Object.fromEntries(Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Whether a system call failed for want of room: standard output that goes to a file is written by this process. */
const noSpace = (error: unknown): boolean => errno(error) === 'ENOSPC' || errno(error) === 'EDQUOT';

/**
 * Runs a program to its end.
 * @param argv program and arguments
 * @returns exit status and output (UTF-8, final newline stripped)
 * @throws ExpectedError `fail.code` (default `command`) with the command to copy, the status and the last lines;
 *   `environment` when the program is not installed; `interrupted` after a signal
 */
export async function run(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<ExecResult> {
  if (!options.tidying) checkInterrupted();
  const [file, ...args] = argv;
  const { log } = options;
  log?.line(`$ ${options.cwd ? `cd ${shellQuote([options.cwd])} && ` : ''}${shellQuote(argv)}`);
  const child = execa(file, args, {
    cwd: options.cwd,
    env: childEnv(options),
    extendEnv: false,
    detached: !options.terminal,
    reject: false,
    stripFinalNewline: true,
    buffer: { stdout: !options.discard && !options.terminal && options.stdoutFile === undefined, stderr: !options.discard && !options.terminal },
    timeout: options.timeout,
    killSignal: 'SIGKILL',
    maxBuffer: 512 * 1024 * 1024,
    ...(options.terminal
      ? { stdio: 'inherit' as const }
      : options.inputFile !== undefined
        ? { stdin: 'pipe' as const, inputFile: options.inputFile }
        : { stdin: options.input === undefined ? ('ignore' as const) : ('pipe' as const), input: options.input }),
    ...(options.stdoutFile === undefined ? {} : { stdout: { file: options.stdoutFile } }),
  });
  const { pid } = child;
  if (pid !== undefined && !options.terminal) children.add(pid);
  const onAbort = (): void => {
    if (pid !== undefined) signalGroup(pid, 'SIGKILL');
  };
  options.abort?.addEventListener('abort', onAbort, { once: true });
  // execa ends the leader only, and then waits for what holds its output.
  const late = options.timeout === undefined || options.terminal ? undefined : setTimeout(onAbort, options.timeout + 50);
  const tail: string[] = [];
  const watch = (stream: NodeJS.ReadableStream | null, name: 'stdout' | 'stderr'): void => {
    let rest = '';
    const emit = (line: string): void => {
      log?.line(line);
      options.onLine?.(line, name);
      tail.push(line);
      if (tail.length > 40) tail.shift();
    };
    stream?.setEncoding('utf8');
    stream?.on('data', (chunk: string) => {
      options.onOutput?.(chunk, name);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) emit(line);
    });
    stream?.on('end', () => {
      if (rest) emit(rest);
    });
  };
  if (log || options.onLine || options.onOutput || options.discard || options.stdoutFile !== undefined) {
    if (options.stdoutFile === undefined) watch(child.stdout, 'stdout');
    watch(child.stderr, 'stderr');
  }
  const result = await child;
  clearTimeout(late);
  options.abort?.removeEventListener('abort', onAbort);
  if (pid !== undefined) {
    children.delete(pid);
    // A timed-out or ended leader can leave members of its group.
    if (result.timedOut || stopping || options.abort?.aborted) await endGroup(pid);
  }
  if (!options.tidying) checkInterrupted();
  const stdout = typeof result.stdout === 'string' ? result.stdout : '';
  const stderr = typeof result.stderr === 'string' ? result.stderr : '';
  if (result.exitCode !== undefined && (options.ok ?? [0]).includes(result.exitCode)) {
    return { exitCode: result.exitCode, stdout, stderr };
  }
  if (result.code === 'ENOENT' && result.exitCode === undefined) {
    throw new ExpectedError({
      code: 'environment',
      what: `${file} is not installed (or the folder ${options.cwd ?? '.'} is gone).`,
      why: `command: ${shellQuote(argv)}`,
      fix: 'build-kernel doctor --for kernel tools package verify image test says which package has it; --install installs it.',
    });
  }
  const ended = result.timedOut
    ? `no end after ${String((options.timeout ?? 0) / 1000)} s`
    : options.abort?.aborted
      ? String(options.abort.reason)
      : result.signal
      ? `killed by ${result.signal}`
      : `exit status ${String(result.exitCode)}`;
  const last = tail.length > 0 ? tail : `${stdout}\n${stderr}`.split('\n').filter((line) => line !== '');
  const shown = last.slice(-12).join('\n');
  // tar notices a short write before the disk says that it is full.
  const fullDisk = /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/.test(last.join('\n')) || noSpace(result.cause);
  throw new ExpectedError({
    code: fullDisk ? 'space' : (options.fail?.code ?? 'command'),
    what: fullDisk ? `No space left on device while running ${file}.` : (options.fail?.what ?? `${file} failed.`),
    why: `command: ${options.cwd ? `cd ${shellQuote([options.cwd])} && ` : ''}${shellQuote(argv)}\n${ended}\n${shown}`,
    fix: fullDisk
      ? 'Free some space (build-kernel cache --prune, build-kernel clean) or name other folders with --work, --out and --cache; then run the same command again.'
      : options.fail?.fix,
    log: log?.path,
  });
}

/** True when a program is on the PATH. */
export async function hasProgram(name: string): Promise<boolean> {
  const { exitCode } = await run(['sh', '-c', 'command -v "$1"', 'sh', name], { ok: [0, 1, 127] });
  return exitCode === 0;
}
