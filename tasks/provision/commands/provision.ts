import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openArtifact, type ArtifactTree } from '../../lib/artifact.js';
import { ExpectedError } from '../../lib/errors.js';
import { remove } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { askYes } from '../../lib/ui/ask.js';
import { runStages, type StageProgress } from '../../lib/ui/stages.js';
import { confirmChecks, isDrift, probeClientAway, type CheckResult } from '../checks/index.js';
import { isDone, planDocument, showPlan } from '../plan/index.js';
import { refuseUnfit } from '../preflight/index.js';
import { carryOut, ownRun, settleTrial, status as engineStatus, takeBack, writeBundle } from '../run/index.js';
import { loadSpec } from '../spec/load.js';
import type { Gateway, Target } from '../types.js';
import { chooseHost, openTarget } from './open.js';
import type { ProvisionOptions } from './options.js';
import { prepare, type Prepared } from './prepare.js';
import { bringIntoEffect, catchUp, inWords, onItsWay, type OnItsWay } from './resume.js';

/** `build-kernel provision gateway.yaml --host gw1`: look, plan, show, ask; then apply, try, check, keep, or go back. */

type Outcome = 'nothing to change' | 'shown' | 'declined' | 'provisioned' | 'brought into effect';

interface Session {
  io: Io;
  /** gateway.yaml as it was named. */
  file: string;
  name: string;
  gateway: Gateway;
  target: Target;
  options: ProvisionOptions;
  scratch: string;
  /** What the host is in the middle of, for whoever interrupts us. */
  at: string;
}

/**
 * @param file gateway.yaml
 * @throws ExpectedError usage, preflight (nothing was changed), provision (the host went back), network, busy, interrupted
 */
export async function provision(io: Io, file: string, options: ProvisionOptions): Promise<void> {
  const spec = await loadSpec(file);
  const name = chooseHost(spec, options);
  const written = spec.gateway(name);
  const gateway: Gateway = {
    ...written,
    ...(options.artifact === undefined ? {} : { artifact: resolve(options.artifact) }),
    ...(options.confirmMinutes === undefined ? {} : { confirmMinutes: options.confirmMinutes }),
  };
  for (const warning of spec.warnings) io.say(`warning: ${warning}`);
  const target = openTarget(name, spec.ssh(name), options);
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  const session: Session = { io, file, name, gateway, target, options, scratch, at: 'nothing was changed' };
  try {
    await work(session);
  } catch (error) {
    throw whereItStands(session, error);
  } finally {
    await target.close();
    await remove(scratch);
  }
}

async function work(session: Session): Promise<void> {
  const { io, name, gateway, target, options, scratch } = session;
  let artifact: ArtifactTree | undefined;
  let prepared: Prepared | undefined;
  let pending: OnItsWay | undefined;
  const warnings: string[] = [];
  await stages(session, [
    ['read the artifact', async () => (artifact = await openArtifact(gateway.artifact, join(scratch, 'artifact')))],
    [
      `look at ${name}`,
      async (p) => {
        pending = await onItsWay(target);
        const away = target.kind === 'folder' ? undefined : await probeClientAway(gateway);
        if (away !== undefined) warnings.push(`The probe's client cannot be asked now: ${away} Unless that is mended by the time of the checks, nothing is kept.`);
        prepared = await look(session, artifact!, warnings, (text) => {
          p.progress(text);
        });
      },
    ],
  ]);
  let now = prepared!;
  if (pending) {
    io.print(`Run ${pending.id} ${inWords(pending)} on ${name}.`);
    if (options.planOnly) return finish(session, now, 'shown', { pending: { run: pending.id, state: pending.state } });
    if (!(await agree(session, 'Go on with it, or take it back when it is not what is wanted now?'))) return finish(session, now, 'declined');
    const going = pending;
    let kept = false;
    await stages(session, [[`go on with run ${going.id}`, async () => (kept = await catchUp(target, going, now.desired))]]);
    if (kept) {
      session.at = onTrial(going.journal.minutes || gateway.confirmMinutes);
      await stages(session, [[`try run ${going.id}`, (p) => bringIntoEffect(target, going, options.bootTimeout, (text) => { p.progress(text); })]]);
      const checks = await checkAndKeep(session, now, going.id, going.journal.reboot);
      return finish(session, now, 'provisioned', { run: going.id, checks });
    }
    await stages(session, [[`look at ${name} again`, async (p) => (now = await look(session, artifact!, warnings, (text) => { p.progress(text); }))]]);
  }
  if (!isDone(now.plan) || now.findings.some(({ level }) => level === 'error')) {
    io.print(showPlan(now.plan));
    refuseUnfit(name, now.findings);
  }
  if (isDone(now.plan)) return finish(session, now, 'nothing to change');
  if (options.planOnly) return finish(session, now, 'shown');
  if (now.plan.reboot && options.noReboot) {
    throw new ExpectedError({ code: 'preflight', what: `${name} would have to reboot, and --no-reboot says no.`, fix: 'Nothing was changed. Leave --no-reboot out when a reboot suits.' });
  }
  if (!(await agree(session, `Change ${name}?`))) return finish(session, now, 'declined');
  if (now.plan.changes.length === 0 && !now.plan.reboot) {
    // The files are those of a confirmed run: nothing that could be taken back is changed.
    await stages(session, [['bring it into effect', async () => { await target.sh(now.desired.activate); }]]);
    const checks = await check(session, now);
    if (checks.some(({ status }) => isDrift(status))) throw notHolding(name, checks, 'Files are as planned; see what keeps it from taking effect.');
    return finish(session, now, 'brought into effect', { checks });
  }
  const checks = await change(session, now);
  return finish(session, now, 'provisioned', { run: now.plan.id, checks });
}

/** What the host is and its plan, with a run of its own. */
async function look({ gateway, target, scratch }: Session, artifact: ArtifactTree, warnings: readonly string[], say: (text: string) => void): Promise<Prepared> {
  const prepared = await prepare(target, gateway, artifact, warnings, say, scratch);
  return { ...prepared, plan: await ownRun(target, prepared.plan) };
}

/** Uploads, applies and tries a plan; keeps it when its checks hold. */
async function change(session: Session, now: Prepared): Promise<CheckResult[]> {
  const { name, gateway, target, options, scratch } = session;
  const { plan, desired, boot } = now;
  const bundle = await writeBundle({ plan, boot, activate: desired.activate, deactivate: desired.deactivate, restored: desired.restored, confirmMinutes: gateway.confirmMinutes }, join(scratch, 'bundle'));
  const result: { outcome?: Awaited<ReturnType<typeof carryOut>> } = {};
  await stages(session, [
    [
      `change ${name}`,
      async (p) => {
        result.outcome = await carryOut(target, bundle, {
          bootSeconds: options.bootTimeout,
          onStep: (step) => {
            if (step === 'apply') session.at = 'its files are being written; a reboot takes them back, the same command goes on';
            if (step === 'activate' || step === 'reboot') session.at = onTrial(gateway.confirmMinutes);
            p.progress({ upload: 'sending', apply: 'writing files', activate: 'bringing it into effect', reboot: 'the host reboots' }[step]);
          },
          onProgress: ({ done, total }) => {
            p.progress(`sending, ${mb(done)} of ${mb(total)} MB`);
          },
        });
      },
    ],
  ]);
  if (result.outcome === 'confirmed') return [];
  return checkAndKeep(session, now, bundle.id, bundle.reboot);
}

async function check({ gateway, target, options, io, name }: Session, now: Prepared, over?: () => Promise<boolean>): Promise<CheckResult[]> {
  let checks: CheckResult[] = [];
  await stages({ io }, [
    [
      `check ${name}`,
      async (p) => {
        checks = await confirmChecks(target, now.desired, { gateway, patience: options.settle, progress: (text) => { p.progress(text); }, ...(over ? { over } : {}) });
        p.note(`${String(checks.filter(({ status }) => status === 'pass').length)} of ${String(checks.length)} checks hold`);
      },
    ],
  ]);
  return checks;
}

/** @throws ExpectedError provision when the checks do not hold: the host was then taken back */
async function checkAndKeep(session: Session, now: Prepared, id: string, reboot: boolean): Promise<CheckResult[]> {
  const { name, target, options } = session;
  const over = async (): Promise<boolean> => (await engineStatus(target))?.runs[id] !== 'tried';
  const checks = await check(session, now, over);
  if (checks.some(({ status }) => isDrift(status)) && (await over())) {
    session.at = 'it is what it was before';
    throw new ExpectedError({
      code: 'provision',
      what: `${name} did not become the gateway: it took run ${id} back by itself before all checks held.`,
      why: 'It booted again, or its time to be confirmed was over.',
      fix: `Its log says why: /var/lib/build-kernel/runs/${id}/log there. More time: --confirm-minutes.`,
    });
  }
  if (!checks.some(({ status }) => isDrift(status))) {
    await stages(session, [['keep it', () => settleTrial(target, id)]]);
    session.at = 'it is provisioned and confirmed';
    return checks;
  }
  await stages(session, [
    [
      `take run ${id} back`,
      async (p) => {
        if (!(await takeBack(target, id, reboot))) return;
        p.progress('the host reboots');
        await target.waitUp(options.bootTimeout);
      },
    ],
  ]);
  session.at = 'it is what it was before';
  throw notHolding(name, checks, `${name} has been taken back. Its log: /var/lib/build-kernel/runs/${id}/log there.`);
}

function notHolding(name: string, checks: readonly CheckResult[], fix: string): ExpectedError {
  const open = checks.filter(({ status }) => isDrift(status));
  return new ExpectedError({
    code: 'provision',
    what: `${name} did not become the gateway: ${String(open.length)} of ${String(checks.length)} checks do not hold.`,
    why: open.slice(0, 20).map(({ id, expected, seen, reason }) => `- ${id}: ${expected}; seen: ${seen === '' ? (reason ?? '') : seen}`).join('\n'),
    fix,
  });
}

const onTrial = (minutes: number): string => `it is on trial and goes back by itself within ${String(minutes)} minutes unless the same command, given again, confirms it`;
const mb = (bytes: number): string => (bytes / 1_000_000).toFixed(1);

function agree({ io, name, options }: Session, question: string): Promise<boolean> {
  return askYes(question, { yes: options.yes, json: io.json, what: `${name} would be changed` });
}

async function stages({ io }: Pick<Session, 'io'>, list: readonly (readonly [string, (p: StageProgress) => Promise<unknown>])[]): Promise<void> {
  await runStages(
    list.map(([title, run]) => ({
      title,
      run: async (p) => {
        await run(p);
      },
    })),
    { json: io.json, verbose: io.verbose },
  );
}

function finish({ io, file, name, options }: Session, { plan, findings }: Prepared, outcome: Outcome, more: Record<string, unknown> = {}): void {
  io.result({ ...planDocument(plan), findings, outcome, ...more });
  const back = options.folder !== undefined && options.host === undefined ? `--folder ${options.folder}` : options.local ? '--local' : `--host ${name}`;
  const words: Record<Outcome, string> = {
    'nothing to change': `${name} is this gateway: nothing to change.`,
    shown: 'Nothing was changed.',
    declined: 'Nothing was changed.',
    provisioned: `${name} is provisioned${plan.reboot ? ', runs what it was given and boots it from now on' : ''}. Back to what it was: build-kernel rollback ${file} ${back}`,
    'brought into effect': `${name} had the files; they are in effect again.`,
  };
  io.print(words[outcome]);
}

/** What an interruption leaves behind is part of the message. */
function whereItStands({ name, at }: Session, error: unknown): unknown {
  if (!(error instanceof ExpectedError) || !['interrupted', 'network'].includes(error.code) || at === 'nothing was changed') return error;
  return new ExpectedError({ code: error.code, what: error.what, why: `${error.why === undefined ? '' : `${error.why}\n`}${name}: ${at}`, fix: 'Run the same command again to go on, or build-kernel rollback to go back.', cause: error });
}
