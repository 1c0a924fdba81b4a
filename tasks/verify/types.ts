/** What a run of verify hands to its reports: plain data, the same in JSON. */

/**
 * - pass: the claim holds
 * - fail: it does not
 * - broken: it does not, as the flavour's data says it would (upstream's own bug or limit)
 * - unexpected: it holds although the flavour's data says that it would not: the data must be mended
 * - skip: it does not apply here; `reason` says why
 * - error: it could not be tried (QEMU failed, a tool is missing)
 */
export type Status = 'pass' | 'fail' | 'broken' | 'unexpected' | 'skip' | 'error';

/** One command that was run. */
export interface Step {
  /** Where: client, gateway, server, … */
  node: string;
  /** As it would be typed. */
  command: string;
  /** Exit status, or "signal 11", "timeout". */
  ended: string;
  /** Standard output and error, cut to a readable length. */
  output: string;
  /** Guest seconds since boot at its start, and how long it took. */
  at: number;
  took: number;
}

/** One thing that was looked at. */
export interface Check {
  what: string;
  expected: string;
  seen: string;
  ok: boolean;
}

/** What went wrong with a guest's kernel, told apart. */
export interface Fault {
  kind: 'panic' | 'oops' | 'bug' | 'kasan' | 'lockdep' | 'warning' | 'soft-lockup' | 'hang' | 'no-boot' | 'exit' | 'init';
  node: string;
  /** The line that says it. */
  what: string;
  /** Its trace, as the console has it. */
  trace: string[];
  /** Path of the console's log. */
  log: string;
}

/** Packets of a scenario on one segment. */
export interface Capture {
  segment: string;
  /** Path of the .pcap, below the report's folder. */
  file: string;
  packets: number;
  /** First lines, as a packet sniffer would print them. */
  lines: string[];
}

export interface ScenarioResult {
  name: string;
  /** What is claimed, in one sentence. */
  claim: string;
  status: Status;
  /** Why, for everything but a pass. */
  reason?: string;
  steps: Step[];
  checks: Check[];
  captures: Capture[];
  fault?: Fault;
  /** Seconds of this machine's clock. */
  seconds: number;
}

/** A node of the drawn topology. */
export interface DrawnNode {
  name: string;
  role: 'client' | 'gateway' | 'server';
  interfaces: { name: string; segment: string; addresses: string[] }[];
}

export interface VerifyReport {
  /** dsnat-220 or dsnat-220+chroute; a distribution's kernel: debian-12. */
  subject: string;
  /** Kernel release. */
  release: string;
  /** Artifact folder, or the package of a distribution's kernel. */
  source: string;
  /** ISO time the run began. */
  date: string;
  accelerator: 'kvm' | 'tcg';
  qemu: string;
  topology: 'netns' | 'vms';
  nic: string;
  /** Seconds: `boot` from QEMU's start to the agent's first word, `firstPacket` to the first packet seen by the server. */
  times: { boot: number; firstPacket?: number; total: number };
  nodes: DrawnNode[];
  scenarios: ScenarioResult[];
  /** Folder with console logs, captures and this report. */
  folder: string;
}
