import { ExpectedError } from '../../lib/errors.js';
import { SshTarget } from '../target/ssh.js';
import type { Gateway, Target } from '../types.js';
import { ask } from './frames.js';
import { checkTraffic } from './traffic.js';
import type { CheckResult } from './types.js';

/**
 * Tries the probe of gateway.yaml, once.
 * @returns nothing for a gateway without SNAT; a `skip` without a probe, and on a VRRP backup, where no traffic goes
 */
export async function trafficOf(target: Target, gateway: Pick<Gateway, 'probe' | 'snat' | 'ha'>): Promise<CheckResult[]> {
  const { probe, snat } = gateway;
  if (snat.length === 0) return [];
  const unprobed = await checkTraffic(target, undefined);
  if (!probe || target.kind === 'folder') return [unprobed];
  if (await isBackup(target, gateway)) return [{ ...unprobed, reason: 'VRRP backup: traffic goes through the master' }];
  const client = new SshTarget({ ...probe.client, name: probe.client.destination });
  try {
    return [await checkTraffic(target, { client, connect: probe.connect, pool: snat.flatMap(({ pool }) => pool) })];
  } finally {
    await client.close();
  }
}

/**
 * What keeps the probe's client from being asked now; a client that is only reached through the gateway may be away still.
 * @returns nothing when it answers, or when there is none
 */
export async function probeClientAway({ probe }: Pick<Gateway, 'probe'>): Promise<string | undefined> {
  if (!probe) return undefined;
  const client = new SshTarget({ ...probe.client, name: probe.client.destination });
  try {
    await client.sh('true', [], { timeout: 30_000 });
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code === 'interrupted') throw error;
    return error.what;
  } finally {
    await client.close();
  }
}

/** True when VRRP has none of its addresses on this host. */
async function isBackup(target: Target, { ha }: Pick<Gateway, 'ha'>): Promise<boolean> {
  const shared = ha?.instances.flatMap(({ addresses }) => addresses.map((address) => address.split('/')[0] ?? '')) ?? [];
  if (shared.length === 0) return false;
  const [answer] = await ask(target, [{ script: 'ip -o addr show', most: 1024 * 1024 }]);
  const held = new Set([...(answer?.stdout ?? '').matchAll(/\binet6? ([0-9a-fA-F.:]+)/g)].map((match) => match[1] ?? ''));
  return !shared.some((address) => held.has(address));
}
