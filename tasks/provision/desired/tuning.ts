import type { Effect, HostFacts, Resource } from '../types.js';
import { ETC, GATEWAY, absent, file, usesIpvs, withRole, type Context, type Part } from './context.js';
import { probe } from './effects.js';
import { guarded } from './firewall.js';
import { lines, rest, settingPath, word } from './words.js';

/** Kernel settings, offloads, ring sizes, interrupts, sizes of tables. */

/** ethtool -K's short names, as ethtool -k prints them. */
const FEATURES: Readonly<Record<string, string>> = {
  rx: 'rx-checksumming',
  tx: 'tx-checksumming',
  sg: 'scatter-gather',
  tso: 'tcp-segmentation-offload',
  ufo: 'udp-fragmentation-offload',
  gso: 'generic-segmentation-offload',
  gro: 'generic-receive-offload',
  lro: 'large-receive-offload',
  rxvlan: 'rx-vlan-offload',
  txvlan: 'tx-vlan-offload',
  ntuple: 'ntuple-filters',
  rxhash: 'receive-hashing',
};
const longName = (feature: string): string => FEATURES[feature] ?? feature;

const FORWARDING = new Set(['net.ipv4.ip_forward', 'net.ipv4.conf.all.forwarding', 'net.ipv6.conf.all.forwarding']);
/** Are there once the module is loaded; a file that is read at boot is read before. */
const ofModule = (name: string): boolean => /^net[./](ipv4[./]vs|netfilter)[./]/.test(name);

function settings(context: Context): Part {
  const { gateway, facts } = context;
  const all = Object.entries(gateway.tuning.sysctls).map(([name, value]) => ({ name, value: rest(value) }));
  const set = (part: readonly { name: string; value: string }[]): string => part.map(({ name, value }) => `${settingPath(name)} ${value}\n`).join('');
  // Switched on last; at boot already where something holds back what is not translated.
  const atBoot = all.filter(({ name }) => !ofModule(name) && (!FORWARDING.has(name) || guarded(context)));
  const text = atBoot.map(({ name, value }) => `${word(name)} = ${value}\n`).join('');
  const why = 'kernel settings, at boot and whenever the host reads its own';
  const resources: Resource[] = [
    file('tuning', `${ETC}/sysctls`, set(all.filter(({ name }) => !FORWARDING.has(name))), 'kernel settings, set and read back by the gateway script'),
    file('tuning', `${ETC}/forwarding`, set(all.filter(({ name }) => FORWARDING.has(name))), 'switched on when the rules are in place'),
  ];
  if (text !== '') {
    resources.push(
      facts.init === 'systemd'
        ? file('tuning', '/etc/sysctl.d/90-build-kernel.conf', text, why)
        : { kind: 'block', part: 'tuning', path: '/etc/sysctl.conf', name: 'gateway', content: text, at: 'end', create: { head: '', mode: 0o644 }, why },
    );
  }
  return {
    resources,
    effects: all.map(({ name, value }): Effect => ({ id: `sysctl ${name}`, part: 'tuning', claim: `${name} is ${value}`, probe: probe.setting(name), expect: { equals: value } })),
  };
}

/** Devices that a device is made of: of a bond, a bridge, a VLAN, and so on down. */
function below(facts: HostFacts, device: string, above: readonly string[] = []): string[] {
  const lower = above.includes(device) ? [] : (facts.stacked?.find((each) => each.device === device)?.lower ?? []);
  return [...new Set(lower.flatMap((each) => [each, ...below(facts, each, [...above, device])]))];
}

interface Offload {
  device: string;
  feature: string;
  name: string;
  value: 'on' | 'off';
}

/** Packets are glued together by the hardware that receives them: what a device is made of has its GRO and LRO (offloads.sh does the same on the host). */
function withBelow(facts: HostFacts, all: readonly Offload[]): Offload[] {
  const said = new Set(all.map(({ device, feature }) => `${device} ${feature}`));
  return all.flatMap((each) => {
    if (each.feature !== 'gro' && each.feature !== 'lro') return [each];
    const more = below(facts, each.device).filter((device) => !said.has(`${device} ${each.feature}`));
    for (const device of more) said.add(`${device} ${each.feature}`);
    return [each, ...more.map((device) => ({ ...each, device }))];
  });
}

function offloads({ gateway: { tuning }, facts }: Context): Part {
  const all = Object.entries(tuning.offloads).flatMap(([device, features]) => Object.entries(features).map(([feature, value]): Offload => ({ device, feature, name: longName(feature), value })));
  const rings = Object.entries(tuning.rings).flatMap(([device, sizes]) => (['rx', 'tx'] as const).flatMap((way) => (sizes[way] === undefined ? [] : [{ device, way, size: String(sizes[way]) }])));
  return {
    resources: [
      file('tuning', `${ETC}/offloads`, lines(all.map(({ device, feature, name, value }) => [device, feature, name, value])), 'offloads that this kernel’s forwarding needs off or on'),
      file('tuning', `${ETC}/rings`, lines(rings.map(({ device, way, size }) => [device, way, size])), 'ring sizes of the interfaces'),
    ],
    effects: [
      ...withBelow(facts, all).map(({ device, feature, name, value }): Effect => ({
        id: `offload ${device} ${feature}`,
        part: 'tuning',
        claim: `${name} of ${device} is ${value}`,
        probe: probe.offload(device, name),
        // What a driver does not have is off.
        expect: value === 'off' ? { oneOf: ['off', ''] } : { equals: 'on' },
        needs: 'ethtool',
      })),
      ...rings.map(({ device, way, size }): Effect => ({
        id: `ring ${device} ${way}`,
        part: 'tuning',
        claim: `the ${way} ring of ${device} has ${size === 'max' ? 'all entries that it can have' : `${size} entries`}`,
        probe: probe.ring(device, way, size === 'max'),
        expect: { equals: size },
        needs: 'ethtool',
      })),
    ],
  };
}

/** Interrupts, receive packet steering, and what irqbalance is told. */
function interrupts(context: Context): Part {
  const { gateway } = context;
  const { irq, rps } = gateway.tuning;
  const through = withRole(gateway, 'inside', 'outside').map(({ device }) => device);
  // Which of them have fewer queues than cores is seen on the host: an image has neither.
  const steered = rps ? through : [];
  const spread = irq.policy === 'none' ? [] : through;
  const resources: Resource[] = [
    file('tuning', `${ETC}/irq`, lines(spread.map((device) => [device])), 'interfaces whose interrupts are spread over the cores'),
    file('tuning', `${ETC}/rps`, lines(steered.map((device) => [device])), 'interfaces whose packets are spread where they have fewer queues than cores'),
  ];
  const effects: Effect[] = [];
  if (spread.length > 0 || steered.length > 0) {
    effects.push({ id: 'irq affinity', part: 'tuning', claim: `interrupts of ${through.join(' and ')} are spread over the cores`, probe: probe.run(`${ETC}/set-irq-affinity`, 'check'), expect: { equals: 'ok' } });
  }
  resources.push(...irqbalance(context));
  if (irq.irqbalance === 'off') {
    effects.push({
      id: 'service irqbalance',
      part: 'tuning',
      claim: 'irqbalance does not run',
      probe: probe.process('irqbalance'),
      expect: { equals: 'stopped' },
    });
  }
  return { resources, effects };
}

/** Of this unit of the host's own, what is ours is beside it: when it goes, irqbalance is what it was. */
const IRQBALANCE = '/etc/systemd/system/irqbalance.service.d/build-kernel.conf';

function irqbalance({ gateway: { tuning: { irq } }, facts: { init, programs, distribution, rcFolder } }: Context): Resource[] {
  const policy = irq.irqbalance;
  if (policy === 'off') {
    const why = 'irqbalance moves the interrupts back within ten seconds';
    if (init === 'systemd') return [file('tuning', IRQBALANCE, `# While the gateway is on this host, irqbalance is not started.\n[Unit]\nConditionPathExists=!${GATEWAY}\n`, why)];
    return ['2', '3', '4', '5'].map((level) => absent('tuning', `${rcFolder}/rc${level}.d/S13irqbalance`, why));
  }
  if (policy === 'keep' || irq.policy === 'none' || programs['irqbalance'] === undefined) return [];
  const why = 'irqbalance leaves the gateway’s interrupts alone';
  if (init === 'systemd') {
    return [
      file('tuning', IRQBALANCE, `[Service]\nEnvironmentFile=${ETC}/irqbalance\n`, why),
      file('tuning', `${ETC}/irqbalance`, `IRQBALANCE_ARGS="--policyscript=${ETC}/irq-policy"\n`, why),
    ];
  }
  // EL6's init script is a shell that sources this. irqbalance 0.55 (EL6 to 6.2) knows the variable only, 1.0 (from 6.3 on) the option only.
  const content = `IRQBALANCE_BANNED_INTERRUPTS="$(${ETC}/set-irq-affinity list | tr '\\n' ' ')"\nexport IRQBALANCE_BANNED_INTERRUPTS\nfor _irq in $IRQBALANCE_BANNED_INTERRUPTS; do IRQBALANCE_ARGS="$IRQBALANCE_ARGS --banirq=$_irq"; done\n`;
  const path = distribution.id === 'debian' || distribution.id === 'ubuntu' ? '/etc/default/irqbalance' : '/etc/sysconfig/irqbalance';
  return [{ kind: 'block', part: 'tuning', path, name: 'gateway', content, at: 'end', create: { head: '', mode: 0o644 }, why }];
}

/** Sizes that a module takes when it is loaded. */
function tables({ gateway }: Context): Part {
  const { conntrack, ipvsTableBits } = gateway.tuning;
  const bits = usesIpvs(gateway) ? ipvsTableBits : undefined;
  const options = [
    ...(conntrack.buckets === undefined ? [] : [`options nf_conntrack hashsize=${String(conntrack.buckets)}\n`]),
    ...(bits === undefined ? [] : [`options ip_vs conn_tab_bits=${String(bits)}\n`]),
  ];
  const parameter = (module: string, name: string, value: number, claim: string): Effect => ({
    id: `parameter ${module}.${name}`,
    part: 'tuning',
    claim,
    probe: probe.file(`/sys/module/${module}/parameters/${name}`),
    expect: { equals: String(value) },
  });
  return {
    resources: options.length === 0 ? [] : [file('tuning', '/etc/modprobe.d/build-kernel.conf', options.join(''), 'sizes of the connection tables')],
    effects: [
      ...(bits === undefined ? [] : [parameter('ip_vs', 'conn_tab_bits', bits, `IPVS’s connection table has 2^${String(bits)} rows`)]),
      ...(conntrack.buckets === undefined ? [] : [parameter('nf_conntrack', 'hashsize', conntrack.buckets, `the conntrack table has ${String(conntrack.buckets)} rows`)]),
    ],
  };
}

export function tuning(context: Context): Part[] {
  return [settings(context), offloads(context), interrupts(context), tables(context)];
}
