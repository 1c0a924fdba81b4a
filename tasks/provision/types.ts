/**
 * What the parts of provisioning hand to each other: data only.
 *
 *     gateway.yaml ─► spec ─► Gateway ─┐
 *     artifact ───────────────────────┼─► Desired ─► Plan ─► Bundle ─► engine on the host ─► checks ─► confirm
 *     target ─► HostFacts ────────────┘
 */

export type * from './types/gateway.js';
export type * from './types/facts.js';
export type * from './types/desired.js';
export type * from './types/plan.js';
export type * from './types/target.js';
