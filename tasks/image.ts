import { join, basename, resolve } from 'node:path';
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

/** @throws ExpectedError as image */
export async function makeImage(io: Io, file: string, options: ImageOptions & { report: string; bootTimeout: number }, fetchOptions: FetchOptions): Promise<void> {
  const wanted: { desired?: Desired } = {};
  await image<ImageSource>(io, file, options, fetchOptions, {
    open: openImageSource,
    provision: async (root, source) => {
      const { desired, files } = await provisionRoot(root, source);
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
      return tryImage(io, finished, source, wanted.desired, { report: join(resolve(options.report), basename(options.output)), bootTimeout: options.bootTimeout, fetch: fetchOptions });
    },
  });
}
