import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../../../tasks/lib/paths.js';

/** The script that spreads interrupts, on machines that are folders. */

const SCRIPT = join(packageRoot, 'templates/provision/gateway/set-irq-affinity');
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'irq-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), text);
}

interface Machine {
  cpus: string;
  /** Lines of /proc/interrupts, IRQ to name. */
  irqs: Readonly<Record<number, string>>;
  devices: readonly { device: string; node?: string; near?: string; virtio?: string; msi?: readonly number[]; queues?: number }[];
  policy?: string;
  rps?: readonly string[];
}

function machine({ cpus, irqs, devices, policy = 'spread', rps = [] }: Machine): void {
  put('sys/devices/system/cpu/online', `${cpus}\n`);
  put('proc/interrupts', `            CPU0       CPU1\n${Object.entries(irqs).map(([irq, name]) => ` ${irq}:        1         2   PCI-MSI-edge      ${name}\n`).join('')}NMI:          0          0   Non-maskable interrupts\n`);
  for (const irq of Object.keys(irqs)) put(`proc/irq/${irq}/smp_affinity`, 'ffffffff,ffffffff\n');
  for (const { device, node, near, virtio, msi, queues = 1 } of devices) {
    const at = virtio === undefined ? `sys/devices/pci/${device}` : `sys/devices/pci/${device}/${virtio}`;
    put(`${at}/x`, '');
    if (node !== undefined) put(`${at}/numa_node`, `${node}\n`);
    if (near !== undefined) put(`${at}/local_cpulist`, `${near}\n`);
    for (const irq of msi ?? []) {
      put(`sys/devices/pci/${device}/msi_irqs/${String(irq)}`, 'msix\n');
      put(`proc/irq/${String(irq)}/smp_affinity`, 'ff\n');
    }
    mkdirSync(join(dir, 'sys/class/net', device), { recursive: true });
    symlinkSync(join(dir, at), join(dir, 'sys/class/net', device, 'device'));
    for (let queue = 0; queue < queues; queue += 1) put(`sys/class/net/${device}/queues/rx-${String(queue)}/rps_cpus`, '0\n');
  }
  put('conf/gateway.conf', `IRQ_POLICY=${policy}\n`);
  put('conf/irq', devices.map(({ device }) => `${device}\n`).join(''));
  put('conf/rps', rps.map((device) => `${device}\n`).join(''));
}

const env = (): NodeJS.ProcessEnv => ({ ...process.env, BUILD_KERNEL_CONF: join(dir, 'conf'), BUILD_KERNEL_STATE: join(dir, 'state'), BUILD_KERNEL_SYS: join(dir, 'sys'), BUILD_KERNEL_PROC: join(dir, 'proc') });
const run = (shell: string, action?: string): { status: number | null; text: string } => {
  const [program = '', ...rest] = shell.split(' ');
  const { status, stdout, stderr } = spawnSync(program, [...rest, SCRIPT, ...(action === undefined ? [] : [action])], { env: env(), encoding: 'utf8', timeout: 30_000 });
  return { status, text: `${stdout}${stderr}`.trim() };
};
const affinity = (...irqs: number[]): string[] => irqs.map((irq) => readFileSync(join(dir, `proc/irq/${String(irq)}/smp_affinity`), 'utf8').trim());

describe.each(['dash', 'busybox sh'])('set-irq-affinity in %s', (shell) => {
  it('puts queue N on core N, a pair of rx and tx on one, and asks no core of a link interrupt', () => {
    machine({ cpus: '0-3', irqs: { 40: 'eth0-rx-0', 41: 'eth0-tx-0', 42: 'eth0-rx-1', 43: 'eth0-tx-1', 44: 'eth0:lsc', 50: 'eth10-rx-0' }, devices: [{ device: 'eth0' }] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(40, 41, 42, 43)).toEqual(['00000001', '00000001', '00000002', '00000002']);
    expect(affinity(44, 50)).toEqual(['ffffffff,ffffffff', 'ffffffff,ffffffff']);
    expect(run(shell, 'check')).toEqual({ status: 0, text: 'ok' });
    expect(run(shell, 'list').text.split('\n')).toEqual(['40', '41', '42', '43']);
  });

  it('knows virtio by the name of its bus, and spreads cards with one queue', () => {
    machine({ cpus: '0-1', irqs: { 24: 'virtio0-config', 25: 'virtio0-input.0', 26: 'virtio0-output.0', 27: 'virtio1-config', 28: 'virtio1-input.0', 29: 'virtio1-output.0' }, devices: [{ device: 'eth0', virtio: 'virtio0' }, { device: 'eth1', virtio: 'virtio1' }] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(25, 26)).toEqual(['00000001', '00000001']);
    expect(new Set(affinity(28, 29)).size).toBe(1);
    expect(affinity(24, 27)).toEqual(['ffffffff,ffffffff', 'ffffffff,ffffffff']);
  });

  it('stays on the card’s NUMA node with the policy numa, beyond core 32 too', () => {
    const irqs = { 60: 'p1p1-TxRx-0', 61: 'p1p1-TxRx-1', 62: 'p1p1-TxRx-2' };
    machine({ cpus: '0-63', irqs, devices: [{ device: 'p1p1', node: '1', near: '31-33' }], policy: 'numa' });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(60, 61, 62)).toEqual(['80000000', '00000001,00000000', '00000002,00000000']);
  });

  it('knows numbers with zeros before them', () => {
    machine({ cpus: '0-9', irqs: { 40: 'eth0-rx-08', 41: 'eth0-rx-00' }, devices: [{ device: 'eth0' }] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(40, 41)).toEqual(['00000100', '00000001']);
  });

  it('takes the interrupts of the PCI function where no name tells', () => {
    machine({ cpus: '0-3', irqs: { 9: 'acpi' }, devices: [{ device: 'eth0', msi: [70, 71] }] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(70, 71)).toEqual(['00000001', '00000002']);
  });

  it('works with one core, and gives back what was there', () => {
    machine({ cpus: '0', irqs: { 40: 'eth0' }, devices: [{ device: 'eth0' }], rps: ['eth0'] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(40)).toEqual(['00000001']);
    expect(run(shell, 'restore').status).toBe(0);
    expect(affinity(40)).toEqual(['ffffffff,ffffffff']);
  });

  it('steers received packets over all cores, and check says what another changed', () => {
    machine({ cpus: '0-3,8', irqs: { 40: 'eth0' }, devices: [{ device: 'eth0', queues: 2 }], policy: 'none', rps: ['eth0'] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    const steered = (): string => execFileSync('cat', [join(dir, 'sys/class/net/eth0/queues/rx-1/rps_cpus')], { encoding: 'utf8' }).trim();
    expect(steered()).toBe('0000010f');
    expect(affinity(40)).toEqual(['ffffffff,ffffffff']);
    put('sys/class/net/eth0/queues/rx-1/rps_cpus', '3\n');
    const checked = run(shell, 'check');
    expect(checked.status).toBe(1);
    expect(checked.text).toContain('rx-1 of eth0 is on 3, not 10f');
    expect(steered()).toBe('3');
  });

  it('spreads what a bond and a VLAN are made of, each once', () => {
    machine({ cpus: '0-3', irqs: { 40: 'eth0-TxRx-0', 41: 'eth1-TxRx-0', 42: 'eth2' }, devices: [{ device: 'eth0' }, { device: 'eth1' }, { device: 'eth2' }] });
    for (const [upper, lower] of [['bond0', 'eth0'], ['bond0', 'eth1'], ['bond0.7', 'bond0']] as const) {
      mkdirSync(join(dir, 'sys/class/net', upper), { recursive: true });
      symlinkSync(join(dir, 'sys/class/net', lower), join(dir, 'sys/class/net', upper, `lower_${lower}`));
    }
    // As 2.6.32 says it.
    put('sys/class/net/bond1/bonding/slaves', 'eth2\n');
    put('proc/net/vlan/bond1.8', 'bond1.8  VID: 8\t REORDER_HDR: 1\nDevice: bond1\nINGRESS priority mappings: 0:0\n');
    put('sys/class/net/bond1.8/queues/rx-0/rps_cpus', '0\n');
    put('conf/irq', 'bond0\nbond0.7\nbond1.8\n');
    put('conf/rps', 'bond1.8\n');
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(40, 41, 42)).toEqual(['00000001', '00000002', '00000004']);
    expect(run(shell, 'list').text.split('\n')).toEqual(['40', '41', '42']);
    expect(readFileSync(join(dir, 'sys/class/net/eth2/queues/rx-0/rps_cpus'), 'utf8').trim()).toBe('0000000f');
    expect(readFileSync(join(dir, 'sys/class/net/bond1.8/queues/rx-0/rps_cpus'), 'utf8').trim()).toBe('0');
  });

  it('gives back what is the gateway’s no longer, and steers no card with a queue for each core', () => {
    machine({ cpus: '0-1', irqs: { 40: 'eth0-rx-0', 41: 'eth0-rx-1', 42: 'eth1' }, devices: [{ device: 'eth0', queues: 2 }, { device: 'eth1' }], rps: ['eth0', 'eth1'] });
    expect(run(shell)).toEqual({ status: 0, text: '' });
    const steered = (device: string): string => readFileSync(join(dir, `sys/class/net/${device}/queues/rx-0/rps_cpus`), 'utf8').trim();
    expect([steered('eth0'), steered('eth1')]).toEqual(['0', '00000003']);
    put('conf/irq', 'eth0\n');
    put('conf/rps', '');
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(40, 41, 42)).toEqual(['00000001', '00000002', 'ffffffff,ffffffff']);
    expect(steered('eth1')).toBe('0');
    put('conf/gateway.conf', 'IRQ_POLICY=none\n');
    expect(run(shell)).toEqual({ status: 0, text: '' });
    expect(affinity(40, 41)).toEqual(['ffffffff,ffffffff', 'ffffffff,ffffffff']);
  });
});
