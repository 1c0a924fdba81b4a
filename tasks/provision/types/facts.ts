/** What a host is, read by one script (templates/provision/facts.sh) in one go. */
export interface HostFacts {
  /** uname -m of the running kernel; of a folder: x86_64 when its programs are. */
  arch: string;
  /** uname -r; undefined for a folder. */
  release?: string;
  /** ID and VERSION_ID of os-release, or centos and 6 from redhat-release. */
  distribution: { id: string; version: string };
  init: 'systemd' | 'sysv';
  /** Folder of rc.local and init.d on sysv: /etc/rc.d (EL6) or /etc. */
  rcFolder: string;
  bootloader: { kind: 'grub-legacy' | 'grub2' | 'none'; /** menu.lst, grub.conf or grub.cfg, as an absolute path on the host, links followed. */ config?: string };
  /** Program that makes an initial file system, if there is one. */
  initramfsTool?: 'dracut' | 'mkinitrd' | 'update-initramfs';
  /** KiB free, by folder: /boot, /lib/modules, /var/lib. */
  freeKib: Readonly<Record<string, number>>;
  /** Network devices that are hardware (or virtio), lo left out. */
  interfaces: readonly { device: string; mac: string; driver?: string; modalias?: string; up: boolean; addresses: readonly string[]; queues: number; /** modalias of the device and of what it is behind */ modaliases?: readonly string[] }[];
  /** Devices made of others (bonds, bridges, VLANs) with those they are made of. */
  stacked?: readonly { device: string; lower: readonly string[] }[];
  /** Folders of freeKib that are on a read-only file system. */
  readOnly?: readonly string[];
  /** modalias of every device of the machine: what the new kernel must have drivers for. */
  modaliases: readonly string[];
  /** Device, driver chain and type of the root file system: what must be there before it can be mounted. */
  root: { device: string; fstype: string; drivers: readonly string[]; uuid?: string; /** of the disk, its controller and buses */ modaliases?: readonly string[] };
  /** The firmware that started it is UEFI. */
  uefi?: boolean;
  secureBoot: boolean;
  /** keepalived.conf is one that a gateway of ours wrote. */
  keepalivedConf?: 'ours';
  /** A BMC whose watchdog the running kernel can arm: it outlives a reboot. */
  bmcWatchdog?: boolean;
  /** Path by name of the programs that provisioning may use on the host. */
  programs: Readonly<Record<string, string>>;
  /** Address and device the ssh connection comes in by. */
  managementPath?: { address: string; device: string; client: string };
  /** Installed kernels: releases with a file in /boot. */
  kernels: readonly string[];
  /** Logical processors and NUMA nodes. */
  cpus: number;
  numaNodes: number;
  /** Kernel command line of the running system. */
  cmdline: string;
  /** Marks a folder: nothing runs, nothing can be asked of a kernel. */
  offline: boolean;
}
