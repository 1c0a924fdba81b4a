import type { Fault, Status } from './types.js';

/** Weighs what was seen of a scenario against what the flavour's data says of it. */

export interface Seen {
  /** Every check was right, and there was one. */
  held: boolean;
  /** Why not. */
  why?: string;
  /** What a kernel said when it broke. */
  fault?: Fault;
}

export function describeFault({ kind, what }: Pick<Fault, 'kind' | 'what'>): string {
  return `${kind}: ${what}`;
}

/**
 * @param documented why the flavour's data says that the claim does not hold; undefined: it says nothing of it
 * @returns a kernel that breaks is a failure whatever the data says: a documented limit must not hide a crash
 */
export function judge({ held, why, fault }: Seen, documented: string | undefined): { status: Status; reason?: string } {
  if (fault) return { status: 'fail', reason: describeFault(fault) };
  if (documented === undefined) return held ? { status: 'pass' } : { status: 'fail', ...(why === undefined ? {} : { reason: why }) };
  if (held) return { status: 'unexpected', reason: `it holds, although the flavour's data says: ${documented}` };
  return { status: 'broken', reason: documented };
}
