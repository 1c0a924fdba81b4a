import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { checkInterrupted, run, shellQuote } from '../../lib/exec.js';
import { StageLog } from '../../lib/log.js';
import { remove } from '../../lib/files.js';
import type { Fault } from '../types.js';
import { Channel, type Hello, type Reply } from './channel.js';
import { findFault } from './console.js';
import type { Qemu } from './qemu.js';

/** One virtual machine: started, talked to, watched, ended. Its network belongs to no host. */

export interface MachineSpec {
  /** client, gateway, server, … */
  name: string;
  kernel: string;
  initramfs: string;
  /** Kernel command line after what every guest gets. */
  append: string;
  /** MiB. */
  memory: number;
  cpu: string;
  /** Processors; left out: one. */
  cpus?: number;
  /** QEMU arguments of the network. */
  network: string[];
  /** Seconds to the agent's first word: emulated and beside others, a distribution's kernel needs 25 s. */
  bootTimeout: number;
  /** Waits for gdb before the first instruction when `wait`; the stub listens on a unix socket or a TCP port of loopback. */
  gdb?: { address: string; wait: boolean };
  /** The guest's console belongs to this terminal. */
  terminal?: boolean;
  /** Boots this disk by the firmware, in place of kernel and initramfs. */
  disk?: { file: string; format: 'raw' | 'qcow2'; firmware: 'bios' | 'uefi' };
}

/** Thrown into every request when the guest's kernel broke or QEMU ended. */
export class GuestFault extends Error {
  constructor(readonly fault: Fault) {
    super(`${fault.node}: ${fault.kind}: ${fault.what}`);
    this.name = 'GuestFault';
  }
}

/** UEFI firmware of Debian's package ovmf. */
const OVMF = '/usr/share/ovmf/OVMF.fd';

/** What the agent may take longer than the time-out it was given, ms. */
const GRACE = 15_000;
/** After a fault the rest of the trace comes; then the guest is ended. */
const TRACE_WAIT = 1500;

export class Machine {
  readonly channel = new Channel();
  private readonly lines: string[] = [];
  private readonly abort = new AbortController();
  private readonly log: StageLog;
  private ended: Promise<void> = Promise.resolve();
  private stopping = false;

  private faultTimer: NodeJS.Timeout | undefined;
  fault: Fault | undefined;
  hello: Hello | undefined;

  /**
   * @param folder for the sockets (short: a unix socket's path has at most 107 bytes)
   * @param logFile gets the console
   */
  constructor(
    readonly spec: MachineSpec,
    private readonly qemu: Qemu,
    private readonly folder: string,
    readonly logFile: string,
  ) {
    this.log = new StageLog(logFile);
  }

  private get sockets(): { uart: string; virtio: string } {
    const at = (what: string): string => join(this.folder, `${this.spec.name}-${what}`);
    return { uart: at('uart'), virtio: at('virtio') };
  }

  /** The command line of QEMU. */
  argv(): [string, ...string[]] {
    const { spec, qemu } = this;
    const { uart, virtio } = this.sockets;
    const kvm = qemu.accelerator === 'kvm';
    const { cpus = 1 } = spec;
    return [
      qemu.program,
      '-name', spec.name,
      '-nodefaults', '-no-user-config', '-no-reboot',
      '-display', 'none',
      '-accel', kvm ? 'kvm' : 'tcg',
      '-cpu', spec.cpu,
      // With one possible CPU the emulator leaves memory barriers out (QEMU before 8.0), and virtio queues stall now and then.
      '-smp', kvm ? String(cpus) : `${String(cpus)},maxcpus=${String(Math.max(2, cpus))}`,
      '-m', String(spec.memory),
      ...(spec.disk
        ? [...(spec.disk.firmware === 'uefi' ? ['-bios', OVMF] : []), '-drive', `file=${spec.disk.file.replaceAll(',', ',,')},format=${spec.disk.format},if=virtio`]
        : // Warnings must reach the console: findFault looks for them there. `quiet` would keep them back. After a panic the guest
          // ends, as QEMU does not reboot it: 2.6.32 knows no panic=-1 (kernel/panic.c asks for more than 0 seconds).
          ['-kernel', spec.kernel, '-initrd', spec.initramfs, '-append', `console=ttyS0 panic=1 loglevel=5 nmi_watchdog=0 ${spec.append}`.trim()]),
      ...(spec.terminal ? ['-chardev', 'stdio,id=console,mux=on,signal=off', '-mon', 'chardev=console'] : ['-chardev', 'stdio,id=console,signal=off']),
      '-serial', 'chardev:console',
      '-chardev', `socket,id=uart,path=${uart},server=on,wait=off`,
      '-serial', 'chardev:uart',
      '-device', 'virtio-serial-pci',
      '-chardev', `socket,id=virtio,path=${virtio},server=on,wait=off`,
      '-device', 'virtserialport,chardev=virtio,name=build-kernel',
      ...spec.network,
      ...(spec.gdb ? ['-gdb', spec.gdb.address, ...(spec.gdb.wait ? ['-S'] : [])] : []),
    ];
  }

  /**
   * Starts QEMU and waits for the agent.
   * @throws GuestFault the kernel broke or said nothing; ExpectedError QEMU does not run
   */
  async start(): Promise<Hello> {
    const { uart, virtio } = this.sockets;
    await remove(uart);
    await remove(virtio);
    let rest = '';
    const argv = this.argv();
    this.log.line(`$ ${shellQuote(argv)}`);
    this.ended = run(argv, {
      abort: this.abort.signal,
      discard: true,
      terminal: this.spec.terminal,
      onOutput: (chunk) => {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.onConsole(line.replace(/\r+$/, ''));
      },
    }).then(
      () => {
        this.onEnd(undefined);
      },
      (error: unknown) => {
        this.onEnd(error);
      },
    );
    const attached = Promise.all([this.channel.attach(uart), this.channel.attach(virtio)]);
    attached.catch(() => undefined);
    await Promise.race([attached, this.ended]);
    const timer = setTimeout(
      () => {
        this.setFault(findFault(this.lines) ?? { kind: 'no-boot', what: `no word from the guest in ${String(this.spec.bootTimeout)} s`, trace: this.lines.slice(-30) });
      },
      this.spec.gdb?.wait ? 2 ** 31 - 1 : this.spec.bootTimeout * 1000,
    );
    try {
      // What ends the wait early is the channel's close: a request on it fails with the fault.
      this.hello = await Promise.race([
        this.channel.hello,
        this.ended.then(() => {
          throw this.failure();
        }),
      ]);
      return this.hello;
    } finally {
      clearTimeout(timer);
    }
  }

  private failure(): Error {
    checkInterrupted();
    if (!this.fault && this.qemuError instanceof ExpectedError && this.lines.length === 0) return this.qemuError;
    return new GuestFault(this.fault ?? { kind: 'exit', node: this.spec.name, what: 'QEMU ended', trace: this.lines.slice(-30), log: this.logFile });
  }

  private qemuError: unknown;

  private onConsole(line: string): void {
    this.log.line(line);
    this.lines.push(line);
    if (this.fault || this.faultTimer || this.stopping) return;
    if (findFault([line])) {
      this.faultTimer = setTimeout(() => {
        this.settleFault();
      }, TRACE_WAIT);
    }
  }

  private settleFault(): void {
    clearTimeout(this.faultTimer);
    const found = findFault(this.lines);
    if (found) this.setFault(found);
  }

  private setFault(fault: Pick<Fault, 'kind' | 'what' | 'trace'>): void {
    this.fault ??= { ...fault, node: this.spec.name, log: this.logFile };
    this.channel.close(new GuestFault(this.fault));
    this.abort.abort(`the guest ${this.spec.name} broke`);
  }

  private onEnd(error: unknown): void {
    clearTimeout(this.faultTimer);
    this.qemuError = error;
    if (!this.stopping && !this.fault) {
      const found = findFault(this.lines);
      if (found) this.fault = { ...found, node: this.spec.name, log: this.logFile };
    }
    try {
      this.channel.close(this.failure());
    } catch (interrupted) {
      this.channel.close(interrupted instanceof Error ? interrupted : new Error(String(interrupted)));
    }
    this.log.close();
  }

  /** Lines of the console so far. */
  console(): readonly string[] {
    return this.lines;
  }

  /**
   * A request to the agent, with a time-out here too: an agent that does not answer means a kernel that hangs.
   * @param timeout ms that the agent itself gives the command
   * @throws GuestFault
   */
  async request(fields: readonly (string | Buffer)[], timeout: number): Promise<Reply> {
    const timer = setTimeout(() => {
      const found = findFault(this.lines);
      this.setFault(found ?? { kind: 'hang', what: `no answer in ${String((timeout + GRACE) / 1000)} s to: ${fields.slice(3).map(String).join(' ').slice(0, 200)}`, trace: this.lines.slice(-30) });
    }, timeout + GRACE);
    try {
      return await this.channel.request(fields);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends QEMU; never fails. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.faultTimer);
    this.channel.close(new Error('stopped'));
    this.abort.abort('no longer needed');
    await this.ended;
  }

  /** Waits until the guest ends by itself (an interactive one). */
  async wait(): Promise<void> {
    await this.ended;
  }
}
