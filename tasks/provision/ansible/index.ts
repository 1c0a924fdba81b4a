import { chmod, copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shellQuote } from '../../lib/exec.js';
import { remove, writeAtomic } from '../../lib/files.js';
import { parseAddress } from '../../lib/net/address.js';
import { packageRoot } from '../../lib/paths.js';
import { engineScript } from '../run/engine.js';
import type { Gateway } from '../types.js';
import { writeBundleScript } from './bundle-script.js';
import { checkScript } from './check-script.js';
import { inventory } from './inventory.js';
import type { PlannedHost } from './types.js';

export type { PlannedHost } from './types.js';

/**
 * The plans of several hosts as a playbook and its inventory. The folder is whole in itself: it needs Ansible and the
 * hosts' ssh, not build-kernel. A plan is for what a host had when it was made; the engine refuses when that changed.
 */

const TEMPLATES = join(packageRoot, 'templates', 'ansible');
const PROBE = join(packageRoot, 'templates', 'provision', 'probe');

const CONFIG = `# One host at a time, in the order of the inventory; host keys are checked.
[defaults]
inventory = inventory.yml
host_key_checking = True
retry_files_enabled = False
nocows = True

[ssh_connection]
pipelining = False
# sftp, scp or dd: whichever the host has.
transfer_method = smart
`;

/**
 * Writes the folder. It holds bundles, with secrets (VRRP passwords): mode 0700.
 * @param folder made when it is missing; what an earlier call wrote is replaced
 */
export async function writeAnsible(folder: string, hosts: readonly PlannedHost[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  await remove(join(folder, 'hosts'));
  for (const name of ['site.yml', 'rollback.yml', 'wait.sh']) await copyFile(join(TEMPLATES, name), join(folder, name));
  await mkdir(join(folder, 'probe'), { recursive: true });
  await copyFile(join(PROBE, 'client.sh'), join(folder, 'probe', 'client.sh'));
  await writeAtomic(join(folder, 'ansible.cfg'), CONFIG);
  const [unpack, functions, translated, engine] = await Promise.all([template('unpack.sh'), template('checks.sh'), template('translated.sh'), engineScript()]);
  for (const { gateway, desired, shown, bundle } of hosts) {
    const own = join(folder, 'hosts', gateway.host);
    await mkdir(own, { recursive: true, mode: 0o700 });
    await writeAtomic(join(own, 'plan.txt'), `${shown.trimEnd()}\n`, 0o600);
    await writeAtomic(join(own, 'checks.sh'), checkScript(desired, functions), 0o700);
    if (gateway.probe) await writeAtomic(join(own, 'translated.sh'), translatedScript(gateway, gateway.probe.connect.address, translated), 0o700);
    if (bundle) await writeBundleScript(join(own, 'bundle.run'), bundle, unpack, engine);
  }
  await writeAtomic(join(folder, 'inventory.yml'), inventory(hosts), 0o600);
}

function template(name: string): Promise<string> {
  return readFile(join(TEMPLATES, name), 'utf8');
}

/** An address as /proc/net/ip_vs_conn and /proc/net/nf_conntrack have it; IPv6 has all its digits in both. */
function inTables(address: string): { ipvs: string; conntrack: string } {
  const parsed = parseAddress(address);
  if (parsed?.family !== 6) return { ipvs: (parsed?.value ?? 0n).toString(16).toUpperCase().padStart(8, '0'), conntrack: address };
  const groups = (parsed.value.toString(16).padStart(32, '0').match(/.{4}/g) ?? []).join(':');
  return { ipvs: groups, conntrack: groups };
}

/** Looks for the probe's connection in the tables. */
export function translatedScript({ snat, ha }: Pick<Gateway, 'snat' | 'ha'>, server: string, functions: string): string {
  const there = inTables(server);
  const pool = [...new Set(snat.flatMap((rule) => rule.pool))].filter((address) => address.includes(':') === server.includes(':'));
  const shared = (ha?.instances ?? []).flatMap(({ addresses }) => addresses.map((address) => address.split('/')[0] ?? ''));
  return `#!/bin/sh
server=${shellQuote([there.conntrack])}
server_word=${there.ipvs}
pool='${pool.map((address) => `${inTables(address).ipvs}=${inTables(address).conntrack}=${address}`).join('\n')}'
shared='${shared.join(' ')}'
${functions}`;
}
