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

/** Names as apt takes them: NAME, NAME=VERSION, NAME/SUITE. */
const PACKAGE = /^[a-z0-9][a-z0-9+.-]+([=/][A-Za-z0-9][\w.+~:-]*)?$/;

/** @throws ExpectedError usage: an option that this kind of image does not heed, a name that is no package's */
function refuseUnheeded(kind: ImageKind, { root, packages, authorizedKeys }: Pick<ImageOptions, 'root' | 'packages' | 'authorizedKeys'>): void {
  const given = [...(root === undefined ? [] : ['--root']), ...(packages.length === 0 ? [] : ['--package']), ...(authorizedKeys === undefined ? [] : ['--authorized-keys'])];
  if (kind !== 'disk' && given.length > 0) throw new ExpectedError({ code: 'usage', what: `${given.join(' and ')} ${given.length === 1 ? 'is' : 'are'} for disks; this is ${kind === 'oci' ? 'an OCI archive' : 'an appliance, which has no distribution and no ssh in it'}.`, fix: 'Leave it out, or make a disk (--kind disk).' });
  if (root !== undefined && packages.length > 0) throw new ExpectedError({ code: 'usage', what: '--package adds to the root that is made here; --root gives one that is made.', fix: 'Leave one of the two out, or put the packages into your root.' });
  const odd = packages.find((name) => !PACKAGE.test(name));
  if (odd !== undefined) throw new ExpectedError({ code: 'usage', what: `${JSON.stringify(odd)} is no name of a package.`, fix: 'Give names as apt-cache search shows them: --package tcpdump mtr-tiny.' });
}

/** @throws ExpectedError usage */
export function toImageOptions(parsed: Record<string, unknown>): ImageOptions {
  const text = (key: string): string | undefined => (typeof parsed[key] === 'string' ? parsed[key] : undefined);
  const output = text('output') ?? '';
  if (/^\s*$/.test(output)) throw new ExpectedError({ code: 'usage', what: 'The output has no name.', fix: 'Name it with -o: gw.qcow2, gw.img, gw.tar, or a folder.' });
  const kind = kindOf(output, parsed['kind']);
  const given = { root: text('root'), packages: Array.isArray(parsed['package']) ? parsed['package'].map(String) : [], authorizedKeys: text('authorizedKeys') };
  refuseUnheeded(kind, given);
  return {
    output,
    kind,
    host: text('host'),
    ...given,
    free: Number(parsed['free']),
    verify: parsed['verify'] !== false,
  };
}
