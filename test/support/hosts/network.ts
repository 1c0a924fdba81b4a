import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, remove } from '../../../tasks/lib/files.js';
import { makeInitramfs } from '../../../tasks/verify/guest/initramfs.js';
import type { GuestSystem } from '../../../tasks/verify/guest/system.js';
import { ensureUserland } from '../../../tasks/verify/guest/userland.js';
import { Node } from '../../../tasks/verify/lab/lab.js';
import { configureScript, macOf, TOPOLOGIES, type Interface, type NodeName, type Segment, type TopologyName, type TopologyNode } from '../../../tasks/verify/lab/topology.js';
import { hubSockets, machineWiring } from '../../../tasks/verify/lab/wiring.js';
import { Machine } from '../../../tasks/verify/vm/machine.js';
import { chooseAccelerator, findQemu } from '../../../tasks/verify/vm/qemu.js';
import type { HostsContext } from './context.js';
import type { Host } from './host.js';

/**
 * The networks around a host that is provisioned: a client inside and a server outside, as verify has them
 * (tasks/verify/lab/topology.ts says who has which address). They hold the wires: hosts may come and go.
 */

export interface NetworkOptions {
  /** What client and server run. */
  system: GuestSystem;
  topology: TopologyName;
  /** Scratch; sockets are in it, so a short path. */
  folder: string;
  bootTimeout?: number;
}

export class HostNetwork {
  private readonly machines = new Map<NodeName, Machine>();
  private readonly guests = new Map<NodeName, Node>();

  private constructor(
    private readonly nodes: readonly TopologyNode[],
    private readonly sockets: string,
    private readonly folder: string,
  ) {}

  /** Starts client and server. Hosts are started afterwards, with `wiring`. */
  static async start(context: HostsContext, options: NetworkOptions): Promise<HostNetwork> {
    const { system, topology, folder, bootTimeout = 300 } = options;
    const network = new HostNetwork(TOPOLOGIES[topology], join(folder, 's'), folder);
    await mkdir(network.sockets, { recursive: true });
    const userland = await ensureUserland(context);
    const initramfs = await makeInitramfs({ system, userland, nic: 'e1000', folder: join(folder, 'guest'), log: context.log });
    const qemu = await chooseAccelerator(await findQemu('vms'), system.cpu.kvm, 'tcg');
    const wires: string[] = [];
    try {
      await Promise.all(
        network.nodes
          .filter(({ role }) => role !== 'gateway')
          .map(async (node) => {
            const sockets = hubSockets(network.nodes, node, network.sockets);
            wires.push(...sockets);
            for (const socket of sockets) await remove(socket);
            const machine = new Machine(
              {
                name: node.name,
                kernel: system.kernel,
                initramfs,
                append: system.append,
                memory: system.memory,
                cpu: system.cpu.tcg,
                network: machineWiring(network.nodes, node, 'e1000', network.sockets, folder),
                bootTimeout,
              },
              qemu,
              network.sockets,
              join(folder, `console-${node.name}.log`),
            );
            network.machines.set(node.name, machine);
            const guest = new Node(node.name, () => machine, '');
            network.guests.set(node.name, guest);
            await machine.start();
            const ran = await guest.sh(configureScript(node));
            if (!ran.ok) throw new Error(`${node.name}: ${ran.stdout}${ran.stderr}`);
          }),
      );
      for (const wire of wires) if (!(await exists(wire))) throw new Error(`${wire} is missing`);
    } catch (error) {
      await network.stop();
      throw error;
    }
    return network;
  }

  private node(name: NodeName): TopologyNode {
    const node = this.nodes.find((each) => each.name === name);
    if (!node) throw new Error(`no ${name} in this topology`);
    return node;
  }

  /** client or server: runs `traffic` and what else is in the guest. */
  guest(name: 'client' | 'server'): Node {
    const guest = this.guests.get(name);
    if (!guest) throw new Error(`no guest ${name}`);
    return guest;
  }

  /** For HostOptions.network: NICs inside, isp1, isp2, in this order after the management NIC; captures are kept here. */
  wiring(name: 'gateway' | 'gateway2', nic: 'e1000' | 'virtio-net' = 'e1000'): string[] {
    return machineWiring(this.nodes, this.node(name), nic, this.sockets, this.folder);
  }

  /** MAC address of a gateway's NIC on a segment. */
  mac(name: 'gateway' | 'gateway2', segment: Segment): string {
    return macOf(this.nodes, this.node(name), segment);
  }

  /** What a gateway's NIC has in the topology. */
  interface(name: 'gateway' | 'gateway2', segment: Segment): Interface {
    const found = this.node(name).interfaces.find((each) => each.segment === segment);
    if (!found) throw new Error(`${name} has no ${segment}`);
    return found;
  }

  /** Arguments of `ip route add` that a gateway has in the topology. */
  routes(name: 'gateway' | 'gateway2'): readonly string[] {
    return this.node(name).routes;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.machines.values()].map((machine) => machine.stop()));
  }

  /** Names of a host's NICs by segment, as the host itself calls them. */
  async names(host: Host, name: 'gateway' | 'gateway2'): Promise<Record<Segment, string>> {
    const { stdout } = await host.run('for d in /sys/class/net/*; do echo "${d##*/} $(cat $d/address)"; done');
    const byMac = new Map(stdout.split('\n').map((line) => line.split(' ').reverse() as [string, string]));
    const of = (segment: Segment): string => {
      const found = byMac.get(this.mac(name, segment));
      if (found === undefined) throw new Error(`${host.name} has no NIC on ${segment}:\n${stdout}`);
      return found;
    };
    return { inside: of('inside'), isp1: of('isp1'), isp2: of('isp2') };
  }
}
