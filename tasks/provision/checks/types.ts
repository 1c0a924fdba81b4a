/** What a look at a host hands to confirm, to the plan and to reports: plain data, the same in JSON. */

/**
 * - pass: it is as it must be
 * - fail: it is not
 * - skip: it cannot be looked at here; `reason` says why
 * - error: the look itself failed (no right to read, no end)
 */
export type CheckStatus = 'pass' | 'fail' | 'skip' | 'error';

export interface CheckResult {
  /** Stable name: "file /etc/sysctl.d/…", or an effect's id. */
  id: string;
  /** kernel, tools, network, tuning, rules, keepalived, firewall, boot, services, traffic */
  part: string;
  /** resource: a file, block, link or absence. effect: what is in effect. traffic: what the probe saw. */
  kind: 'resource' | 'effect' | 'traffic';
  /** What is claimed, for people. */
  claim: string;
  status: CheckStatus;
  expected: string;
  seen: string;
  reason?: string;
}

export interface HostReport {
  /** Name in gateway.yaml. */
  host: string;
  flavour: string;
  /** As the target calls itself: "gw1", "this host", "folder /srv/image". */
  target: string;
  /** Running kernel; undefined for a folder. */
  release?: string;
  /** ISO time at which it began. */
  date: string;
  seconds: number;
  checks: readonly CheckResult[];
}

/** True for what must be mended. */
export function isDrift(status: CheckStatus): boolean {
  return status === 'fail' || status === 'error';
}
