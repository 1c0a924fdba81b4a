import { mkdtemp } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkInterrupted } from '../../lib/exec.js';
import { fetchContext, type FetchOptions } from '../../lib/fetch/for-run.js';
import { fetchSource } from '../../lib/fetch/index.js';
import { remove } from '../../lib/files.js';
import { StageLog } from '../../lib/log.js';
import { defaultCacheDir } from '../../lib/paths.js';
import { systemFromArtifact } from '../guest/artifact.js';
import { makeInitramfs } from '../guest/initramfs.js';
import type { GuestSystem } from '../guest/system.js';
import { ensureUserland } from '../guest/userland.js';
import { GuestFault, Lab } from '../lab/lab.js';
import { drawn, type TopologyNode } from '../lab/topology.js';
import { isFailure, writeReports } from '../report/index.js';
import { Context, ScenarioFailure, type Scenario, type Subject } from '../scenarios/context.js';
import type { ScenarioResult, VerifyReport } from '../types.js';
import type { MachineSpec } from '../vm/machine.js';
import { chooseAccelerator, findQemu, type Qemu } from '../vm/qemu.js';
import { copyWithAgent } from './disk-agent.js';
import { imageNodes, type ImageNetwork } from './nodes.js';
import { OVERLAY_APPEND, OVERLAY_GATEWAY, overlayInitramfs } from './overlay.js';
import { imageScenarios, type ImageClaims } from './scenarios.js';

export type { HostCheck, ImageClaims } from './scenarios.js';
export type { ImageNetwork } from './nodes.js';

/** Boots a finished image between a client and the outside, and looks whether it is the gateway that it was made to be. */

export interface ImageUnderTest {
  kind: 'disk' | 'appliance';
  path: string;
  format?: 'raw' | 'qcow2';
  /** disk: UEFI starts it too. */
  uefi?: boolean;
  kernel?: string;
  initramfs?: string;
  append: string;
}

export interface VerifyImageInput {
  image: ImageUnderTest;
  /** Artifact folder: what client and server boot, and the kernel's needs. */
  artifact: string;
  subject: Omit<Subject, 'programs' | 'debug' | 'release'>;
  network: ImageNetwork;
  claims: ImageClaims;
  /** Folder of the report. */
  report: string;
  /** Seconds a guest may take: a whole distribution, emulated, needs minutes. */
  bootTimeout: number;
  fetchOptions: FetchOptions;
  note: (text: string) => void;
}

interface Boot {
  /** For the report: appliance, BIOS, UEFI. */
  how: string;
  machine: Partial<MachineSpec>;
}

async function boots(input: VerifyImageInput, traffic: string, nodes: readonly TopologyNode[], scratch: string, log: StageLog): Promise<Boot[]> {
  const { image } = input;
  if (image.kind === 'appliance') {
    const initramfs = await overlayInitramfs(image.initramfs ?? '', traffic, scratch, log);
    return [{ how: 'kernel and initramfs', machine: { kernel: image.kernel ?? '', initramfs, append: `${image.append} ${OVERLAY_APPEND} ${OVERLAY_GATEWAY}` } }];
  }
  const raw = await copyWithAgent({ path: image.path, format: image.format ?? 'raw' }, traffic, nodes, join(scratch, 'disk'), log);
  const firmwares = image.uefi === true ? (['bios', 'uefi'] as const) : (['bios'] as const);
  return firmwares.map((firmware) => ({ how: firmware.toUpperCase(), machine: { disk: { file: raw, format: 'raw', firmware }, memory: 1024 } }));
}

async function one(context: Context, scenario: Scenario, folder: string, how: string): Promise<ScenarioResult> {
  const began = Date.now();
  const name = `${scenario.name}-${how.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
  const result: ScenarioResult = { name, claim: `${scenario.claim} (${how})`, status: 'pass', steps: [], checks: [], captures: [], seconds: 0 };
  let why: string | undefined;
  try {
    await context.begin();
    await scenario.run(context);
  } catch (error) {
    checkInterrupted();
    if (error instanceof GuestFault) result.fault = error.fault;
    else if (!(error instanceof ScenarioFailure)) throw error;
    why = error.message;
  }
  await context.end().catch(() => undefined);
  result.steps = context.steps;
  result.checks = context.checks;
  result.captures = await context.keepCaptures(folder, name);
  const wrong = context.checks.filter(({ ok }) => !ok);
  why ??= wrong.length > 0 ? wrong.map(({ what, expected, seen }) => `${what}: ${seen} instead of ${expected}`).join('; ') : undefined;
  if (why !== undefined) Object.assign(result, { status: 'fail', reason: why });
  result.seconds = (Date.now() - began) / 1000;
  return result;
}

async function bootAndTry(input: VerifyImageInput, boot: Boot, parts: { system: GuestSystem; initramfs: string; qemu: Qemu; nodes: readonly TopologyNode[]; unconnected: readonly string[]; folder: string; sockets: string; subject: Subject }): Promise<{ results: ScenarioResult[]; seconds: number }> {
  const { system, initramfs, qemu, nodes, folder, sockets, subject } = parts;
  const lab = new Lab({
    system,
    initramfs,
    qemu,
    topology: 'vms',
    nodes: 'gateway',
    nic: 'virtio-net',
    bootTimeout: input.bootTimeout,
    folder: join(folder, boot.how.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')),
    sockets,
    image: { nodes, machine: boot.machine, unconnected: parts.unconnected.length },
  });
  const results: ScenarioResult[] = [];
  try {
    await lab.start();
    for (const scenario of imageScenarios(input.claims)) results.push(await one(new Context(lab, subject), scenario, folder, boot.how));
  } catch (error) {
    checkInterrupted();
    if (!(error instanceof GuestFault)) throw error;
    results.push({ name: `image-boot-${boot.how.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`, claim: `The image boots (${boot.how}).`, status: 'fail', reason: error.message, fault: error.fault, steps: [], checks: [], captures: [], seconds: 0 });
  } finally {
    await lab.stop();
  }
  return { results, seconds: lab.bootSeconds };
}

/**
 * @returns the report, written to `report` too
 * @throws ExpectedError verify (it cannot be tried), environment, package
 */
export async function verifyImage(input: VerifyImageInput): Promise<{ report: VerifyReport; holds: boolean }> {
  const folder = resolve(input.report);
  await remove(folder);
  const log = new StageLog(join(folder, 'verify.log'));
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  const began = Date.now();
  try {
    const cacheDir = resolve(input.fetchOptions.cache || defaultCacheDir());
    const context = fetchContext(input.fetchOptions, { log, progress: { note: input.note, progress: () => undefined } }, () => undefined);
    const fetch = (source: Parameters<typeof fetchSource>[0]): ReturnType<typeof fetchSource> => fetchSource(source, context);
    const { system, manifest } = await systemFromArtifact(input.artifact, join(scratch, 'system'), { fetch, cacheDir, log, progress: () => undefined });
    const qemu = await chooseAccelerator(await findQemu('vms'), system.cpu.kvm);
    const userland = await ensureUserland({ cacheDir, fetch, jobs: cpus().length, log });
    const { nodes, unconnected } = imageNodes(input.network);
    const initramfs = await makeInitramfs({ system, userland, nic: 'virtio-net', folder: join(scratch, 'guests'), log });
    const subject: Subject = { ...input.subject, release: manifest.release, debug: false, programs: [] };
    const results: ScenarioResult[] = [];
    let boot = 0;
    for (const each of await boots(input, userland.traffic, nodes, scratch, log)) {
      const tried = await bootAndTry(input, each, { system, initramfs, qemu, nodes, unconnected, folder, sockets: join(scratch, 's'), subject });
      results.push(...tried.results);
      boot ||= tried.seconds;
    }
    const report: VerifyReport = {
      subject: input.subject.name,
      release: manifest.release,
      source: input.image.path,
      date: new Date(began).toISOString(),
      accelerator: qemu.accelerator,
      qemu: qemu.version,
      topology: 'vms',
      nic: 'virtio-net',
      times: { boot, total: (Date.now() - began) / 1000 },
      nodes: drawn(nodes),
      scenarios: results,
      folder,
    };
    await writeReports(folder, report);
    return { report, holds: results.length > 0 && !results.some(({ status }) => isFailure(status)) };
  } finally {
    log.close();
    await remove(scratch);
  }
}
