import type { VerifyReport } from '../types.js';
import { countStatuses } from './words.js';

/** The report as one JSON document: each scenario with its name, claim, status and, under `evidence`, all that was seen. */
export function toDocument(report: VerifyReport): unknown {
  const { scenarios, ...rest } = report;
  return {
    ...rest,
    counts: countStatuses(scenarios),
    scenarios: scenarios.map(({ name, claim, status, reason, seconds, checks, steps, captures, fault }) => ({
      name,
      claim,
      status,
      ...(reason === undefined ? {} : { reason }),
      seconds,
      evidence: { checks, steps, captures, ...(fault ? { fault } : {}) },
    })),
  };
}
