import type { Fault, VerifyReport } from '../../../../tasks/verify/types.js';
import { STATUSES, check, report, scenario, step } from './report-sample.js';

export const HOSTILE = `<b a="1" c='2'>&amp; ]]> \x1b[31mred\x1b[0m \x1b \x00 \x9b \uD800 \uFFFE | # TODO \\ %\r\n  ...\nBail out!\n1..9\nnot ok 7`;
export const fault: Fault = { kind: 'oops', node: 'gateway', what: 'BUG: unable to handle kernel NULL pointer dereference', trace: [HOSTILE], log: `/srv/reports/a?b#c/${HOSTILE}` };

/** Hostile text in every field that a guest or a flavour's data can fill. */
export function hostileReport(): VerifyReport {
  const scenarios = STATUSES.map((status) =>
    scenario(`${status} ${HOSTILE}`, status, {
      claim: HOSTILE,
      reason: HOSTILE,
      steps: [step({ node: HOSTILE, command: HOSTILE, output: HOSTILE, ended: HOSTILE })],
      checks: [check({ what: HOSTILE, expected: HOSTILE, seen: HOSTILE, ok: false })],
      captures: [{ segment: HOSTILE, file: `javascript:${HOSTILE}`, packets: 2, lines: [HOSTILE] }],
      fault,
    }),
  );
  const nodes = [{ name: HOSTILE, role: 'gateway' as const, interfaces: [{ name: HOSTILE, segment: HOSTILE, addresses: [HOSTILE] }] }];
  return report(scenarios, { subject: HOSTILE, release: HOSTILE, source: HOSTILE, nic: HOSTILE, qemu: HOSTILE, date: HOSTILE, nodes });
}

/** Nothing in it moves a cursor, rings a bell or cannot be encoded. */
export const UNPRINTABLE = /[\0-\x08\x0B-\x1F\x7F-\x9F\uFFFE\uFFFF]|\p{Surrogate}/u;
