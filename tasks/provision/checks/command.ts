import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openArtifact, type ArtifactTree } from '../../lib/artifact.js';
import { EXIT_STATUS, ExpectedError } from '../../lib/errors.js';
import { remove } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { runStages } from '../../lib/ui/stages.js';
import { prepare } from '../commands/prepare.js';
import { loadSpec, type LoadedSpec } from '../spec/load.js';
import { chooseHosts, openHost, toWhichHosts, type WhichHosts } from '../target/open.js';
import { checkHost } from './index.js';
import { trafficOf } from './probe.js';
import { HOST_FORMATS, renderTable, summary, toDocument, writeReports, type HostFormat } from './report.js';
import { isDrift, type HostReport } from './types.js';

/** `build-kernel verify gateway.yaml --host gw1`: is the host what the file says, and is it in effect? Changes nothing. */

export interface VerifyHostsOptions extends WhichHosts {
  /** Folder for reports; undefined: none are written. */
  report?: string;
  formats: readonly HostFormat[];
  /** Show what holds, too. */
  all: boolean;
}

/**
 * The options as commander parsed them.
 * @param report a folder for reports was asked for
 */
export function toVerifyHostsOptions(parsed: Record<string, unknown>, report: boolean): VerifyHostsOptions {
  const asked = new Set((parsed['format'] as string[] | undefined) ?? HOST_FORMATS);
  return {
    ...toWhichHosts(parsed),
    all: parsed['all'] === true,
    ...(report ? { report: String(parsed['report']) } : {}),
    formats: HOST_FORMATS.filter((format) => asked.has(format)),
  };
}

/** @throws ExpectedError usage, network when no host answers, …; what differs, and one of several that does not answer, ends the process with EXIT_STATUS.verify */
export async function verifyHosts(io: Io, file: string, options: VerifyHostsOptions): Promise<void> {
  const spec = await loadSpec(file);
  const hosts = chooseHosts(spec, options);
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  const reports: HostReport[] = [];
  const away: unknown[] = [];
  try {
    let artifact: ArtifactTree | undefined;
    await runStages(
      [
        {
          title: 'read the artifact',
          run: async () => {
            artifact = await openArtifact(spec.gateway(hosts[0] ?? '').artifact, join(scratch, 'artifact'));
          },
        },
        ...hosts.map((host) => ({
          title: `look at ${host}`,
          run: async (p: { note(text: string): void }): Promise<void> => {
            if (!artifact) throw new Error('no artifact was read');
            const report = await verifyHost(spec, host, artifact, options, scratch).catch((error: unknown) => {
              away.push(error);
              return awayReport(host, spec.gateway(host).flavour, error);
            });
            reports.push(report);
            p.note(summary(report.checks));
          },
        })),
      ],
      { json: io.json, verbose: io.verbose },
    );
  } finally {
    await remove(scratch);
  }
  // Nobody was seen: there is nothing to report.
  if (away.length === hosts.length) throw away[0];
  if (options.report !== undefined) await writeReports(resolve(options.report), reports, options.formats);
  io.result(toDocument(reports));
  io.print(renderTable(reports, { colour: process.stdout.isTTY, width: process.stdout.columns, all: options.all }));
  if (options.report !== undefined) io.print(`Reports: ${resolve(options.report)}`);
  if (reports.some(({ checks }) => checks.some(({ status }) => isDrift(status)))) process.exitCode = EXIT_STATUS.verify;
}

/**
 * The report of a host that cannot be looked at: the others are, all the same.
 * @throws what is no failure of that host alone
 */
export function awayReport(host: string, flavour: string, error: unknown): HostReport {
  if (!(error instanceof ExpectedError) || error.code === 'interrupted') throw error;
  const reason = [error.what, error.why].filter((part) => part !== undefined).join('\n');
  return { host, flavour, target: host, date: new Date().toISOString(), seconds: 0, checks: [{ id: 'host', part: 'host', kind: 'effect', claim: `${host} can be looked at`, status: 'error', expected: 'an answer', seen: '', reason }] };
}

async function verifyHost(spec: LoadedSpec, host: string, artifact: ArtifactTree, which: WhichHosts, scratch: string): Promise<HostReport> {
  const began = Date.now();
  const gateway = spec.gateway(host);
  const target = openHost(spec, host, which);
  try {
    const { facts, desired } = await prepare(target, gateway, artifact, [], () => undefined, scratch);
    const checks = [...(await checkHost(target, desired)), ...(await trafficOf(target, gateway))];
    return { host, flavour: gateway.flavour, target: target.name, ...(facts.release === undefined ? {} : { release: facts.release }), date: new Date(began).toISOString(), seconds: (Date.now() - began) / 1000, checks };
  } finally {
    await target.close();
  }
}
