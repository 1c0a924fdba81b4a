import { EXIT_STATUS, type ErrorCode } from '../lib/errors.js';
import { table } from './markdown.js';

/** What each error code means: the exit statuses of docs/CLI.md and the headings of docs/TROUBLESHOOTING.md's messages. */

export const CODES: Record<ErrorCode, string> = {
  bug: 'a bug in build-kernel (a stack trace is shown)',
  usage: 'wrong usage: command line, config file, data file, gateway.yaml, something that cannot be stacked',
  environment: 'the machine lacks something (`build-kernel doctor`), or the user a right',
  network: 'a source cannot be had, a host cannot be reached',
  offline: 'a source is neither in the cache nor in a mirror, and `--offline` forbids to fetch it',
  trust: 'a source, an artifact or a host is not what it should be: digest, signature, host key',
  base: 'a source is of another release than the flavour needs',
  unpack: 'a source is damaged or not what its name says',
  patch: 'a patch does not apply, or the tree has edits that would be lost',
  configure: 'the kernel cannot be configured as asked',
  compile: 'the kernel or a module does not compile',
  tools: 'the tools do not build',
  abi: 'kernel and tools, or kernel and modules, disagree about what they share',
  package: 'packaging failed, an artifact is not whole',
  busy: 'another build-kernel uses the folder or changes the host',
  space: 'no space left',
  command: 'a program failed in a way that none of the others says',
  verify: '`verify`: a claim does not hold, holds although it is known not to, or could not be tried; of a gateway.yaml: a host differs',
  preflight: '`provision`: the host is not fit for it; nothing was changed',
  provision: '`provision`: a step on the host failed, or the host went back to what it was',
  interrupted: 'stopped by a signal',
};

export const codeNames = Object.keys(CODES) as ErrorCode[];

export function exitStatuses(): string {
  const done = ['0', '', 'done'];
  return table(['status', 'code', 'meaning'], [done, ...codeNames.map((code) => [String(EXIT_STATUS[code]), `[${code}](TROUBLESHOOTING.md#${code})`, CODES[code]])]);
}
