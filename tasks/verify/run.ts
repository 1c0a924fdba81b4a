import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../lib/errors.js';
import { checkInterrupted } from '../lib/exec.js';
import { remove } from '../lib/files.js';
import { CannotSay } from '../lib/gateway/spec.js';
import type { StageLog } from '../lib/log.js';
import { makeInitramfs, type Nic } from './guest/initramfs.js';
import type { GuestSystem } from './guest/system.js';
import type { Userland } from './guest/userland.js';
import { GuestFault, Lab } from './lab/lab.js';
import { resetNodes } from './lab/reset.js';
import { drawn, TOPOLOGIES, type TopologyName } from './lab/topology.js';
import { Context, NotApplicable, ScenarioFailure, type Scenario, type Subject } from './scenarios/context.js';
import { describeFault, judge } from './judge.js';
import type { Fault, ScenarioResult, Status, VerifyReport } from './types.js';
import type { Qemu } from './vm/qemu.js';

/** Takes a system through scenarios and says what became of each. */

export interface RunInput {
  system: GuestSystem;
  subject: Subject;
  userland: Userland;
  qemu: Qemu;
  topology: 'netns' | 'vms';
  nic: Nic;
  /** Seconds a guest may take to come up. */
  bootTimeout: number;
  /** Processors of a guest. */
  cpus: number;
  /** Scenarios in order; each with the reason why it is left out, if it is. */
  scenarios: readonly { scenario: Scenario; skip?: string }[];
  /** Scenario name to why it is known not to hold. */
  broken: Readonly<Record<string, string>>;
  /** Gets console logs and captures. */
  folder: string;
  log?: StageLog;
  progress: (text: string) => void;
  note: (text: string) => void;
}

function blank(scenario: Pick<Scenario, 'name' | 'claim'>, status: Status, reason?: string): ScenarioResult {
  return { name: scenario.name, claim: scenario.claim, status, ...(reason === undefined ? {} : { reason }), steps: [], checks: [], captures: [], seconds: 0 };
}

class Run {
  private lab: Lab | undefined;
  private boots = 0;
  readonly results: ScenarioResult[] = [];
  boot = 0;
  /** Why the system does not come up at all. */
  bootFault: Fault | undefined;
  firstPacket: number | undefined;

  constructor(
    private readonly input: RunInput,
    private readonly initramfs: string,
    private readonly sockets: string,
  ) {}

  /** A running lab with these nodes; the one that runs if it has them. */
  private async labFor(nodes: TopologyName): Promise<Lab> {
    if (this.lab?.options.nodes === nodes) return this.lab;
    await this.stop();
    const { system, qemu, topology, nic, folder, bootTimeout, cpus } = this.input;
    this.boots += 1;
    const lab = new Lab({ system, initramfs: this.initramfs, qemu, topology, nodes, nic, bootTimeout, cpus, folder: join(folder, `boot-${String(this.boots)}`), sockets: this.sockets });
    this.lab = lab;
    const began = Date.now();
    try {
      await lab.start();
    } catch (error) {
      if (error instanceof GuestFault && this.boot === 0) this.bootFault = error.fault;
      throw error;
    }
    if (this.boots === 1) {
      this.boot = lab.bootSeconds;
      const ping = await lab.node('client').exec(['traffic', 'ping', '192.168.40.1']);
      if (ping.ok) this.firstPacket = (Date.now() - began) / 1000;
    }
    return lab;
  }

  async stop(): Promise<void> {
    const { lab } = this;
    this.lab = undefined;
    await lab?.stop();
  }

  async one(scenario: Scenario): Promise<void> {
    const { broken, subject, folder } = this.input;
    const began = Date.now();
    const result = blank(scenario, 'pass');
    let held = true;
    let why: string | undefined;
    let context: Context | undefined;
    try {
      const lab = await this.labFor(scenario.nodes ?? 'gateway');
      context = new Context(lab, subject);
      await context.begin();
      await scenario.run(context);
    } catch (error) {
      checkInterrupted();
      held = false;
      if (error instanceof GuestFault) result.fault = error.fault;
      else if (error instanceof ScenarioFailure) why = error.message;
      else if (error instanceof CannotSay || error instanceof NotApplicable) {
        this.results.push(blank(scenario, 'skip', error.message));
        return;
      } else throw error;
    }
    try {
      await context?.end();
      if (held) await context?.clearQuietly();
    } catch (error) {
      checkInterrupted();
      if (!(error instanceof GuestFault)) throw error;
      result.fault ??= error.fault;
    }
    // A kernel can break beside what was asked of it.
    const fault = result.fault ?? (context ? this.lab?.fault() : undefined);
    if (fault) result.fault = fault;
    if (context) {
      result.steps = context.steps;
      result.checks = context.checks;
      result.captures = await context.keepCaptures(folder, scenario.name);
      const wrong = context.checks.filter(({ ok }) => !ok);
      if (wrong.length > 0) {
        held = false;
        why ??= wrong.map(({ what, expected, seen }) => `${what}: ${seen} instead of ${expected}`).join('; ');
      } else if (held && context.checks.length === 0) {
        held = false;
        why = 'nothing was looked at';
      }
    }
    Object.assign(result, judge({ held, why, fault }, broken[scenario.name]));
    result.seconds = (Date.now() - began) / 1000;
    this.results.push(result);
    await this.reset(scenario);
  }

  /** Brings the lab back to where it began, by booting it anew when nothing else does. */
  private async reset(scenario: Scenario): Promise<void> {
    const { lab } = this;
    if (!lab) return;
    if (lab.fault() || scenario.nodes === 'pair') {
      await this.stop();
      return;
    }
    try {
      const left = await resetNodes(lab);
      if (left === undefined) return;
      this.input.note(`after ${scenario.name}: ${left}; the guests are booted anew`);
    } catch (error) {
      checkInterrupted();
      if (!(error instanceof GuestFault)) throw error;
      this.input.note(`taking the configuration of ${scenario.name} away: ${describeFault(error.fault)}; the guests are booted anew`);
    }
    await this.stop();
  }
}

/**
 * Boots the system and runs the scenarios.
 * @throws ExpectedError what is no result: QEMU missing, disk full, interrupted
 */
export async function runScenarios(input: RunInput): Promise<VerifyReport> {
  const { system, qemu, topology, nic, folder, log } = input;
  const began = Date.now();
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  let run: Run | undefined;
  try {
    const initramfs = system.initramfs ?? (await makeInitramfs({ system, userland: input.userland, nic, folder: scratch, log }));
    run = new Run(input, initramfs, join(scratch, 's'));
    for (const [index, { scenario, skip }] of input.scenarios.entries()) {
      const reason = skip ?? scenario.notFor?.(input.subject) ?? (scenario.nodes === 'pair' && topology === 'netns' ? 'two gateways need --topology vms' : undefined);
      if (reason !== undefined) run.results.push(blank(scenario, 'skip', reason));
      // A kernel that does not come up fails its first scenario; the others could not be tried.
      else if (run.bootFault) run.results.push(blank(scenario, 'error', 'the kernel does not boot'));
      else {
        input.progress(`${scenario.name}, ${String(index + 1)} of ${String(input.scenarios.length)}`);
        await run.one(scenario);
      }
    }
  } finally {
    await run?.stop();
    await remove(scratch);
  }
  if (run.results.length === 0) throw new ExpectedError({ code: 'usage', what: 'No scenario is left to run.', fix: 'Leave out --scenario, or name another.' });
  return {
    subject: input.subject.name,
    release: system.release,
    source: system.source,
    date: new Date(began).toISOString(),
    accelerator: qemu.accelerator,
    qemu: qemu.version,
    topology,
    nic,
    times: { boot: run.boot, ...(run.firstPacket === undefined ? {} : { firstPacket: run.firstPacket }), total: (Date.now() - began) / 1000 },
    nodes: drawn(TOPOLOGIES.gateway),
    scenarios: run.results,
    folder,
  };
}
