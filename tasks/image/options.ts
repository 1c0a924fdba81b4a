import { InvalidArgumentError, Option, type Command } from 'commander';
import { ExpectedError } from '../lib/errors.js';
import type { ImageKind, ImageOptions } from './types.js';

/** Options of `image`. */

const KINDS: readonly ImageKind[] = ['disk', 'appliance', 'oci'];

function mebibytes(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('It must be a number of MiB.');
  return Number(value);
}

export function addImageOptions(command: Command): Command {
  return command
    .addOption(new Option('-o, --output <path>', 'what to write: NAME.qcow2 or NAME.img (a disk), NAME.tar (an OCI archive), a folder (an appliance)').makeOptionMandatory())
    .addOption(new Option('--kind <kind>', 'in place of what the name of the output says').choices(KINDS))
    .addOption(new Option('--host <name>', 'which host of gateway.yaml, when it names several'))
    .addOption(new Option('--root <tar>', 'disk: a root of yours in place of one of this distribution'))
    .addOption(new Option('--free <mib>', 'disk: room to leave on the root file system').argParser(mebibytes).default(1024))
    .addOption(new Option('--package <name...>', 'disk: a further package of the distribution').default([]))
    .addOption(new Option('--authorized-keys <file>', "disk: root's authorized_keys, for ssh"))
    .addOption(new Option('--no-verify', 'do not boot the image and take it through its checks; its manifest says so'));
}

/** @throws ExpectedError usage when the output's name tells no kind */
function kindOf(output: string, kind: unknown): ImageKind {
  if (KINDS.includes(kind as ImageKind)) return kind as ImageKind;
  if (/\.(qcow2|img|raw)$/.test(output)) return 'disk';
  if (/\.tar$/.test(output)) return 'oci';
  if (!/\.\w+$/.test(output)) return 'appliance';
  throw new ExpectedError({ code: 'usage', what: `What kind of image ${output} is to be is not clear.`, fix: 'End its name in .qcow2, .img or .tar, name a folder for an appliance, or say --kind.' });
}

export function toImageOptions(parsed: Record<string, unknown>): ImageOptions {
  const text = (key: string): string | undefined => (typeof parsed[key] === 'string' ? parsed[key] : undefined);
  const output = text('output') ?? '';
  return {
    output,
    kind: kindOf(output, parsed['kind']),
    host: text('host'),
    root: text('root'),
    free: Number(parsed['free']),
    packages: Array.isArray(parsed['package']) ? parsed['package'].map(String) : [],
    authorizedKeys: text('authorizedKeys'),
    verify: parsed['verify'] !== false,
  };
}
