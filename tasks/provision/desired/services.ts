import type { Effect, Resource } from '../types.js';
import { ETC, file, link, script, withRole, type Context, type Part } from './context.js';
import { command, word } from './words.js';
import { plain, render } from './templates.js';

/** What starts the gateway at boot and puts its settings back after an interface came up again. */

const PARTS = ['common.sh', 'modules.sh', 'sysctls.sh', 'drain.sh', 'network.sh', 'offloads.sh', 'netfilter.sh', 'rules.sh', 'rules.awk'];
const PROGRAMS = ['gateway', 'set-irq-affinity', 'irq-policy'];

/** Links that start a script in levels 2 to 5 and stop it in 0, 1 and 6. */
export function rcLinks(part: string, rcFolder: string, name: string, start: number, stop: number | undefined, why: string): Resource[] {
  const two = (number: number): string => String(number).padStart(2, '0');
  const at = (level: number, letter: string, number: number): Resource => link(part, `${rcFolder}/rc${String(level)}.d/${letter}${two(number)}${name}`, `../init.d/${name}`, why);
  return [...[2, 3, 4, 5].map((level) => at(level, 'S', start)), ...(stop === undefined ? [] : [0, 1, 6].map((level) => at(level, 'K', stop)))];
}

function sysv({ facts: { rcFolder } }: Context): Resource[] {
  const block = (path: string, name: string, content: string, why: string, head: string): Resource => ({ kind: 'block', part: 'services', path, name, content, at: 'start', create: { head, mode: 0o755 }, why });
  return [
    script('services', `${rcFolder}/init.d/build-kernel-guard`, plain('sysv/build-kernel-guard'), 'before the network: modules, and nothing leaves untranslated'),
    ...rcLinks('services', rcFolder, 'build-kernel-guard', 9, undefined, 'the guard comes before the network'),
    script('services', `${rcFolder}/init.d/build-kernel-gateway`, plain('sysv/build-kernel-gateway'), 'starts and stops the gateway'),
    ...rcLinks('services', rcFolder, 'build-kernel-gateway', 11, 89, 'the gateway starts at boot'),
    // Other scripts may have undone a setting by then; it also starts the gateway where the links are not looked at.
    block(`${rcFolder}/rc.local`, 'gateway', `${ETC}/gateway settle >>/var/log/build-kernel.log 2>&1\n`, 'after all other scripts: what they undid is put back', '#!/bin/sh\n'),
    block('/sbin/ifup-local', 'gateway', `${ETC}/gateway device "$1" >>/var/log/build-kernel.log 2>&1\n`, 'offloads and interrupts survive ifup', '#!/bin/sh\n'),
    file('logs', '/etc/logrotate.d/build-kernel', plain('logrotate'), 'the gateway’s log is rotated'),
  ];
}

/** A device's name in a udev rule, where signs of a pattern would match others and a quote would end it. */
const pattern = (device: string): string => word(device).replaceAll(/[*?[\]|"\\]/g, '?');

function systemd({ gateway, facts }: Context): Resource[] {
  const units = '/etc/systemd/system';
  const unit = (name: string, why: string): Resource[] => [
    file('services', `${units}/${name}`, plain(`systemd/${name}`), why),
    link('services', `${units}/multi-user.target.wants/${name}`, `../${name}`, `${name} starts at boot`),
  ];
  const devices = withRole(gateway, 'inside', 'outside').map(({ device }) => device);
  const debian = facts.distribution.id === 'debian' || facts.distribution.id === 'ubuntu';
  return [
    ...unit('build-kernel-guard.service', 'before the network: modules, and nothing leaves untranslated'),
    ...unit('build-kernel-gateway.service', 'starts, reloads and stops the gateway'),
    file('services', '/etc/udev/rules.d/70-build-kernel.rules', render('udev.rules.eta', { devices, pattern }), 'offloads and interrupts survive a device that comes anew'),
    ...(debian ? [script('services', '/etc/network/if-up.d/build-kernel', plain('if-up'), 'offloads and interrupts survive ifup')] : []),
    ...(facts.programs['networkctl'] === undefined
      ? []
      : [
          file('services', `${units}/build-kernel-settle.service`, plain('systemd/build-kernel-settle.service'), 'puts back what systemd-networkd takes away when it starts'),
          file('services', `${units}/systemd-networkd.service.d/build-kernel.conf`, plain('systemd/networkd-drop-in.conf'), 'systemd-networkd drops addresses that are not its own'),
        ]),
    ...(facts.programs['nmcli'] === undefined ? [] : [script('services', '/etc/NetworkManager/dispatcher.d/70-build-kernel', plain('nm-dispatcher'), 'offloads and interrupts survive NetworkManager')]),
  ];
}

/** Values that the scripts source; every one is quoted. */
function settings(context: Context): Resource {
  const { gateway } = context;
  const ownModules = context.artifact.manifest.build === 'modules';
  return file(
    'rules',
    `${ETC}/gateway.conf`,
    render('gateway.conf.eta', {
      values: {
        IRQ_POLICY: gateway.tuning.irq.policy,
        // There is this file once the module with the SNAT gateway is loaded.
        IP_VS_MARK: ownModules ? '/proc/sys/net/ipv4/vs/snat_guard' : '',
        CONNTRACK_BUCKETS: String(gateway.tuning.conntrack.buckets ?? ''),
        IP_VS_BITS: gateway.tuning.ipvsTableBits === undefined ? '' : String(gateway.tuning.ipvsTableBits),
      },
    }),
    'how the gateway’s scripts behave',
  );
}

export function services(context: Context): Part {
  const { facts } = context;
  const effects: Effect[] =
    facts.init === 'systemd'
      ? ['build-kernel-guard.service', 'build-kernel-gateway.service'].map((name) => ({ id: `service ${name}`, part: 'services', claim: `${name} is active`, probe: `${command(['systemctl', 'is-active', name])} 2>&1`, expect: { equals: 'active' } }))
      : [];
  return {
    resources: [
      settings(context),
      ...PARTS.map((name) => file('rules', `${ETC}/${name}`, plain(`gateway/${name}`), 'a part of the gateway script')),
      ...PROGRAMS.map((name) => script('rules', `${ETC}/${name}`, plain(`gateway/${name}`), name === 'gateway' ? 'start, reload, stop, status of the gateway' : 'interrupts and cores')),
      ...(facts.init === 'systemd' ? systemd(context) : sysv(context)),
    ],
    effects,
  };
}
