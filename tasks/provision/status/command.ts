import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_STATUS, ExpectedError } from '../../lib/errors.js';
import { checkInterrupted } from '../../lib/exec.js';
import type { Io } from '../../lib/io.js';
import { loadSpec } from '../spec/load.js';
import { chooseHosts, openHost, toWhichHosts, type WhichHosts } from '../target/open.js';
import type { Target } from '../types.js';
import { failures, lookAtAll, lookDocument, showLook } from './look.js';
import { readStatus } from './read.js';

/** `build-kernel status gateway.yaml`: what the gateways are doing; changes nothing. */

export interface StatusOptions extends WhichHosts {
  /** Every address of a pool. */
  all: boolean;
  /** Seconds between two samples of the counters. */
  interval: number;
  /** Again and again until it is stopped. */
  watch: boolean;
}

export function toStatusOptions(parsed: Record<string, unknown>): StatusOptions {
  const interval = Number(parsed['interval']);
  if (!(interval > 0 && interval <= 3600)) throw new ExpectedError({ code: 'usage', what: '--interval takes a number of seconds, more than 0 and at most 3600.' });
  return { ...toWhichHosts(parsed), all: parsed['all'] === true, interval, watch: parsed['watch'] === true };
}

/** @throws ExpectedError when no host can be looked at; one of several that cannot is shown as such, and the process ends with its status */
export async function statusCommand(io: Io, file: string, options: StatusOptions): Promise<void> {
  const spec = await loadSpec(file);
  const hosts = chooseHosts(spec, options);
  const targets = new Map<string, Target>(hosts.map((host) => [host, openHost(spec, host, options)]));
  const reads = new Map([...targets].map(([host, target]) => [host, () => readStatus(target, spec.gateway(host), options.interval)] as const));
  try {
    for (;;) {
      const all = await lookAtAll(reads);
      const [away] = failures(all);
      process.exitCode = away ? EXIT_STATUS[away.code] : 0;
      if (options.watch && process.stdout.isTTY) io.print('\x1b[H\x1b[2J\x1b[3J');
      io.print(all.map((look) => showLook(look, { all: options.all })).join('\n\n\n'));
      if (!options.watch || io.json) {
        io.result({ hosts: all.map(lookDocument) });
        return;
      }
      // The reader has gone: `… --watch | head`.
      if (process.stdout.destroyed) return;
      await sleep(1000);
      checkInterrupted();
    }
  } finally {
    await Promise.all([...targets.values()].map((target) => target.close()));
  }
}
