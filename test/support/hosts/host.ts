import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, type ExecResult } from '../../../tasks/lib/exec.js';
import { exists } from '../../../tasks/lib/files.js';
import { lastingPort } from '../port.js';
import { HostProcess } from './process.js';

/** A host that tests provision: a real boot loader and disk, reached over ssh as an operator reaches it. */

/** A disk that hosts start from. */
export interface HostImage {
  kind: 'el6' | 'debian';
  /** Raw or qcow2; only read. */
  disk: string;
  /** Private key file of root. */
  user: string;
  /** "ssh-rsa AAAA…" */
  hostKey: string;
  /** CPU model under emulation. */
  cpu: string;
  /** MiB. */
  memory: number;
  bus: 'ide' | 'virtio';
}

export interface HostOptions {
  name: string;
  image: HostImage;
  /** Scratch folder of this host: overlay, ssh files, console log. Keep it short: sockets are in it. */
  folder: string;
  memory?: number;
  cpus?: number;
  cpu?: string;
  /** Driver of the management NIC, which is the first. */
  nic?: 'virtio-net-pci' | 'e1000';
  /** Further NICs, as QEMU arguments (see network.ts). */
  network?: readonly string[];
  /** A watchdog that resets the machine when it is armed and not fed. */
  watchdog?: 'i6300esb' | 'ipmi';
  /** Further arguments of QEMU. */
  qemu?: readonly string[];
  /** Seconds to a login; by default generous, as emulated beside other work a boot takes ten times what it takes alone. */
  bootTimeout?: number;
}

export interface SshAccess {
  host: '127.0.0.1';
  port: number;
  user: 'root';
  /** Private key file. */
  key: string;
  knownHosts: string;
  /** For `ssh -F FILE NAME`; NAME is the host's name. */
  config: string;
}

/** The network between QEMU and a host's management NIC; a host has .15 in it, and no way out. */
const MANAGEMENT = '172.31.255.0/24';
const MANAGEMENT_ADDRESS = '172.31.255.15';

const BOOT_TIMEOUT = { el6: 600, debian: 1200 } as const;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Host {
  private process: HostProcess | undefined;
  private readonly output: string[] = [];

  private constructor(
    readonly options: HostOptions,
    readonly ssh: SshAccess,
    readonly disk: string,
    readonly consoleLog: string,
  ) {}

  /** Makes the host's files; nothing runs yet. An overlay that is there already is kept. */
  static async create(options: HostOptions): Promise<Host> {
    const { folder, image, name } = options;
    await mkdir(folder, { recursive: true });
    const disk = join(folder, 'disk.qcow2');
    if (!(await exists(disk))) await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', image.disk, '-F', image.disk.endsWith('.qcow2') ? 'qcow2' : 'raw', disk]);
    const port = await lastingPort();
    const ssh: SshAccess = { host: '127.0.0.1', port, user: 'root', key: image.user, knownHosts: join(folder, 'known_hosts'), config: join(folder, 'ssh_config') };
    await writeFile(ssh.knownHosts, `[127.0.0.1]:${String(port)} ${image.hostKey}\n`);
    const lines = [
      `Host ${name}`,
      '  HostName 127.0.0.1',
      `  Port ${String(port)}`,
      '  User root',
      `  IdentityFile ${ssh.key}`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile ${ssh.knownHosts}`,
      '  GlobalKnownHostsFile /dev/null',
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
      '  ConnectTimeout 20',
      '  ServerAliveInterval 10',
      '  ServerAliveCountMax 6',
      '  LogLevel ERROR',
    ];
    await writeFile(ssh.config, `${lines.join('\n')}\n`);
    return new Host(options, ssh, disk, join(folder, 'console.log'));
  }

  private argv(): [string, ...string[]] {
    const { options, ssh, disk } = this;
    const { image, nic = 'e1000', cpus = 1 } = options;
    const watchdog = {
      i6300esb: ['-device', 'i6300esb', '-watchdog-action', 'reset'],
      ipmi: ['-device', 'ipmi-bmc-sim,id=bmc', '-device', 'isa-ipmi-kcs,bmc=bmc', '-watchdog-action', 'reset'],
    };
    return [
      // A test that is killed leaves no emulator behind.
      'setpriv', '--pdeathsig', 'KILL', '--', 'qemu-system-x86_64',
      '-name', options.name,
      '-nodefaults', '-no-user-config', '-display', 'none',
      '-machine', 'pc', '-accel', 'tcg',
      '-cpu', options.cpu ?? image.cpu,
      // With one possible CPU the emulator leaves memory barriers out (QEMU before 8.0), and virtio queues stall.
      '-smp', `${String(cpus)},maxcpus=${String(Math.max(2, cpus))}`,
      '-m', String(options.memory ?? image.memory),
      '-rtc', 'base=utc',
      '-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console',
      '-qmp', `unix:${this.monitorSocket},server=on,wait=off`,
      '-drive', `file=${disk},format=qcow2,if=none,id=disk,cache=writeback`,
      '-device', image.bus === 'ide' ? 'ide-hd,drive=disk' : 'virtio-blk-pci,drive=disk',
      '-netdev', `user,id=management,net=${MANAGEMENT},dhcpstart=${MANAGEMENT_ADDRESS},ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:${String(ssh.port)}-${MANAGEMENT_ADDRESS}:22`,
      '-device', `${nic},netdev=management,mac=52:54:00:0b:ff:01,romfile=`,
      ...(options.network ?? []),
      '-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng',
      ...(options.watchdog ? watchdog[options.watchdog] : []),
      ...(options.qemu ?? []),
    ];
  }

  private get monitorSocket(): string {
    return join(this.options.folder, 'qmp');
  }

  get name(): string {
    return this.options.name;
  }

  get running(): boolean {
    return this.process?.running === true;
  }

  /** Powers on, and waits until root can log in. @throws Error with the console's last lines */
  async start(): Promise<void> {
    this.powerOn();
    await this.waitForSsh();
  }

  /** Powers on and does not wait. */
  powerOn(): void {
    if (this.running) throw new Error(`${this.name} runs already`);
    this.process = new HostProcess(this.argv(), this.monitorSocket, this.consoleLog, this.output);
  }

  /** Everything the serial console has shown since the first start: boot loader, kernels, services. */
  console(): string {
    return this.output.join('');
  }

  /** The command line of a remote command, for tests that start it themselves. */
  sshCommand(...remote: string[]): [string, ...string[]] {
    return ['ssh', '-F', this.ssh.config, this.name, ...remote];
  }

  /**
   * Runs a shell script as root.
   * @param options ok: exit statuses that are no failure; input: for its standard input; timeout: ms
   */
  async run(script: string, options: { ok?: number[]; input?: string; timeout?: number } = {}): Promise<ExecResult> {
    return run(this.sshCommand(script), { timeout: 120_000, ...options });
  }

  /** Waits until root can log in. @param differentFrom the boot id that it must not have any more */
  async waitForSsh(differentFrom?: string, seconds = this.options.bootTimeout ?? BOOT_TIMEOUT[this.options.image.kind]): Promise<string> {
    const until = Date.now() + seconds * 1000;
    for (;;) {
      if (!this.running) throw new Error(`${this.name}: QEMU ended\n${this.process?.failure ?? ''}\n${this.console().slice(-3000)}`);
      const { exitCode, stdout } = await run(this.sshCommand('cat /proc/sys/kernel/random/boot_id'), { ok: [0, 1, 255], timeout: 60_000 }).catch(() => ({ exitCode: 255, stdout: '' }));
      const id = stdout.trim();
      if (exitCode === 0 && id !== '' && id !== differentFrom) return id;
      if (Date.now() > until) throw new Error(`${this.name}: no login in ${String(seconds)} s\n${this.console().slice(-3000)}`);
      await sleep(1000);
    }
  }

  async bootId(): Promise<string> {
    return (await this.run('cat /proc/sys/kernel/random/boot_id')).stdout.trim();
  }

  /**
   * Reboots from inside and waits for the next login.
   * @param script what reboots it
   */
  async reboot(script = 'sync; (sleep 1; reboot) >/dev/null 2>&1 </dev/null &'): Promise<void> {
    const before = await this.bootId();
    await this.run(script, { ok: [0, 255] });
    await this.waitForSsh(before);
  }

  /** The reset button: no sync, no shutdown. */
  async reset(): Promise<void> {
    await this.qmp('system_reset');
  }

  /** A command for QEMU's monitor: set_link, inject-nmi, system_powerdown, … */
  async qmp(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    if (!this.process) throw new Error(`${this.name} does not run`);
    return this.process.qmp(command, args);
  }

  /** Takes the power: QEMU is killed. What the guest had not written to its disk is lost. */
  async powerCut(): Promise<void> {
    await this.process?.kill();
  }

  /** Waits until QEMU ends by itself (a guest that powers off). */
  async ended(): Promise<void> {
    await this.process?.ended;
  }

  /** Ends the host; never fails. */
  async stop(): Promise<void> {
    await this.powerCut();
  }
}

/** Makes a host, starts it, waits for ssh. */
export async function startHost(options: HostOptions): Promise<Host> {
  const host = await Host.create(options);
  try {
    await host.start();
  } catch (error) {
    await host.stop();
    throw error;
  }
  return host;
}
