import type { DesiredKernel, HostFacts } from '../types.js';
import { compareReleases } from '../../lib/kernel-release.js';
import type { Finding, PreflightInput } from './types.js';

/** Whether the new kernel has drivers for this very host: a kernel without one for its disk does not boot, for its NIC is never seen again. */

/** Kconfig symbol by driver (its name in sysfs, - as _), of what servers have; a driver that is not here is named without one. */
const SYMBOLS: Readonly<Record<string, string>> = {
  // Network
  igb: 'IGB', igbvf: 'IGBVF', ixgbe: 'IXGBE', ixgbevf: 'IXGBEVF', i40e: 'I40E', ice: 'ICE', e1000: 'E1000', e1000e: 'E1000E',
  tg3: 'TIGON3', bnx2: 'BNX2', bnx2x: 'BNX2X', bnxt_en: 'BNXT', be2net: 'BE2NET', mlx4_core: 'MLX4_CORE', mlx4_en: 'MLX4_EN', mlx5_core: 'MLX5_CORE',
  r8169: 'R8169', '8139cp': '8139CP', '8139too': '8139TOO', forcedeth: 'FORCEDETH', sfc: 'SFC', cxgb4: 'CHELSIO_T4',
  virtio_net: 'VIRTIO_NET', vmxnet3: 'VMXNET3', hv_netvsc: 'HYPERV_NET', vif: 'XEN_NETDEV_FRONTEND',
  // Disks and their controllers
  sd: 'BLK_DEV_SD', ahci: 'SATA_AHCI', ata_piix: 'ATA_PIIX', megaraid_sas: 'MEGARAID_SAS', mpt2sas: 'SCSI_MPT2SAS', mpt3sas: 'SCSI_MPT3SAS', mptsas: 'FUSION_SAS', mptspi: 'FUSION_SPI',
  hpsa: 'SCSI_HPSA', cciss: 'BLK_CPQ_CISS_DA', aacraid: 'SCSI_AACRAID', arcmsr: 'SCSI_ARCMSR', '3w_9xxx': 'SCSI_3W_9XXX', nvme: 'BLK_DEV_NVME',
  virtio_blk: 'VIRTIO_BLK', virtio_scsi: 'SCSI_VIRTIO', virtio_pci: 'VIRTIO_PCI', vmw_pvscsi: 'VMWARE_PVSCSI', hv_storvsc: 'HYPERV_STORAGE', vbd: 'XEN_BLKDEV_FRONTEND',
  dm_mod: 'BLK_DEV_DM', md_mod: 'BLK_DEV_MD', usb_storage: 'USB_STORAGE',
  // File systems
  ext2: 'EXT2_FS', ext3: 'EXT3_FS', ext4: 'EXT4_FS', xfs: 'XFS_FS', btrfs: 'BTRFS_FS',
};

/** Drivers that the kernel calls otherwise than their module. */
const MODULES: Readonly<Record<string, string>> = { sd: 'sd_mod', vif: 'xen_netfront', vbd: 'xen_blkfront', mlx4_core: 'mlx4_core' };

/** Buses and bridges in a device's chain that no kernel is without. */
const ALWAYS = new Set(['pcieport', 'pci', 'acpi', 'platform', 'usb', 'hub', 'scsi']);

const plain = (name: string): string => name.replaceAll('-', '_');

/** modules.alias as patterns. Lines: alias PATTERN MODULE; the pattern is a shell's (*, ?, [a-z]). */
export class Aliases {
  private readonly patterns: { prefix: string; pattern: RegExp; module: string }[];
  readonly modules: ReadonlySet<string>;

  constructor(text: string) {
    this.patterns = [...text.matchAll(/^alias (\S+) (\S+)$/gm)].map(([, alias = '', module = '']) => ({
      // The bus, pci: or virtio:, keeps the many that cannot match from being tried.
      prefix: alias.slice(0, alias.indexOf(':') + 1),
      pattern: new RegExp(`^${alias.replaceAll(/[.+^${}()|\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`),
      module: plain(module),
    }));
    this.modules = new Set(this.patterns.map(({ module }) => module));
  }

  /** Modules that claim a device. */
  match(modalias: string): string[] {
    return [...new Set(this.patterns.filter(({ prefix, pattern }) => modalias.startsWith(prefix) && pattern.test(modalias)).map(({ module }) => module))];
  }
}

/** The root file system is not on a disk's partition itself: an initial file system has to put it together. */
export function isStacked(root: HostFacts['root']): boolean {
  return /^\/dev\/(mapper\/|dm-|md)/.test(root.device) || root.drivers.some((name) => /^(dm|md|raid|device.mapper)/.test(name));
}

/** Driver of a file system: ext4's is ext3's too, by its configuration at first, and always since 4.3, which dropped ext3. */
function fileSystemDriver(fstype: string, { config, release }: DesiredKernel): string {
  const has = (symbol: string): boolean => config[`CONFIG_${symbol}`] !== undefined;
  if (!/^ext[23]$/.test(fstype) || !has('EXT4_FS')) return fstype;
  if (fstype === 'ext3' && compareReleases(release, '4.3') >= 0) return 'ext4';
  const also = has('EXT4_USE_FOR_EXT23') || (fstype === 'ext2' && has('EXT4_USE_FOR_EXT2'));
  return also && !has(SYMBOLS[fstype] ?? '') ? 'ext4' : fstype;
}

/** Modules, not built in, without which the kernel cannot mount this host's root file system. */
export function rootModules({ root }: Pick<HostFacts, 'root'>, kernel: DesiredKernel): string[] {
  const aliases = new Aliases(kernel.modulesAlias);
  const names = [...(root.modaliases ?? []).flatMap((modalias) => aliases.match(modalias)), ...root.drivers.filter((name) => !ALWAYS.has(name)), fileSystemDriver(root.fstype, kernel)].filter((name) => name !== '');
  return [...new Set(names.filter((name) => hasDriver(kernel, aliases, name) !== 'y').map((name) => MODULES[plain(name)] ?? plain(name)))];
}

/** True when the kernel has a driver of this name inside, or as a module. */
function hasDriver(kernel: DesiredKernel, aliases: Aliases, driver: string): 'y' | 'm' | undefined {
  const name = plain(driver);
  const module = MODULES[name] ?? name;
  const symbol = SYMBOLS[name];
  if (kernel.modulesBuiltin.some((one) => plain(one) === module)) return 'y';
  const configured = symbol === undefined ? undefined : kernel.config[`CONFIG_${symbol}`];
  if (configured === 'y') return 'y';
  return configured ?? (aliases.modules.has(module) ? 'm' : undefined);
}

function symbolOf(driver: string, value: 'y' | 'm'): string {
  const symbol = SYMBOLS[plain(driver)];
  return symbol === undefined ? `a driver for it (now: ${driver})` : `--set CONFIG_${symbol}=${value}`;
}

/** virtio 1.0 devices without the old interface have PCI ids from 1040 on; 2.6.32 drives only the old ones. */
function tooNew(release: string, modaliases: readonly string[]): string | undefined {
  if (!/^2\.6\./.test(release)) return undefined;
  return modaliases.find((modalias) => /^pci:v00001AF4d0000(10[4-7][0-9A-F])/.test(modalias));
}

function nics({ gateway, facts, kernel }: PreflightInput, aliases: Aliases): Finding[] {
  if (!kernel) return [];
  const used = new Set([...gateway.interfaces.map(({ device }) => device), facts.managementPath?.device ?? '']);
  return facts.interfaces.flatMap((nic): Finding[] => {
    if (nic.driver === undefined) return [];
    const important = used.has(nic.device) || [...used].some((device) => facts.stacked?.some((one) => one.device === device && one.lower.includes(nic.device)) || device.startsWith(`${nic.device}.`));
    const level = important ? 'error' : 'warning';
    const chain = nic.modaliases ?? (nic.modalias === undefined ? [] : [nic.modalias]);
    const old = tooNew(kernel.release, chain);
    if (old !== undefined) {
      return [{ level, id: `driver ${nic.device}`, what: `${nic.device} is a virtio device without the old interface (${old}), which ${kernel.release} cannot drive.`, fix: 'Give the machine a transitional device (QEMU: disable-modern=on,disable-legacy=off), or another NIC such as e1000.' }];
    }
    const claimed = nic.modalias === undefined ? [] : aliases.match(nic.modalias);
    if (claimed.length > 0 || hasDriver(kernel, aliases, nic.driver)) return [];
    return [
      {
        level,
        id: `driver ${nic.device}`,
        what: `${nic.device} (driver ${nic.driver}${nic.modalias === undefined ? '' : `, ${nic.modalias}`}) has no driver in ${kernel.release}: it would be gone after the reboot.`,
        fix: `Build the flavour with ${symbolOf(nic.driver, 'm')}, or use another NIC.`,
      },
    ];
  });
}

function rootDisk({ facts, kernel }: PreflightInput, aliases: Aliases): Finding[] {
  if (!kernel) return [];
  const { root, initramfsTool } = facts;
  const findings: Finding[] = [];
  const needModules: string[] = [];
  const old = tooNew(kernel.release, root.modaliases ?? []);
  if (old !== undefined) {
    findings.push({ level: 'error', id: 'driver root', what: `The root file system is on a virtio disk without the old interface (${old}), which ${kernel.release} cannot drive.`, fix: 'Give the machine a transitional device (QEMU: disable-modern=on,disable-legacy=off), or another controller.' });
  }
  const alreadyMatched = new Set((root.modaliases ?? []).flatMap((modalias) => aliases.match(modalias)));
  for (const driver of root.drivers.filter((name) => !ALWAYS.has(name))) {
    const has = hasDriver(kernel, aliases, driver);
    if (has === 'y') continue;
    if (has === 'm' || alreadyMatched.has(plain(driver))) needModules.push(driver);
    // A successor drives the same device: mpt3sas where mpt2sas was.
    else if (alreadyMatched.size > 0 && SYMBOLS[plain(driver)] === undefined) needModules.push(...alreadyMatched);
    else findings.push({ level: 'error', id: `driver ${driver}`, what: `The root file system's ${driver} has no driver in ${kernel.release}: it would not boot.`, fix: `Build the flavour with ${symbolOf(driver, 'y')}.` });
  }
  if (root.fstype !== '') {
    const driver = fileSystemDriver(root.fstype, kernel);
    const symbol = `CONFIG_${SYMBOLS[driver] ?? `${driver.toUpperCase()}_FS`}`;
    const has = kernel.config[symbol];
    if (has === 'm') needModules.push(driver);
    else if (has === undefined && Object.keys(kernel.config).length > 0 && !kernel.modulesBuiltin.includes(driver)) {
      findings.push({ level: 'error', id: 'root file system', what: `${kernel.release} cannot mount the root file system (${root.fstype}).`, fix: `Build the flavour with --set ${symbol}=y.` });
    }
  }
  if (needModules.length > 0 && initramfsTool === undefined && isStacked(root)) {
    findings.push({
      level: 'error',
      id: 'initramfs',
      what: `Modules are needed to mount the root file system (${[...new Set(needModules)].join(', ')}), which is on LVM, RAID or encryption, and the host has no program that makes an initial file system.`,
      fix: 'Install dracut, mkinitrd or initramfs-tools on the host.',
    });
  }
  return findings;
}

export function checkDrivers(input: PreflightInput): Finding[] {
  // Replacement modules of the distribution's own kernel bring its drivers along; a folder has no devices.
  if (input.kernel?.kind !== 'kernel' || input.facts.offline) return [];
  const aliases = new Aliases(input.kernel.modulesAlias);
  return [...nics(input, aliases), ...rootDisk(input, aliases)];
}
