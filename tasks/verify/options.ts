import { InvalidArgumentError, Option, type Command } from 'commander';
import { environmentName } from '../lib/settings.js';
import { NIC_MODULES, type Nic } from './guest/initramfs.js';
import { FORMATS, type Format } from './report/index.js';

/** Options of verify and shell as commander knows them. */

export interface GuestOptions {
  /** Left out: machines for 2.6.32, whose IPVS knows no namespaces; namespaces for others. */
  topology?: 'netns' | 'vms';
  nic: Nic;
  accel?: 'kvm' | 'tcg';
  /** Added to the kernel's command line. */
  append: string;
  /** Seconds a guest may take to its first word. */
  bootTimeout: number;
  /** MiB of a guest; left out: what its kernel is known to need. */
  memory?: number;
  /** Processors of a guest. */
  cpus: number;
}

export interface VerifyOptions extends GuestOptions {
  scenarios: string[];
  slow: boolean;
  /** Folder of the report; one below it per subject. */
  report: string;
  formats: Format[];
}

const NICS = Object.keys(NIC_MODULES) as Nic[];

const collect = (value: string, before: string[]): string[] => [...before, value];

function formats(value: string): Format[] {
  return value.split(',').map((name) => {
    const format = FORMATS.find((each) => each === name.trim());
    if (!format) throw new InvalidArgumentError(`It must be a list of ${FORMATS.join(', ')}.`);
    return format;
  });
}

function mebibytes(value: string): number {
  if (!/^[1-9]\d*$/.test(value) || Number(value) < 64) throw new InvalidArgumentError('It must be a whole number of MiB, 64 or more.');
  return Number(value);
}

function processors(value: string): number {
  if (!/^[1-8]$/.test(value)) throw new InvalidArgumentError('It must be a number from 1 to 8.');
  return Number(value);
}

export function seconds(value: string): number {
  // Timers of Node that are longer than 24 days fire at once.
  if (!/^[1-9]\d{0,4}$/.test(value) || Number(value) > 86_400) throw new InvalidArgumentError('It must be a whole number of seconds, at most a day (86400).');
  return Number(value);
}

function guestOptions(): Option[] {
  return [
    new Option('--topology <kind>', 'netns: one machine with namespaces; vms: a machine for client, gateway and server each (default: vms for 2.6.32, whose IPVS knows no namespaces)').choices(['netns', 'vms']),
    new Option('--nic <model>', "the guests' network card").choices(NICS).default('virtio-net'),
    new Option('--accel <how>', 'kvm or tcg, emulation (default: KVM when it can be used)').choices(['kvm', 'tcg']),
    new Option('--append <text>', "added to the guests' kernel command line").default(''),
    new Option('--memory <MiB>', "a guest's memory (default: what its kernel needs; one with KASAN needs 768)").argParser(mebibytes),
    new Option('--cpus <count>', 'processors of a guest').argParser(processors).default(1),
    new Option('--boot-timeout <seconds>', 'how long a guest may take to come up').argParser(seconds).default(90),
  ].map((option) => option.env(environmentName(option.name())));
}

export function addGuestOptions(command: Command): Command {
  for (const option of guestOptions()) command.addOption(option);
  return command;
}

export function addVerifyOptions(command: Command): Command {
  addGuestOptions(command);
  return command
    .addOption(new Option('--scenario <name>', 'only this scenario (repeatable)').argParser(collect).default([]))
    .addOption(new Option('--slow', 'scenarios too that take minutes'))
    .addOption(new Option('--report <dir>', 'folder for reports, one below it per subject').default('reports').env(environmentName('report')))
    .addOption(new Option('--format <list>', `reports to write: ${FORMATS.join(',')}`).argParser(formats).default([...FORMATS], 'all'));
}

export function toGuestOptions(parsed: Record<string, unknown>): GuestOptions {
  const accel = parsed['accel'];
  const topology = parsed['topology'];
  return {
    ...(topology === 'vms' || topology === 'netns' ? { topology } : {}),
    nic: NICS.find((nic) => nic === parsed['nic']) ?? 'virtio-net',
    ...(accel === 'kvm' || accel === 'tcg' ? { accel } : {}),
    append: typeof parsed['append'] === 'string' ? parsed['append'] : '',
    bootTimeout: Number(parsed['bootTimeout'] ?? 90),
    cpus: Number(parsed['cpus'] ?? 1),
    ...(typeof parsed['memory'] === 'number' ? { memory: parsed['memory'] } : {}),
  };
}

export function toVerifyOptions(parsed: Record<string, unknown>): VerifyOptions {
  return {
    ...toGuestOptions(parsed),
    scenarios: (parsed['scenario'] as string[] | undefined) ?? [],
    slow: parsed['slow'] === true,
    report: String(parsed['report'] ?? 'reports'),
    formats: (parsed['format'] as Format[] | undefined) ?? [...FORMATS],
  };
}
