import { join } from 'node:path';
import type { Nic } from '../guest/initramfs.js';
import { macOf, SEGMENTS, type Segment, type TopologyNode } from './topology.js';

/** How NICs are joined: QEMU's hubs, and between machines streams over unix sockets. Nothing touches the host's network. */

const DEVICES: Record<Nic, string> = { 'virtio-net': 'virtio-net-pci', e1000: 'e1000', e1000e: 'e1000e', '8139': 'rtl8139' };
/** Bytes of each packet that a capture keeps: all headers, and enough of the payload to read it. */
const SNAPLEN = 256;

const port = (node: TopologyNode, segment: Segment): string => `${node.name}-${segment}`;

function device(nodes: readonly TopologyNode[], node: TopologyNode, segment: Segment, nic: Nic): string[] {
  // No option ROM: nothing boots from the network.
  return ['-device', `${DEVICES[nic]},netdev=${port(node, segment)},mac=${macOf(nodes, node, segment)},romfile=`];
}

/** A capture of what the gateway's NIC on a segment sends and receives. */
function capture(node: TopologyNode, segment: Segment, folder: string): string[] {
  return ['-object', `filter-dump,id=dump-${segment},netdev=${port(node, segment)},file=${captureFile(folder, node.name, segment)},maxlen=${String(SNAPLEN)}`];
}

export function captureFile(folder: string, node: string, segment: Segment): string {
  return join(folder, `${node}-${segment}.pcap`);
}

/** One machine with the NICs of all nodes, joined by hubs inside QEMU. The gateway's come first: they are eth0 … there. */
export function netnsWiring(nodes: readonly TopologyNode[], nic: Nic, folder: string): string[] {
  const args: string[] = [];
  for (const node of nodes) {
    for (const { segment } of node.interfaces) {
      args.push('-netdev', `hubport,id=${port(node, segment)},hubid=${String(SEGMENTS.indexOf(segment))}`);
      args.push(...device(nodes, node, segment, nic));
      if (node.role === 'gateway') args.push(...capture(node, segment, folder));
    }
  }
  return args;
}

/** The machine that holds a segment's hub; the others connect to it. */
function holder(nodes: readonly TopologyNode[], segment: Segment): TopologyNode | undefined {
  return nodes.find((node) => node.role !== 'gateway' && node.interfaces.some((each) => each.segment === segment));
}

function memberSocket(sockets: string, member: TopologyNode, segment: Segment): string {
  return join(sockets, `${segment}-${member.name}`);
}

/** Sockets that a machine listens on for the others. */
export function hubSockets(nodes: readonly TopologyNode[], node: TopologyNode, sockets: string): string[] {
  return node.interfaces
    .filter(({ segment }) => holder(nodes, segment) === node)
    .flatMap(({ segment }) => nodes.filter((member) => member !== node && member.interfaces.some((each) => each.segment === segment)).map((member) => memberSocket(sockets, member, segment)));
}

/** NICs of one machine of several. Machines that hold hubs must run before those that connect to them. */
export function machineWiring(nodes: readonly TopologyNode[], node: TopologyNode, nic: Nic, sockets: string, folder: string): string[] {
  const args: string[] = [];
  for (const { segment } of node.interfaces) {
    const hub = String(SEGMENTS.indexOf(segment));
    if (holder(nodes, segment) === node) {
      args.push('-netdev', `hubport,id=${port(node, segment)},hubid=${hub}`);
      for (const member of nodes) {
        if (member === node || !member.interfaces.some((each) => each.segment === segment)) continue;
        args.push('-netdev', `stream,id=to-${port(member, segment)},server=on,addr.type=unix,addr.path=${memberSocket(sockets, member, segment)}`);
        args.push('-netdev', `hubport,id=hub-${port(member, segment)},hubid=${hub},netdev=to-${port(member, segment)}`);
      }
    } else {
      args.push('-netdev', `stream,id=${port(node, segment)},server=off,addr.type=unix,addr.path=${memberSocket(sockets, node, segment)}`);
    }
    args.push(...device(nodes, node, segment, nic));
    if (node.role === 'gateway') args.push(...capture(node, segment, folder));
  }
  return args;
}

/** NICs with nothing at the other end, after all others. */
export function unconnectedNics(count: number): string[] {
  return Array.from({ length: count }, (_, index) => ['-netdev', `hubport,id=alone-${String(index)},hubid=${String(90 + index)}`, '-device', `virtio-net-pci,netdev=alone-${String(index)},romfile=`]).flat();
}
