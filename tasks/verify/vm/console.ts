import type { Fault } from '../types.js';

/** Reads a guest's console: what its kernel says when it breaks, told apart, with the trace. */

/** In order of weight: a panic that follows an oops is reported as the oops that caused it. */
const SIGNS: readonly { kind: Fault['kind']; pattern: RegExp }[] = [
  { kind: 'kasan', pattern: /BUG: KASAN: |BUG: KFENCE: / },
  // The headlines of lib/locking: all of lockdep's are WARNING (INFO before 4.12), with nothing but words after it.
  {
    kind: 'lockdep',
    pattern: /(?:WARNING|\[ INFO): (?:possible (?:circular|recursive|irq lock)|inconsistent lock|suspicious RCU|bad (?:unlock|contention) balance|held lock freed|lock held when returning|Nested lock was|Invalid wait context|\w+-safe -> \w+-unsafe)|\[ BUG: Invalid wait context|INFO: trying to register non-static key|DEBUG_LOCKS_WARN_ON|BUG: MAX_LOCK|BUG: workqueue leaked lock/,
  },
  { kind: 'soft-lockup', pattern: /BUG: soft lockup|rcu_sched(?:_state)? (?:self-)?detected stall|rcu: INFO: rcu_\w+ (?:self-)?detected stall|NMI watchdog: Watchdog detected hard LOCKUP|INFO: task .* blocked for more than/ },
  { kind: 'oops', pattern: /BUG: unable to handle (?:kernel|page)|^.*Oops: |general protection fault|divide error: |invalid opcode: / },
  { kind: 'init', pattern: /Kernel panic - not syncing: (?:Attempted to kill init|No init found|No working init)/ },
  { kind: 'panic', pattern: /Kernel panic - not syncing/ },
  // What is left of BUG: spinlocks, sleeping where nothing may sleep, bad pages.
  { kind: 'bug', pattern: /kernel BUG at |\bBUG: / },
  // A device that a dying namespace does not get rid of is a reference that somebody forgot.
  { kind: 'warning', pattern: /^WARNING: (?:CPU: \d+ PID: \d+ )?at |unregister_netdevice: waiting for / },
];

const STAMP = /^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? ?/;
/** Lines of a trace that are worth keeping. */
const TRACE_LINES = 60;

/** A line without its time stamp and control characters. */
export function plainLine(line: string): string {
   
  return line.replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1bc/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '').replace(STAMP, '');
}

/**
 * The first thing that went wrong, by the text of a console.
 * @returns undefined when nothing did
 */
export function findFault(lines: readonly string[]): Pick<Fault, 'kind' | 'what' | 'trace'> | undefined {
  const plain = lines.map(plainLine);
  for (const [index, line] of plain.entries()) {
    const sign = SIGNS.find(({ pattern }) => pattern.test(line));
    if (!sign) continue;
    const trace = plain.slice(index, index + TRACE_LINES);
    const end = trace.findIndex((each) => /---\[ end /.test(each));
    return { kind: sign.kind, what: line.trim(), trace: end < 0 ? trace : trace.slice(0, end + 1) };
  }
  return undefined;
}
