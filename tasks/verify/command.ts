import { mkdtemp } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXIT_STATUS, ExpectedError } from '../lib/errors.js';
import { exists, remove } from '../lib/files.js';
import { fetchContext, type FetchOptions } from '../lib/fetch/for-run.js';
import { fetchSource } from '../lib/fetch/index.js';
import { loadFlavour } from '../lib/flavours/catalog.js';
import type { Io } from '../lib/io.js';
import { StageLog } from '../lib/log.js';
import { IMAGE_MANIFEST } from '../lib/image-manifest.js';
import { MANIFEST_NAME } from '../lib/manifest.js';
import { defaultCacheDir } from '../lib/paths.js';
import { runStages, type StageProgress } from '../lib/ui/stages.js';
import { flavourOf, systemFromArtifact } from './guest/artifact.js';
import { systemFromDistribution, type DistroInput } from './guest/distro.js';
import { isOldKernel } from '../lib/kernel-release.js';
import type { GuestSystem } from './guest/system.js';
import { ensureUserland, type Userland } from './guest/userland.js';
import { systemFromAppliance } from './image/appliance.js';
import type { VerifyOptions } from './options.js';
import { isFailure, renderTable, toDocument, writeReports } from './report/index.js';
import { runScenarios } from './run.js';
import type { Subject } from './scenarios/context.js';
import { selectScenarios } from './select.js';
import type { VerifyReport } from './types.js';
import { chooseAccelerator, findQemu, type Qemu } from './vm/qemu.js';

/** `build-kernel verify`: boots what was built, passes traffic through it, reports. */

export interface WhatToVerify {
  /** Flavour or artifact folder. */
  name: string;
  /** Add-ons in the artifact's name. */
  with: readonly string[];
  /** Folder of artifacts. */
  out: string;
  /** The distribution's own kernel in place of the artifact's. */
  distro: boolean;
}

/** What is needed before the first guest starts. */
export interface Prepared {
  system: GuestSystem;
  subject: Subject;
  broken: Readonly<Record<string, string>>;
  userland: Userland;
  qemu: Qemu;
  topology: 'netns' | 'vms';
}

/** Finds the artifact that a name means. @throws ExpectedError usage */
async function artifactFolder({ name, with: addons, out }: WhatToVerify): Promise<string> {
  if (await exists(join(name, MANIFEST_NAME))) return resolve(name);
  const built = join(out, [name, ...addons].join('+'));
  if (await exists(join(built, MANIFEST_NAME))) return resolve(built);
  if (!name.includes('/') && !name.includes('+')) await loadFlavour(name);
  throw new ExpectedError({
    code: 'usage',
    what: `There is no artifact of ${[name, ...addons].join('+')} in ${out}.`,
    fix: `Build it first: build-kernel ${[name.split('+')[0] ?? name, ...addons.map((addon) => `--with ${addon}`)].join(' ')}; or name an artifact folder, or use --distro.`,
  });
}

/** What is tested, and what of its build decides which scenarios apply. */
interface Found {
  system: GuestSystem;
  flavour: string;
  addons: readonly string[];
  debug: boolean;
  programs: Subject['programs'];
}

async function find(what: WhatToVerify, scratch: string, traffic: string, input: DistroInput): Promise<Found> {
  const programsIn = async (system: GuestSystem): Promise<Subject['programs']> => {
    const there = await Promise.all((['keepalived', 'iptables'] as const).map(async (program) => ((await exists(join(system.root, 'usr/sbin', program))) || (await exists(join(system.root, 'sbin', program))) ? [program] : [])));
    return there.flat();
  };
  if (what.distro) {
    const system = await systemFromDistribution(scratch, input);
    return { system, flavour: what.name, addons: [], debug: false, programs: await programsIn(system) };
  }
  if (await exists(join(what.name, IMAGE_MANIFEST))) return { ...(await systemFromAppliance(what.name, traffic, scratch, input.log)), debug: false };
  const { system, manifest } = await systemFromArtifact(await artifactFolder(what), scratch, input);
  return { system, flavour: flavourOf(manifest), addons: manifest.addons, debug: manifest.options['debugIpvs'] === true, programs: await programsIn(system) };
}

async function subjectOf({ system, flavour: flavourName, addons: names, debug, programs }: Found): Promise<{ subject: Subject; broken: Record<string, string> }> {
  const flavour = await loadFlavour(flavourName);
  const language = flavour.language?.name;
  if (language === undefined || language === 'chroute') {
    throw new ExpectedError({ code: 'usage', what: `The flavour ${flavourName} names no language that a gateway can be configured in.`, fix: 'Add `language:` to its data file.' });
  }
  const addons = await Promise.all(names.map((name) => loadFlavour(name)));
  return {
    broken: Object.assign({}, flavour.broken, ...addons.map((addon) => addon.broken)) as Record<string, string>,
    subject: { name: system.subject, language, addons: names, release: system.release, debug, programs },
  };
}

/** Everything up to the first guest, as stages. */
export function preparation(
  what: WhatToVerify,
  options: Pick<VerifyOptions, 'topology' | 'accel' | 'append' | 'memory'>,
  fetchOptions: FetchOptions,
  scratch: string,
  log: StageLog,
  done: (prepared: Prepared) => void,
): { title: string; run: (p: StageProgress) => Promise<void> }[] {
  return [
    {
      title: 'prepare the guests',
      run: async (p) => {
        // A mistyped name must not cost the minute that the guests' programs take.
        if (what.distro) await loadFlavour(what.name);
        else if (!(await exists(join(what.name, IMAGE_MANIFEST)))) await artifactFolder(what);
        const installed = await findQemu(options.topology ?? 'netns');
        const context = fetchContext(fetchOptions, { log, progress: p }, () => undefined);
        const cacheDir = resolve(fetchOptions.cache || defaultCacheDir());
        const fetch = (source: Parameters<typeof fetchSource>[0]): ReturnType<typeof fetchSource> => fetchSource(source, context);
        const input = {
          fetch,
          cacheDir,
          log,
          progress: (text: string): void => {
            p.progress(text);
          },
        };
        const userland = await ensureUserland({
          cacheDir,
          fetch,
          jobs: cpus().length,
          log,
          progress: (text) => {
            p.progress(text);
          },
        });
        const found = await find(what, scratch, userland.traffic, input);
        const { subject, broken } = await subjectOf(found);
        const topology = options.topology ?? (isOldKernel(found.system.release) ? 'vms' : 'netns');
        await findQemu(topology);
        const qemu = await chooseAccelerator(installed, found.system.cpu.kvm, options.accel);
        if (qemu.noKvm !== undefined) log.line(`no KVM: ${qemu.noKvm}`);
        p.note(`${found.system.release} with QEMU ${qemu.version}, ${qemu.accelerator === 'kvm' ? 'KVM' : 'emulated'}`);
        done({ system: { ...found.system, memory: options.memory ?? found.system.memory, append: `${found.system.append} ${options.append}`.trim() }, subject, broken, userland, qemu, topology });
      },
    },
  ];
}

/** Runs scenarios on one subject and writes the reports. */
export async function verify(io: Io, what: WhatToVerify, options: VerifyOptions, fetchOptions: FetchOptions): Promise<void> {
  const chosen = selectScenarios(options.scenarios, options.slow);
  const name = what.distro ? `${what.name}-distro` : what.name.split('/').filter(Boolean).pop() ?? what.name;
  const folder = resolve(options.report, [name, ...what.with].join('+'));
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  await remove(folder);
  const log = new StageLog(join(folder, 'verify.log'));
  let prepared: Prepared | undefined;
  let report: VerifyReport | undefined;
  try {
    await runStages(
      [
        ...preparation(what, options, fetchOptions, scratch, log, (ready) => {
          prepared = ready;
        }),
        {
          title: 'run the scenarios',
          run: async (p) => {
            if (!prepared) throw new Error('nothing was prepared');
            const { system, subject, broken, userland, qemu, topology } = prepared;
            report = await runScenarios({
              system,
              subject,
              broken,
              userland,
              qemu,
              topology,
              nic: options.nic,
              bootTimeout: options.bootTimeout,
              cpus: options.cpus,
              scenarios: chosen,
              folder,
              log,
              progress: (text) => {
                p.progress(text);
              },
              note: (text) => {
                p.note(text);
              },
            });
          },
        },
      ],
      { json: io.json, verbose: io.verbose },
    );
  } finally {
    log.close();
    await remove(scratch);
  }
  if (!report) throw new Error('no report was made');
  await writeReports(folder, report, options.formats);
  io.result(toDocument(report));
  io.print(renderTable(report, { colour: process.stdout.isTTY, width: process.stdout.columns }));
  io.print(`Reports, console logs and captures: ${folder}`);
  if (report.scenarios.some(({ status }) => isFailure(status))) process.exitCode = EXIT_STATUS.verify;
}
