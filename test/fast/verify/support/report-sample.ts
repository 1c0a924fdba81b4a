import type { Check, DrawnNode, ScenarioResult, Status, Step, VerifyReport } from '../../../../tasks/verify/types.js';

/** Made-up runs for the tests of the reports. */

export const STATUSES: readonly Status[] = ['pass', 'fail', 'broken', 'unexpected', 'skip', 'error'];

export function step(change: Partial<Step> = {}): Step {
  return { node: 'gateway', command: 'ipvsadm -Ln', ended: '0', output: 'IP Virtual Server version 1.2.1\n', at: 4.1, took: 0.2, ...change };
}

export function check(change: Partial<Check> = {}): Check {
  return { what: 'source address at the server', expected: '121.14.161.100', seen: '121.14.161.100', ok: true, ...change };
}

export function scenario(name: string, status: Status = 'pass', change: Partial<ScenarioResult> = {}): ScenarioResult {
  const reason = status === 'pass' ? {} : { reason: `why ${name} is ${status}` };
  return { name, claim: `What ${name} claims.`, status, steps: [], checks: [], captures: [], seconds: 1.2, ...reason, ...change };
}

export function report(scenarios: ScenarioResult[], change: Partial<VerifyReport> = {}): VerifyReport {
  return {
    subject: 'dsnat-220',
    release: '2.6.32-220.23.1.el6.dsnat',
    source: '/srv/artifacts/dsnat-220',
    date: '2026-11-21T09:30:05.123Z',
    accelerator: 'tcg',
    qemu: '7.2.22',
    topology: 'netns',
    nic: 'virtio-net-pci',
    times: { boot: 14.2, firstPacket: 21.5, total: 187 },
    nodes: FIVE_NODES,
    scenarios,
    folder: '/srv/reports/dsnat-220',
    ...change,
  };
}

const on = (name: string, segment: string, ...addresses: string[]): DrawnNode['interfaces'][number] => ({ name, segment, addresses });

/** Two gateways on three segments, with a pool of addresses. */
export const FIVE_NODES: DrawnNode[] = [
  { name: 'server', role: 'server', interfaces: [on('eth0', 'wan', '203.0.113.80/24', '2001:db8:113::80/64')] },
  {
    name: 'gateway-a',
    role: 'gateway',
    interfaces: [
      on('eth0', 'lan', '10.1.0.1/16', '10.1.0.254/32', '2001:db8:10:1::1/64', 'fe80::5054:ff:fe12:3456/64'),
      on('eth1', 'wan', '203.0.113.2/24', '121.14.161.100/32', '121.14.161.101/32', '121.14.161.102/32', '121.14.161.103/32', '2001:db8:113::2/64'),
      on('eth2', 'sync', '192.0.2.1/30'),
    ],
  },
  {
    name: 'gateway-b',
    role: 'gateway',
    interfaces: [on('eth0', 'lan', '10.1.0.2/16'), on('eth1', 'wan', '203.0.113.3/24'), on('eth2', 'sync', '192.0.2.2/30')],
  },
  { name: 'client-1', role: 'client', interfaces: [on('eth0', 'lan', '10.1.0.10/16', '10.1.0.11/16')] },
  { name: 'client-2', role: 'client', interfaces: [on('eth0', 'lan', '10.1.8.10/16')] },
];

/** Any number of nodes, each on one to three of four segments, named by their number. */
export function manyNodes(count: number): DrawnNode[] {
  const roles = ['client', 'gateway', 'server'] as const;
  return Array.from({ length: count }, (_, node) => ({
    name: `node-${String(node)}`,
    role: roles[node % 3] ?? 'client',
    interfaces: Array.from({ length: 1 + (node % 3) }, (_unused, index) =>
      on(`eth${String(index)}`, `segment-${String((node + index) % 4)}`, ...Array.from({ length: (node * 2 + index * 5) % 7 }, (_none, host) => `10.${String(node)}.${String(index)}.${String(host)}/24`)),
    ),
  }));
}

/** Everything at once: what each status looks like when it has all its parts. */
export function fullReport(): VerifyReport {
  const captures = [
    { segment: 'wan', file: 'captures/snat-udp wan.pcap', packets: 14, lines: ['21.502 IP 10.1.0.10.40000 > 203.0.113.80.53: UDP, length 32', '21.503 IP 203.0.113.80.53 > 10.1.0.10.40000: UDP, length 32'] },
  ];
  return report([
    scenario('snat-tcp', 'pass', { claim: 'A TCP connection of a client reaches the server from an address of the pool, and its answers come back.', steps: [step({ node: 'client-1', command: 'wget -qO- http://203.0.113.80/', output: 'hello\n' })], checks: [check()] }),
    scenario('snat-udp', 'fail', {
      claim: 'A UDP datagram of a client reaches the server from an address of the pool.',
      reason: 'The datagram left with the private source address: no service took it.',
      steps: [step(), step({ node: 'client-1', command: "echo ping | nc -u -w1 203.0.113.80 53", ended: '1', output: '', took: 1.1 })],
      checks: [check(), check({ what: 'source address of the datagram', seen: '10.1.0.10', ok: false })],
      captures,
    }),
    scenario('icmp', 'broken', { claim: 'An ICMP error of the server reaches the client.', reason: "Upstream's handler of ICMP errors knows FULLNAT connections only.", checks: [check({ what: 'port unreachable at the client', expected: '1 packet', seen: 'none', ok: false })] }),
    scenario('zones', 'unexpected', { claim: 'Clients of a zone without a pool are forwarded unchanged.' }),
    scenario('vrrp', 'skip', { claim: 'The backup takes over when the master goes away.', reason: 'One gateway in this topology.' }),
    scenario('keepalived', 'error', {
      claim: 'keepalived configures the service.',
      reason: 'The guest went away.',
      steps: [step({ command: 'keepalived -f /etc/keepalived.conf', ended: 'timeout', output: Array.from({ length: 20 }, (_, line) => `line ${String(line)}`).join('\n') })],
      fault: { kind: 'panic', node: 'gateway-a', what: 'Kernel panic - not syncing: Fatal exception in interrupt', trace: ['Call Trace:', ' <IRQ>', ' [<ffffffffa01234>] ip_vs_in+0x1a/0x400 [ip_vs]'], log: '/srv/reports/dsnat-220/gateway-a.log' },
    }),
  ]);
}
