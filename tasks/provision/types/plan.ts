import type { DesiredKernel, Effect } from './desired.js';

/** One change of a path on the host. */
export interface Change {
  path: string;
  kind: 'file' | 'link' | 'absent';
  action: 'create' | 'change' | 'remove';
  part: string;
  why: string;
  /** file: permission bits. */
  mode?: number;
  content?: string | { source: string; sha256: string; size: number };
  /** link */
  to?: string;
  /** State the plan was made for: sha256 of a file, "link TARGET", "absent". The engine refuses when it is another by then. */
  before: string;
  /** State after: likewise. */
  after: string;
  /** Text before, for the diff; undefined for binary, large or secret files. */
  was?: string;
  secret?: boolean;
  /** As FileResource.trial; `content` and `after` are what confirm makes of it. */
  trial?: string;
}

export interface Plan {
  host: string;
  /** Identity of this plan and name of its run: digest of all changes and effects; a number behind when that run is over. */
  id: string;
  changes: readonly Change[];
  /** Effects that do not hold now, with what is seen. */
  drift: readonly { effect: Effect; seen: string }[];
  kernel?: DesiredKernel & { /** The running one is it already. */ running: boolean };
  reboot: boolean;
  /** What happens when the new kernel hangs; with a kernel that is tried. */
  hang?: string;
  interrupts: readonly string[];
  warnings: readonly string[];
}
