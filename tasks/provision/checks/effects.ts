import { shellQuote } from '../../lib/exec.js';
import type { Effect, Target } from '../types.js';
import { holds, inWords, seenInWords } from './expect.js';
import { ask, type Answer } from './frames.js';
import type { CheckResult } from './types.js';

/** Status by which a probe's wrapper says that the program it needs is not there; shells use 126 and up for their own. */
const MISSING = 69;

/**
 * Looks at what must be in effect, all in one round trip.
 * @returns a result for each effect, in their order; all `skip` on a folder, where nothing runs
 */
export async function checkEffects(target: Target, effects: readonly Effect[]): Promise<CheckResult[]> {
  if (target.kind === 'folder') return effects.map((effect) => result(effect, 'skip', 'nothing runs in a folder', ''));
  const answers = await ask(
    target,
    effects.map(({ probe, needs }) => ({ script: needs === undefined ? probe : `command -v ${shellQuote([needs])} >/dev/null 2>&1 || exit ${String(MISSING)}\n${probe}` })),
  );
  return effects.map((effect, index) => judge(effect, answers[index]));
}

/** What a plan shows: effects that do not hold, with what is seen. */
export async function drift(target: Target, effects: readonly Effect[]): Promise<{ effect: Effect; seen: string }[]> {
  const results = await checkEffects(target, effects);
  return effects.flatMap((effect, index) => {
    const one = results[index];
    return one && (one.status === 'fail' || one.status === 'error') ? [{ effect, seen: one.seen === '' ? (one.reason ?? '') : one.seen }] : [];
  });
}

function judge(effect: Effect, answer: Answer | undefined): CheckResult {
  if (!answer) return result(effect, 'error', 'no answer', '');
  if (effect.needs !== undefined && answer.status === MISSING && answer.stdout === '') return result(effect, 'skip', `the host has no ${effect.needs}`, '');
  if (answer.timedOut && answer.stdout === '') return result(effect, 'error', 'no end in time', '');
  if (holds(effect.expect, answer.stdout)) return result(effect, 'pass', undefined, answer.stdout.trim());
  // What a program said about its failure is the best explanation of an empty answer.
  const complaint = answer.stderr.trim();
  return result(effect, 'fail', complaint === '' ? undefined : complaint, seenInWords(effect.expect, answer.stdout));
}

function result(effect: Effect, status: CheckResult['status'], reason: string | undefined, seen: string): CheckResult {
  return { id: effect.id, part: effect.part, kind: 'effect', claim: effect.claim, status, expected: inWords(effect.expect), seen, ...(reason === undefined ? {} : { reason }) };
}
