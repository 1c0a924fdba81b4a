import { posix } from 'node:path';
import type { HostFacts } from '../types.js';

/** Reads what templates/provision/facts.sh says: lines of NAME<TAB>VALUE…. */

/** Thrown when the script did not come to its end. */
export class CutShort extends Error {}

const INITRAMFS_TOOLS = ['dracut', 'update-initramfs', 'mkinitrd'] as const;

function number(text: string | undefined): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/**
 * @throws CutShort when the first or last line is missing
 */
export function parseFacts(output: string): HostFacts {
  const rows = output.split('\n').map((line) => line.split('\t'));
  const all = (name: string): string[][] => rows.filter((row) => row[0] === name).map((row) => row.slice(1));
  const first = (name: string): string[] => all(name)[0] ?? [];
  if (first('facts')[0] !== '1' || first('end')[0] !== '1') throw new CutShort(output.slice(-400));

  const addresses = all('address');
  const programs = Object.fromEntries(all('program').map(([name = '', path = '']) => [name, path]));
  const [kind, config] = first('bootloader');
  const [rootDevice = '', fstype = '', uuid = ''] = first('root');
  const [address = '', device = '', client = ''] = first('management');
  const [id = 'linux', version = ''] = first('distribution');
  const initramfsTool = INITRAMFS_TOOLS.find((name) => programs[name] !== undefined);
  const release = first('release')[0];
  const lower = all('lower');
  return {
    arch: first('arch')[0] ?? 'unknown',
    ...(release === undefined ? {} : { release }),
    distribution: { id, version },
    init: first('init')[0] === 'systemd' ? 'systemd' : 'sysv',
    rcFolder: first('rc-folder')[0] ?? '/etc',
    bootloader: { kind: kind === 'grub2' || kind === 'grub-legacy' ? kind : 'none', ...(config ? { config: posix.normalize(config) } : {}) },
    ...(initramfsTool === undefined ? {} : { initramfsTool }),
    freeKib: Object.fromEntries(all('free').map(([folder = '', free]) => [folder, number(free)])),
    readOnly: all('read-only').map(([folder = '']) => folder),
    interfaces: all('interface').map(([name = '', mac = '', driver = '', modalias = '', up = '', queues]) => ({
      device: name,
      mac,
      ...(driver === '' ? {} : { driver }),
      ...(modalias === '' ? {} : { modalias }),
      modaliases: all('interface-modalias').filter((row) => row[0] === name).map((row) => row[1] ?? ''),
      up: up === 'up',
      addresses: addresses.filter((row) => row[0] === name).map((row) => row[1] ?? ''),
      queues: number(queues),
    })),
    stacked: all('stacked').map(([name = '']) => ({ device: name, lower: [...new Set(lower.filter((row) => row[0] === name).map((row) => row[1] ?? ''))] })),
    modaliases: all('modalias').map(([modalias = '']) => modalias).filter((modalias) => modalias !== ''),
    root: {
      device: rootDevice,
      fstype,
      drivers: [...new Set(all('root-driver').map(([driver = '']) => driver))],
      modaliases: [...new Set(all('root-modalias').map(([modalias = '']) => modalias))],
      ...(uuid === '' ? {} : { uuid }),
    },
    ...(first('uefi')[0] === 'yes' ? { uefi: true } : {}),
    secureBoot: first('secure-boot')[0] === 'yes',
    ...(first('keepalived-conf')[0] === 'ours' ? { keepalivedConf: 'ours' as const } : {}),
    bmcWatchdog: first('bmc-watchdog')[0] === 'yes',
    programs,
    ...(address === '' ? {} : { managementPath: { address, device, client } }),
    kernels: all('kernel').map(([name = '']) => name),
    cpus: number(first('cpus')[0]) || 1,
    numaNodes: number(first('numa-nodes')[0]) || 1,
    cmdline: first('cmdline')[0] ?? '',
    offline: first('offline')[0] === 'yes',
  };
}
