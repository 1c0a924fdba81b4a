import { resolve } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import type { LoadedSpec } from '../spec/load.js';
import type { Target } from '../types.js';
import { localTarget } from './local.js';
import { SshTarget } from './ssh.js';

/** Hosts of gateway.yaml that a command is for. */
export interface WhichHosts {
  /** Named with --host; empty: all that the file names. */
  hosts: readonly string[];
  /** This host itself, as the one host that is named. */
  local: boolean;
  /** ssh's configuration file and private key, in place of what gateway.yaml says. */
  sshConfig?: string;
  identity?: string;
}

/**
 * Names of the hosts a command is for.
 * @throws ExpectedError usage when neither the file nor the command line names one, or one that the file does not know
 */
export function chooseHosts(spec: Pick<LoadedSpec, 'hosts' | 'gateway' | 'path'>, { hosts, local }: WhichHosts): string[] {
  const chosen = [...new Set(hosts.length > 0 ? hosts : spec.hosts)];
  if (chosen.length === 0) throw new ExpectedError({ code: 'usage', what: `${spec.path} names no host.`, fix: 'Name one: --host NAME.' });
  if (local && chosen.length > 1) throw new ExpectedError({ code: 'usage', what: `This host can be one of ${chosen.join(', ')} only.`, fix: 'Say which: --host NAME.' });
  // Every name is looked up before anything is done on the first.
  for (const host of chosen) spec.gateway(host);
  return chosen;
}

/** The host of a name: this one, or the one that ssh reaches. Connects at the first use; the caller closes it. */
export function openHost(spec: Pick<LoadedSpec, 'ssh'>, host: string, { local, sshConfig, identity }: Omit<WhichHosts, 'hosts'>): Target {
  if (local) return localTarget();
  return new SshTarget({ ...spec.ssh(host), name: host, ...(sshConfig === undefined ? {} : { config: resolve(sshConfig) }), ...(identity === undefined ? {} : { identity: resolve(identity) }) });
}

/** The options as commander parsed them. */
export function toWhichHosts(parsed: Record<string, unknown>): WhichHosts {
  const text = (key: string): string | undefined => (typeof parsed[key] === 'string' ? parsed[key] : undefined);
  return { hosts: (parsed['host'] as string[] | undefined) ?? [], local: parsed['local'] === true, sshConfig: text('sshConfig'), identity: text('identity') };
}
