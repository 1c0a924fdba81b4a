import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openArtifact, type ArtifactTree } from '../../lib/artifact.js';
import { ExpectedError } from '../../lib/errors.js';
import { remove } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { runStages } from '../../lib/ui/stages.js';
import { prepare } from '../commands/prepare.js';
import { isDone, planDocument, showPlan } from '../plan/index.js';
import { refuseUnfit } from '../preflight/index.js';
import { ownRun, writeBundle } from '../run/index.js';
import { loadSpec, type LoadedSpec } from '../spec/load.js';
import { chooseHosts, openHost } from '../target/open.js';
import { inOrder } from './inventory.js';
import { writeAnsible, type PlannedHost } from './index.js';

/** `build-kernel provision gateway.yaml --ansible DIR`: the plans of all hosts as a playbook. The hosts are looked at and not changed. */

export interface AnsibleOptions {
  /** Folder that is written. */
  folder: string;
  /** Hosts of gateway.yaml; empty: all. */
  hosts: readonly string[];
  /** Artifact folder, in place of the one gateway.yaml means. */
  artifact?: string;
}

export function toAnsibleOptions(parsed: Record<string, unknown>): AnsibleOptions {
  for (const other of ['local', 'folder', 'plan']) {
    if (parsed[other] !== undefined && parsed[other] !== false) throw new ExpectedError({ code: 'usage', what: `--ansible and --${other} exclude each other.` });
  }
  return {
    folder: String(parsed['ansible']),
    hosts: typeof parsed['host'] === 'string' ? [parsed['host']] : [],
    ...(typeof parsed['artifact'] === 'string' ? { artifact: resolve(parsed['artifact']) } : {}),
  };
}

/** @throws ExpectedError usage, network; preflight when a host cannot become this gateway (nothing is written then) */
export async function provisionAnsible(io: Io, file: string, options: AnsibleOptions): Promise<void> {
  const spec = await loadSpec(file);
  const hosts = chooseHosts(spec, { hosts: options.hosts, local: false });
  for (const warning of spec.warnings) io.say(`warning: ${warning}`);
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  const planned: PlannedHost[] = [];
  try {
    const found: { artifact?: ArtifactTree } = {};
    await runStages(
      [
        {
          title: 'read the artifact',
          run: async () => {
            found.artifact = await openArtifact(options.artifact ?? spec.gateway(hosts[0] ?? '').artifact, join(scratch, 'artifact'));
          },
        },
        ...hosts.map((host) => ({
          title: `look at ${host}`,
          run: async (p: { progress(text: string): void }): Promise<void> => {
            if (!found.artifact) throw new Error('no artifact was read');
            planned.push(await planHost(spec, host, found.artifact, join(scratch, host), scratch, (text) => {
              p.progress(text);
            }));
          },
        })),
        { title: 'write the playbook', run: () => writeAnsible(resolve(options.folder), planned) },
      ],
      { json: io.json, verbose: io.verbose },
    );
  } finally {
    await remove(scratch);
  }
  const ordered = inOrder(planned);
  io.result({ folder: resolve(options.folder), hosts: ordered.map(({ plan }) => planDocument(plan)) });
  for (const { gateway, plan } of ordered) {
    io.print(isDone(plan) ? `${gateway.host}: nothing to change` : `${gateway.host}: ${String(plan.changes.length)} changes, ${plan.reboot ? 'with a reboot' : 'no reboot'} (hosts/${gateway.host}/plan.txt)`);
  }
  io.print(`The playbook for ${ordered.map(({ gateway }) => gateway.host).join(', then ')} is in ${resolve(options.folder)}:\n  cd ${resolve(options.folder)} && ansible-playbook site.yml --check    (then without --check)`);
}

async function planHost(spec: LoadedSpec, host: string, artifact: ArtifactTree, folder: string, scratch: string, say: (text: string) => void): Promise<PlannedHost> {
  const gateway = spec.gateway(host);
  const target = openHost(spec, host, { local: false });
  try {
    const { plan: made, desired, boot, findings } = await prepare(target, gateway, artifact, [], say, scratch);
    const plan = await ownRun(target, made);
    if (!isDone(plan)) refuseUnfit(host, findings);
    const { stdout } = await target.sh('printf "%s" "${SUDO_USER:-}"');
    const bundle =
      plan.changes.length === 0
        ? undefined
        : await writeBundle({ plan, boot, activate: desired.activate, deactivate: desired.deactivate, restored: desired.restored, confirmMinutes: gateway.confirmMinutes }, folder);
    return { gateway, ssh: spec.ssh(host), become: stdout !== '', plan, shown: showPlan(plan), desired, ...(bundle ? { bundle } : {}) };
  } finally {
    await target.close();
  }
}
