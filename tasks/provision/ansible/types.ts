import type { Bundle } from '../run/index.js';
import type { Desired, Gateway, Plan, SshAccess } from '../types.js';

/** A host whose plan is made, as the playbook needs it. */
export interface PlannedHost {
  gateway: Gateway;
  ssh: SshAccess;
  /** ssh does not log in as root there: sudo is needed. */
  become: boolean;
  plan: Plan;
  /** The plan as it was shown. */
  shown: string;
  desired: Pick<Desired, 'resources' | 'effects'>;
  /** undefined: nothing to change. */
  bundle?: Bundle;
}
