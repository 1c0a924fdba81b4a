import { ExpectedError } from '../../../lib/errors.js';
import { shellQuote } from '../../../lib/exec.js';
import type { Io } from '../../../lib/io.js';
import type { Gateway } from '../../types.js';
import { loadSpec } from '../load.js';
import { toolWords } from '../tools.js';

/** `build-kernel check gateway.yaml`: whether it is valid, what is to be thought about, and what the flavour's tools will be told. */

export interface CheckOptions {
  /** One host of the file; left out: all. */
  host?: string;
  /** Warnings are failures. */
  strict: boolean;
}

interface Told {
  addresses: Record<string, readonly string[]>;
  commands: readonly (readonly string[])[];
  /** keepalived.conf without the password. */
  keepalived?: string;
  sysctls: Readonly<Record<string, string>>;
}

const withoutPassword = (conf: string): string => conf.replace(/^(\s*auth_pass ).*$/gm, '$1********');

function told(gateway: Gateway): Told {
  const { steps, keepalived } = toolWords(gateway);
  return {
    addresses: Object.fromEntries(gateway.interfaces.map(({ device, addresses }) => [device, addresses])),
    commands: steps.map(({ add }) => add),
    ...(keepalived === undefined ? {} : { keepalived: withoutPassword(keepalived) }),
    sysctls: gateway.tuning.sysctls,
  };
}

const indent = (text: string): string => text.trimEnd().split('\n').map((line) => `    ${line}`).join('\n');

function show(io: Io, host: string, { addresses, commands, keepalived, sysctls }: Told): void {
  const part = (name: string, lines: readonly string[]): void => {
    if (lines.length > 0) io.print(`  ${name}\n${indent(lines.join('\n'))}`);
  };
  io.print(`\n${host}`);
  part('addresses', Object.entries(addresses).map(([device, list]) => `${device}  ${list.join(' ') || '(as the host has them)'}`));
  part('settings', Object.entries(sysctls).map(([name, value]) => `${name} = ${value}`));
  part('commands', commands.map(shellQuote));
  part('keepalived.conf', keepalived === undefined ? [] : [keepalived]);
}

/**
 * @throws ExpectedError usage with every fault's place; also for warnings when `strict`
 */
export async function check(io: Io, file: string, { host, strict }: CheckOptions): Promise<void> {
  const spec = await loadSpec(file);
  if (strict && spec.warnings.length > 0) throw new ExpectedError({ code: 'usage', what: `${file} has warnings.`, why: spec.warnings.join('\n'), fix: 'Correct the file at the places named, or leave out --strict.' });
  const hosts = host !== undefined ? [host] : spec.hosts.length > 0 ? spec.hosts : ['gateway'];
  const all = Object.fromEntries(hosts.map((name) => [name, told(spec.gateway(name))]));
  for (const warning of spec.warnings) io.say(`warning: ${warning}`);
  io.print(`${file} is valid: ${[spec.flavour.name, ...spec.addons.map(({ name }) => name)].join(' with ')}`);
  for (const [name, words] of Object.entries(all)) show(io, name, words);
  io.result({ file, valid: true, flavour: spec.flavour.name, addons: spec.addons.map(({ name }) => name), artifact: spec.gateway(hosts[0] ?? 'gateway').artifact, warnings: spec.warnings, hosts: all });
}
