import type { Change, DesiredKernel, Gateway, HostFacts } from '../types.js';

export interface PreflightInput {
  gateway: Gateway;
  facts: HostFacts;
  kernel?: DesiredKernel;
  /** What will be written. */
  changes: readonly Change[];
}

/** Something that stands in the way (error), or that the operator should know (warning). */
export interface Finding {
  level: 'error' | 'warning';
  /** Stable name: driver eth0, space /boot, management. */
  id: string;
  what: string;
  fix?: string;
}
