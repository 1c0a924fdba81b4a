import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import type { Nic } from '../guest/initramfs.js';
import type { GuestSystem } from '../guest/system.js';
import type { Fault } from '../types.js';
import type { Reply } from '../vm/channel.js';
import { exists, remove } from '../../lib/files.js';
import { GuestFault, Machine, type MachineSpec } from '../vm/machine.js';
import type { Qemu } from '../vm/qemu.js';
import { configureScript, macOf, TOPOLOGIES, type NodeName, type TopologyName, type TopologyNode } from './topology.js';
import { hubSockets, machineWiring, netnsWiring, unconnectedNics } from './wiring.js';

/** Machines and nodes that are up: where scenarios run their commands. */

export interface LabOptions {
  system: GuestSystem;
  initramfs: string;
  qemu: Qemu;
  topology: 'netns' | 'vms';
  nodes: TopologyName;
  nic: Nic;
  /** Seconds a guest may take to come up. */
  bootTimeout: number;
  /** Processors of a guest; left out: one. */
  cpus?: number;
  /** For logs and captures. */
  folder: string;
  /** For sockets; a short path. */
  sockets: string;
  /** The console of this node belongs to our terminal, and a shell is on it. */
  terminal?: NodeName;
  gdb?: MachineSpec['gdb'];
  /** Further arguments of QEMU, for every machine. */
  qemuArguments?: readonly string[];
  /** The gateway is an image that configures itself, in a network of its own: with `topology: vms`. */
  image?: { nodes: readonly TopologyNode[]; machine: Partial<MachineSpec>; /** Network devices it has that lead nowhere. */ unconnected: number };
}

/** A command that has ended. */
export interface Ran {
  /** "0", "signal 11", "timeout". */
  ended: string;
  ok: boolean;
  stdout: string;
  stderr: string;
  /** Guest seconds. */
  at: number;
  took: number;
}

/** Default time-out of a command, ms. */
const COMMAND_TIMEOUT = 20_000;
/** The same for the network's set-up. */
const SETUP_TIMEOUT = 60_000;
/** Seconds to boot for which time-outs are made: who allows a guest longer (a kernel with KASAN) allows its commands longer too. */
const USUAL_BOOT = 90;

function toRan(reply: Reply): Ran {
  const ended = reply.kind === 'exit' ? String(reply.code) : reply.kind === 'signal' ? `signal ${String(reply.code)}` : reply.kind;
  return {
    ended,
    ok: (reply.kind === 'exit' || reply.kind === 'ok') && reply.code === 0,
    stdout: reply.stdout.toString(),
    stderr: reply.stderr.toString(),
    at: reply.began / 1000,
    took: (reply.ended - reply.began) / 1000,
  };
}

/** Waits for a socket, a bounded time: the machine that makes it reports its own failure. */
async function appears(path: string): Promise<void> {
  for (let tries = 0; tries < 500 && !(await exists(path)); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A node: a machine, or a network namespace of the one machine. */
export class Node {
  constructor(
    readonly name: NodeName,
    private readonly machineOf: () => Machine,
    /** Name of its namespace in the machine; empty: the machine itself. */
    private readonly namespace: string,
  ) {}

  get machine(): Machine {
    return this.machineOf();
  }

  private ask(verb: string, args: readonly (string | Buffer)[], timeout: number): Promise<Reply> {
    const patient = Math.round(timeout * Math.max(1, this.machine.spec.bootTimeout / USUAL_BOOT));
    return this.machine.request([verb, this.namespace, String(patient), ...args], patient);
  }

  /** Runs a program to its end. @throws GuestFault */
  async exec(argv: readonly string[], timeout = COMMAND_TIMEOUT): Promise<Ran> {
    return toRan(await this.ask('exec', argv, timeout));
  }

  /** Runs a shell script. */
  sh(script: string, timeout?: number): Promise<Ran> {
    return this.exec(['sh', '-c', script], timeout);
  }

  /** Starts a program in the background. @returns its handle */
  async start(argv: readonly string[]): Promise<string> {
    const ran = toRan(await this.ask('start', argv, 0));
    if (!ran.ok) throw new Error(`${this.name}: ${argv.join(' ')} did not start: ${ran.stdout}`);
    return ran.stdout;
  }

  /** Waits for a background program's end. */
  async wait(handle: string, timeout = COMMAND_TIMEOUT): Promise<Ran> {
    return toRan(await this.ask('wait', [handle], timeout));
  }

  /** Ends a background program and gives what it printed. */
  async finish(handle: string): Promise<Ran> {
    await this.ask('kill', [handle, '15'], 1000);
    return this.wait(handle, 5000);
  }

  async put(path: string, content: string, mode = '644'): Promise<void> {
    const ran = toRan(await this.ask('put', [path, mode, Buffer.from(content)], 5000));
    if (!ran.ok) throw new Error(`${this.name}: ${path}: ${ran.stdout}`);
  }

  async get(path: string): Promise<string> {
    return toRan(await this.ask('get', [path], 5000)).stdout;
  }

  /** Makes a namespace in this node's machine. @returns the pid of a process in it */
  async namespacePid(name: string): Promise<string> {
    return toRan(await this.ask('node', [name], 5000)).stdout;
  }
}

export class Lab {
  readonly nodes: readonly TopologyNode[];
  private readonly machines = new Map<string, Machine>();
  private readonly byName = new Map<NodeName, Node>();
  private starts = 0;
  /** Seconds of this machine's clock that the last boot took, to the last agent's word. */
  bootSeconds = 0;

  constructor(readonly options: LabOptions) {
    this.nodes = options.image?.nodes ?? TOPOLOGIES[options.nodes];
  }

  /** @throws Error the topology has no such node: a mistake in a scenario */
  node(name: NodeName): Node {
    const node = this.byName.get(name);
    if (!node) throw new Error(`the topology ${this.options.nodes} has no ${name}`);
    return node;
  }

  /** First fault of any machine. */
  fault(): Fault | undefined {
    return [...this.machines.values()].map(({ fault }) => fault).find((each) => each !== undefined);
  }

  private spec(name: string, network: string[]): MachineSpec {
    const { system, initramfs, topology } = this.options;
    const { terminal } = this.options;
    const shell = terminal !== undefined && (topology === 'netns' || name === terminal);
    return {
      name,
      kernel: system.kernel,
      initramfs,
      append: `${system.append}${shell ? ' guest.shell' : ''}`,
      memory: topology === 'netns' ? system.memory + 128 : system.memory,
      cpu: system.cpu[this.options.qemu.accelerator],
      ...(this.options.cpus === undefined ? {} : { cpus: this.options.cpus }),
      network: [...network, ...(name === 'gateway' ? unconnectedNics(this.options.image?.unconnected ?? 0) : []), ...(this.options.qemuArguments ?? [])],
      bootTimeout: this.options.bootTimeout,
      ...(shell ? { terminal: true } : {}),
      ...(this.options.gdb && (topology === 'netns' || name === 'gateway') ? { gdb: this.options.gdb } : {}),
      ...(name === 'gateway' ? { ...(system.gatewayAppend === undefined ? {} : { append: `${system.append} ${system.gatewayAppend}` }), ...this.options.image?.machine } : {}),
    };
  }

  private makeMachine(name: string, network: string[]): Machine {
    const { qemu, sockets, folder } = this.options;
    this.starts += 1;
    const machine = new Machine(this.spec(name, network), qemu, sockets, join(folder, `console-${name}${this.starts > this.nodes.length ? `-${String(this.starts)}` : ''}.log`));
    this.machines.set(name, machine);
    return machine;
  }

  private machine(name: string): Machine {
    const machine = this.machines.get(name);
    if (!machine) throw new Error(`no machine ${name}`);
    return machine;
  }

  /**
   * Boots all machines and configures all nodes.
   * @throws GuestFault, ExpectedError
   */
  async start(): Promise<void> {
    const { folder, sockets } = this.options;
    await mkdir(folder, { recursive: true });
    await mkdir(sockets, { recursive: true });
    const began = Date.now();
    if (this.options.topology === 'netns') await this.startOne();
    else await this.startAll();
    this.bootSeconds = (Date.now() - began) / 1000;
    await Promise.all(this.nodes.filter((node) => !this.isImage(node)).map((node) => this.configure(node)));
  }

  /** True for a gateway that has its addresses and names from itself. */
  private isImage({ role }: TopologyNode): boolean {
    return this.options.image !== undefined && role === 'gateway';
  }

  private async startOne(): Promise<void> {
    const { folder, nic } = this.options;
    if (this.nodes.filter(({ role }) => role === 'gateway').length > 1) {
      throw new ExpectedError({ code: 'usage', what: 'Two gateways need the vms topology: IPVS of 2.6.32 knows no namespaces.', fix: 'Use --topology vms.' });
    }
    const machine = this.makeMachine('guest', netnsWiring(this.nodes, nic, folder));
    await machine.start();
    for (const { name, role } of this.nodes) this.byName.set(name, new Node(name, () => this.machine('guest'), role === 'gateway' ? '' : name));
    const main = new Node('gateway', () => this.machine('guest'), '');
    for (const node of this.nodes) {
      if (node.role === 'gateway') continue;
      const pid = await main.namespacePid(node.name);
      if (!/^\d+$/.test(pid)) {
        throw new ExpectedError({ code: 'environment', what: `The kernel ${this.options.system.release} has no network namespaces (NET_NS).`, fix: 'Use --topology vms, which does without.' });
      }
      // 2.6.32 moves no device that has hardware under it: what moves is a macvlan on the NIC, which stays behind without an address.
      const moves = node.interfaces.flatMap(({ name, segment }) => {
        const mac = macOf(this.nodes, node, segment);
        return [`d=$(grep -l ${mac} /sys/class/net/*/address | cut -d/ -f5)`, 'ip link set $d up', `ip link add link $d name x${name} type macvlan`, `ip link set x${name} netns ${pid}`];
      });
      await this.must(main, ['set -e', ...moves].join('\n'));
      await this.must(this.node(node.name), node.interfaces.map(({ name }) => `ip link set x${name} name ${name}`).join(' && '));
    }
    await this.nameGateway(main, this.nodes.find(({ role }) => role === 'gateway'));
  }

  private async startAll(): Promise<void> {
    const { folder, nic, sockets } = this.options;
    const start = async (node: TopologyNode): Promise<void> => {
      const machine = this.makeMachine(node.name, machineWiring(this.nodes, node, nic, sockets, folder));
      this.byName.set(node.name, new Node(node.name, () => this.machine(node.name), ''));
      await machine.start();
      if (!this.isImage(node)) await this.nameGateway(this.node(node.name), node);
    };
    const holders = this.nodes.filter((node) => hubSockets(this.nodes, node, sockets).length > 0);
    const hubs = holders.flatMap((node) => hubSockets(this.nodes, node, sockets));
    await Promise.all(hubs.map(remove));
    const booting = holders.map(start);
    for (const each of booting) each.catch(() => undefined);
    // QEMU connects once, when it starts: the other end must be there.
    await Promise.race([Promise.all(hubs.map(appears)), Promise.all(booting)]);
    await Promise.all([...booting, ...this.nodes.filter((node) => !holders.includes(node)).map(start)]);
  }

  /** Gives interfaces the names that the topology says. */
  private async nameGateway(node: Node, topologyNode: TopologyNode | undefined): Promise<void> {
    if (!topologyNode) return;
    const find = topologyNode.interfaces.map(({ name, segment }) => `d=$(grep -l ${macOf(this.nodes, topologyNode, segment)} /sys/class/net/*/address | cut -d/ -f5); [ "$d" = ${name} ] || ip link set $d name y${name}`);
    const rename = topologyNode.interfaces.map(({ name }) => `[ -e /sys/class/net/y${name} ] && ip link set y${name} name ${name} || true`);
    await this.must(node, [...find, ...rename].join('\n'));
  }

  private async must(node: Node, script: string): Promise<void> {
    const ran = await node.sh(script, SETUP_TIMEOUT);
    if (ran.ok) return;
    throw new ExpectedError({
      code: 'environment',
      what: `The network of ${node.name} could not be set up in the guest.`,
      why: `${script}\nended with ${ran.ended}: ${ran.stdout}${ran.stderr}`.trim(),
      fix: this.options.topology === 'netns' ? 'This topology needs NET_NS and MACVLAN in the kernel; --topology vms does without.' : 'The kernel lacks something that a gateway needs; see the lines above.',
    });
  }

  /** Gives a node the topology's addresses and routes, whatever it has now. */
  async configure(node: TopologyNode): Promise<void> {
    await this.must(this.node(node.name), configureScript(node));
  }

  private readonly killed = new Set<string>();

  /** Takes the power from a node's machine. */
  async kill(name: NodeName): Promise<void> {
    this.killed.add(name);
    await this.machine(name).stop();
  }

  /** True when nothing can be asked of a node any more. */
  down(name: NodeName): boolean {
    return this.killed.has(name);
  }

  /** Ends all machines; never fails. */
  async stop(): Promise<void> {
    await Promise.all([...this.machines.values()].map((machine) => machine.stop()));
  }

  /** Waits until the machine with the terminal ends. */
  async terminalEnds(): Promise<void> {
    await Promise.race([...this.machines.values()].filter(({ spec }) => spec.terminal).map((machine) => machine.wait()));
  }
}

export { GuestFault };
