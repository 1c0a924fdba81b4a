import { InvalidArgumentError, Option, type Command } from 'commander';

/** Options of provision and rollback. */

export interface WhereOptions {
  /** Name in gateway.yaml, or what ssh knows. */
  host?: string;
  local: boolean;
  /** An image's root folder: on this machine, with `host` on that one. */
  folder?: string;
  sshConfig?: string;
  identity?: string;
  yes: boolean;
  /** Show, change nothing. */
  planOnly: boolean;
  /** Seconds a host may take to come up again. */
  bootTimeout: number;
}

export interface ProvisionOptions extends WhereOptions {
  artifact?: string;
  confirmMinutes?: number;
  noReboot: boolean;
  /** Seconds the gateway may take until all its checks hold. */
  settle: number;
}

function whole(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < least || number > most) throw new InvalidArgumentError(`It must be a whole number from ${String(least)} to ${String(most)}.`);
    return number;
  };
}

export function addWhereOptions(command: Command): Command {
  return command
    .addOption(new Option('--host <name>', 'host of gateway.yaml, or any name that ssh knows'))
    .addOption(new Option('--local', 'this host (needs root)').conflicts('folder'))
    .addOption(new Option('--folder <dir>', "an image's root folder; with --host, one on that host"))
    .addOption(new Option('--ssh-config <file>', "ssh's configuration file, in place of yours"))
    .addOption(new Option('--identity <file>', 'private key for ssh'))
    .addOption(new Option('--plan', 'show what would be done, change nothing'))
    .addOption(new Option('--yes', 'do not ask'))
    .addOption(new Option('--boot-timeout <seconds>', 'how long the host may take to come up again').argParser(whole(10, 7200)).default(600));
}

export function addProvisionOptions(command: Command): Command {
  return addWhereOptions(command)
    .addOption(new Option('--artifact <dir>', 'artifact folder, in place of the one gateway.yaml means'))
    .addOption(new Option('--confirm-minutes <n>', 'minutes until an unconfirmed gateway goes back by itself').argParser(whole(1, 240)))
    .addOption(new Option('--no-reboot', 'refuse a plan that needs a reboot'))
    .addOption(new Option('--settle <seconds>', 'how long the gateway may take until all its checks hold').argParser(whole(5, 3600)).default(120));
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export function toWhereOptions(parsed: Record<string, unknown>): WhereOptions {
  return {
    host: text(parsed['host']),
    local: parsed['local'] === true,
    folder: text(parsed['folder']),
    sshConfig: text(parsed['sshConfig']),
    identity: text(parsed['identity']),
    yes: parsed['yes'] === true,
    planOnly: parsed['plan'] === true,
    bootTimeout: Number(parsed['bootTimeout'] ?? 600),
  };
}

export function toProvisionOptions(parsed: Record<string, unknown>): ProvisionOptions {
  return {
    ...toWhereOptions(parsed),
    artifact: text(parsed['artifact']),
    ...(typeof parsed['confirmMinutes'] === 'number' ? { confirmMinutes: parsed['confirmMinutes'] } : {}),
    noReboot: parsed['reboot'] === false,
    settle: Number(parsed['settle'] ?? 120),
  };
}
