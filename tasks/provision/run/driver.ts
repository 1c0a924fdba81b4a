import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../../lib/errors.js';
import type { Target } from '../types.js';
import { ENGINE, STATUS } from './engine.js';

/** Asking the engine on a host. Every command may be given again: it goes on where it was. */

export type RunState = 'staged' | 'applying' | 'applied' | 'trial' | 'tried' | 'confirmed' | 'reverting' | 'reverted' | 'unknown';

export interface EngineStatus {
  /** Who is at work on the host now. */
  lock?: { pid: number; who: string };
  /** The run that is in effect, and the one that is on its way. */
  current?: string;
  pending?: string;
  runs: Readonly<Record<string, RunState>>;
  /** Run whose kernel runs. */
  kernelOf?: string;
  /** Seconds until the run that is tried is taken back. */
  secondsLeft?: number;
}

const STATES: readonly string[] = ['staged', 'applying', 'applied', 'trial', 'tried', 'confirmed', 'reverting', 'reverted'];

function toState(word: string | undefined): RunState {
  return STATES.includes(word ?? '') ? (word as RunState) : 'unknown';
}

/** What `engine status` prints. */
export function parseStatus(text: string): EngineStatus {
  const status: { -readonly [K in keyof EngineStatus]: EngineStatus[K] } = { runs: {} };
  const runs: Record<string, RunState> = {};
  for (const line of text.split('\n')) {
    const [key, first = '', second] = line.split(' ');
    if (key === 'lock') status.lock = { pid: Number(first), who: second ?? '' };
    if (key === 'current') status.current = first;
    if (key === 'pending') status.pending = first;
    if (key === 'run') runs[first] = toState(second);
    if (key === 'runs-kernel') status.kernelOf = first;
    if (key === 'seconds-left') status.secondsLeft = Number(second);
  }
  return { ...status, runs };
}

/** State of the engine on a host; undefined when there was never one. */
export async function status(target: Target): Promise<EngineStatus | undefined> {
  const { exitCode, stdout } = await target.sh(`[ -f "$ROOT${ENGINE}" ] || exit 9\nsh "$ROOT${ENGINE}" status`, [], { ok: [0, 9] });
  return exitCode === 9 ? undefined : parseStatus(stdout);
}

const who = (): string => {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return `uid-${String(process.getuid?.() ?? '')}@${hostname()}`;
  }
};

function failure(target: Target, command: string, exitCode: number, said: string): ExpectedError {
  const why = said.trim() === '' ? `status ${String(exitCode)}` : said.trim();
  const of = (code: ConstructorParameters<typeof ExpectedError>[0]['code'], what: string, fix?: string): ExpectedError => new ExpectedError({ code, what, why, fix });
  switch (exitCode) {
    case STATUS.busy:
      return of('busy', `${target.name} is being changed by somebody else.`, 'Wait for them; build-kernel status shows what is on its way.');
    case STATUS.changed:
      return of('provision', `${target.name} was changed since the plan was made.`, 'Run the same command again: it makes a new plan.');
    case STATUS.refused:
      return of('provision', `${target.name} cannot be changed: nothing was.`);
    case STATUS.space:
      return of('space', `No room on ${target.name}, or it cannot be written to.`, 'Free some space there, then run the same command again.');
    case STATUS.state:
      return of('provision', `${target.name} is not in the state for this (${command}).`, 'build-kernel status shows which run is on its way; rollback takes it back.');
    default:
      return of('provision', `${command} failed on ${target.name}.`);
  }
}

export type EngineCommand = 'stage' | 'apply' | 'activate' | 'trial' | 'confirm' | 'revert';

/**
 * Runs an engine command.
 * @param seconds patience with a run of the same plan that is still at work there (a connection that was cut off)
 * @returns what it said
 * @throws ExpectedError busy, space, provision as the engine says; network when the connection breaks
 */
export async function engine(target: Target, command: EngineCommand, id: string, seconds = 600): Promise<string> {
  const script = `WHO=$1 sh "$ROOT${ENGINE}" "$2" "$3" 2>&1`;
  for (let waited = 0; ; waited += 5) {
    const { exitCode, stdout } = await target.sh(script, [who(), command, id], { ok: Array.from({ length: 256 }, (_, at) => at), timeout: 3_600_000 });
    if (exitCode === 0) return stdout;
    const cutOff = exitCode === STATUS.busy && waited < seconds && stdout.includes(`(${who().replaceAll(/[^A-Za-z0-9.@:_]/g, '_')})`);
    if (!cutOff) throw failure(target, command, exitCode, stdout);
    await sleep(5000);
  }
}

/** Reboots the host; returns when it was asked to, not when it has. */
export async function reboot(target: Target): Promise<void> {
  await target.sh(`sh "$ROOT${ENGINE}" reboot`);
}

/** Boot-once and the reboot in one command: a connection that breaks in between leaves either none or both. */
export async function trialReboot(target: Target, id: string): Promise<void> {
  const script = `WHO=$1 sh "$ROOT${ENGINE}" trial "$2" 2>&1 && sh "$ROOT${ENGINE}" reboot`;
  const { exitCode, stdout } = await target.sh(script, [who(), id], { ok: Array.from({ length: 256 }, (_, at) => at) });
  if (exitCode !== 0) throw failure(target, 'trial', exitCode, stdout);
}
