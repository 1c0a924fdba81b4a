import { readdir } from 'node:fs/promises';
import { join, basename, resolve } from 'node:path';
import { errno, ExpectedError } from './lib/errors.js';
import type { FetchOptions } from './lib/fetch/for-run.js';
import type { Io } from './lib/io.js';
import { image } from './image/command.js';
import type { FinishedImage, ImageOptions } from './image/types.js';
import { initramfsHere } from './provision/boot/index.js';
import { checkEffects, type CheckResult } from './provision/checks/index.js';
import { openImageSource, provisionRoot, type ImageSource } from './provision/image-root.js';
import { guestTarget } from './provision/target/guest.js';
import type { Desired } from './provision/types.js';
import { renderTable } from './verify/report/index.js';
import { verifyImage } from './verify/image/index.js';

/** `build-kernel image`: provisioning fills the root, the image verb packs it, verify boots it. Joined here, as the verbs do not know each other. */

const isV4 = (address: string): boolean => !address.includes(':');

async function tryImage(io: Io, finished: FinishedImage, source: ImageSource, desired: Desired, options: { report: string; bootTimeout: number; fetch: FetchOptions }): Promise<boolean> {
  const { gateway } = source;
  const { report, holds } = await verifyImage({
    image: finished,
    artifact: source.artifact.folder,
    subject: { name: `${gateway.host} (${source.artifact.manifest.flavour}, ${finished.kind})`, language: gateway.language, addons: gateway.addons },
    network: { interfaces: gateway.interfaces.map(({ gateways, ...each }) => ({ ...each, ...(gateways?.find(isV4) === undefined ? {} : { gateway: gateways.find(isV4) }) })), virtual: gateway.ha?.instances.flatMap(({ addresses }) => addresses) ?? [] },
    claims: {
      pool: [...new Set(gateway.snat.flatMap(({ pool }) => pool).filter(isV4))],
      protocols: gateway.snat.length === 0 ? [] : gateway.protocols,
      hostChecks: async (context) => {
        const results: CheckResult[] = await checkEffects(guestTarget('gateway', (script) => context.run('gateway', script, 120_000)), desired.effects);
        return results.filter(({ status }) => status !== 'skip').map(({ claim, status, expected, seen, reason }) => ({ claim, expected, seen: seen === '' ? (reason ?? '') : seen, ok: status === 'pass' }));
      },
    },
    report: options.report,
    bootTimeout: options.bootTimeout,
    fetchOptions: options.fetch,
    note: (text) => {
      io.say(text);
    },
  });
  io.print(renderTable(report, { colour: process.stdout.isTTY, width: process.stdout.columns }));
  return holds;
}

/**
 * The report's folder is made anew each time: only one that is a report's, or empty, may be there.
 * @throws ExpectedError usage
 */
export async function reportFolder(report: string, output: string): Promise<string> {
  const folder = join(resolve(report), basename(resolve(output)));
  if (`${folder}/`.startsWith(`${resolve(output)}/`)) throw new ExpectedError({ code: 'usage', what: `The report would be written to ${folder}, which is in the place of the image.`, fix: 'Name another folder with --report.' });
  const there = await readdir(folder).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return [];
    if (errno(error) === 'ENOTDIR') return [''];
    throw error;
  });
  if (there.length > 0 && !there.some((name) => name === 'verify.log' || name === 'report.json')) {
    throw new ExpectedError({ code: 'usage', what: `${folder} is no folder of a report: it is not replaced by one.`, fix: 'Name another folder with --report.' });
  }
  return folder;
}

/** @throws ExpectedError as image */
export async function makeImage(io: Io, file: string, options: ImageOptions & { report: string; bootTimeout: number }, fetchOptions: FetchOptions): Promise<void> {
  const report = options.verify && options.kind !== 'oci' ? await reportFolder(options.report, options.output) : '';
  const wanted: { desired?: Desired } = {};
  await image<ImageSource>(io, file, options, fetchOptions, {
    open: openImageSource,
    provision: async (root, source) => {
      const { desired, files, warnings } = await provisionRoot(root, source);
      for (const warning of warnings) io.say(warning);
      wanted.desired = desired;
      return { files };
    },
    initramfs: async (source, need, folder) => {
      const { content } = await initramfsHere(source.artifact, folder)({ ...need, path: '/boot/initramfs.img' });
      if (typeof content === 'string') throw new Error('an initial file system is a file');
      return content.source;
    },
    verify: (finished, source) => {
      if (!wanted.desired) throw new Error('the image was not provisioned');
      return tryImage(io, finished, source, wanted.desired, { report, bootTimeout: options.bootTimeout, fetch: fetchOptions });
    },
  });
}
