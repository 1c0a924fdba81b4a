import type { LanguageName } from '../lib/gateway/languages.js';
import type { HealthCheck, Service, SnatRule } from '../lib/gateway/spec.js';

export type { HealthCheck } from '../lib/gateway/spec.js';

/**
 * What the parts of provisioning hand to each other: data only.
 *
 *     gateway.yaml ─► spec ─► Gateway ─┐
 *     artifact ───────────────────────┼─► Desired ─► Plan ─► Bundle ─► engine on the host ─► checks ─► confirm
 *     target ─► HostFacts ────────────┘
 */

/** A gateway as one host is to be: gateway.yaml with its defaults, references and this host's own values filled in. */
export interface Gateway {
  /** Name of the host in gateway.yaml; the name given with --host when the file names no hosts. */
  host: string;
  flavour: string;
  addons: readonly string[];
  /** Artifact folder, absolute. */
  artifact: string;
  language: LanguageName;
  interfaces: readonly GatewayInterface[];
  snat: readonly SnatRule[];
  /** Protocols of the SNAT services, where a language has one per protocol. */
  protocols: readonly ('tcp' | 'udp')[];
  services: readonly GatewayService[];
  redirects: readonly Redirect[];
  /** Who configures IPVS: our start script, or keepalived from keepalived.conf. Services with checks are always keepalived's. */
  rulesBy: 'script' | 'keepalived';
  tuning: Tuning;
  ha?: HighAvailability;
  access: Access;
  /** Minutes until a gateway that nobody confirmed goes back to what it was. */
  confirmMinutes: number;
  /** Arm the BMC's watchdog, where there is one, before a kernel is tried. */
  watchdog: boolean;
  /** Proof by traffic: a client inside, and a TCP service outside that it opens a connection to. */
  probe?: { client: SshAccess; connect: { address: string; port: number } };
}

export interface GatewayInterface {
  device: string;
  role: 'inside' | 'outside' | 'management' | 'other';
  /** With prefix length, IPv4 and IPv6. Empty: whatever the host gives it. */
  addresses: readonly string[];
  /** Next hops, one for a family: of its default route (outside), or of the routes below. */
  gateways?: readonly string[];
  /** Networks reached through the next hop of their family in place of its default route. */
  routes: readonly string[];
  mtu?: number;
}

export interface GatewayService extends Service {
  scheduler: string;
  /** Seconds a client keeps its real server. */
  persistence?: number;
  check?: HealthCheck;
}

/** CHROUTE: packets that match leave by another next hop. */
export interface Redirect {
  from?: string;
  to?: string;
  protocol?: 'tcp' | 'udp';
  /** Destination port. */
  port?: number;
  /** Interface the packets come in by. */
  iif?: string;
  /** Interface, and next hop, that the routing table sends them to. */
  oif?: string;
  oldHop?: string;
  nextHop: string;
}

export interface Tuning {
  /** undefined: the kernel's or driver's own. Per device over the default for inside and outside devices. */
  offloads: Readonly<Record<string, Readonly<Record<string, 'on' | 'off'>>>>;
  /** Ring sizes by device; 'max' is what the device can. */
  rings: Readonly<Record<string, { rx?: number | 'max'; tx?: number | 'max' }>>;
  irq: { policy: 'spread' | 'numa' | 'none'; irqbalance: 'ban' | 'off' | 'keep' };
  /** Receive packet steering over all cores, for devices with fewer queues than cores. */
  rps: boolean;
  /** Entries; undefined: the kernel's default. */
  conntrack: { max?: number; buckets?: number };
  /** log2 of IPVS's connection table; a module parameter. */
  ipvsTableBits?: number;
  /** Name to value, in the order they are set; ip_forward and the flavour's own are in it. */
  sysctls: Readonly<Record<string, string>>;
  /** Switches IPVS's debug messages on (needs a kernel built with them). */
  debugLevel?: number;
}

export interface HighAvailability {
  /** Secret: never in a log, in a plan's diff or in a file that others can read. */
  password: string;
  priority: number;
  /** The one with the highest priority begins as master. */
  master: boolean;
  instances: readonly {
    name: string;
    device: string;
    id: number;
    addresses: readonly string[];
    /** Adverts to these peers in place of multicast. */
    unicast?: { source: string; peers: readonly string[] };
  }[];
  syncGroup: string;
  /** IPVS's connection synchronisation. */
  sync?: { device: string; id: number };
  /** Seconds that a host which comes back leaves the role where it is. */
  preemptDelay: number;
  /** The other peers, by name, with an address of each on the first instance's network. */
  peers: readonly { name: string; address?: string }[];
}

export interface Access {
  /** Address of this host that no service uses and ssh goes to. */
  management?: string;
  /** TCP ports that stay open on the host itself. */
  ports: readonly number[];
  /** Stop what comes from inside and is not translated. */
  leakGuard: boolean;
}

/** How ssh reaches a host of gateway.yaml. */
export interface SshAccess {
  /** What ssh's command line takes: a host of its configuration, an address, user@host. */
  destination: string;
  port?: number;
  /** Absolute path of ssh's configuration; undefined: the user's own. */
  config?: string;
  /** Absolute path of a private key. */
  identity?: string;
  /** Allow what EL6's sshd needs and a current ssh refuses. */
  oldAlgorithms: boolean;
}

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
  secureBoot: boolean;
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

/** A file, link or absence that the host must have. Paths are absolute on the host. */
export type Resource = FileResource | BlockResource | LinkResource | AbsentResource;

interface ResourceBase {
  path: string;
  /** Why the gateway needs it; shown in the plan. */
  why: string;
  /** Groups resources in the plan: kernel, tools, network, tuning, rules, keepalived, firewall, boot, services. */
  part: string;
}

export interface FileResource extends ResourceBase {
  kind: 'file';
  /** Text, or a file on this machine (kernel, modules, tools). */
  content: string | { source: string; sha256: string; size: number };
  /** Permission bits: 0o644. Owner is root. */
  mode: number;
  /** Shown in no diff or log. */
  secret?: boolean;
  /** Text until the run is confirmed, when that is another: a boot menu whose default is still the old kernel. */
  trial?: string;
}

/** A marked block in a file that is somebody else's: the rest of the file stays as it is. */
export interface BlockResource extends ResourceBase {
  kind: 'block';
  /** Between "# BEGIN build-kernel NAME" and "# END build-kernel NAME". */
  name: string;
  content: string;
  /** Where it goes when it is new. 'start': after a first line that begins with #!. */
  at: 'start' | 'end';
  /** Of a file that is not there yet: what stands before the block, and mode. */
  create: { head: string; mode: number };
}

export interface LinkResource extends ResourceBase {
  kind: 'link';
  to: string;
}

export interface AbsentResource extends ResourceBase {
  kind: 'absent';
}

/**
 * Something that must be in effect, not only in a file. `probe` is a shell fragment (sh, coreutils, ip) that prints what is
 * seen, values quoted; it changes nothing.
 */
export interface Effect {
  /** Stable name: sysctl net.ipv4.ip_forward, offload eth1 gro, service keepalived. */
  id: string;
  part: string;
  /** What is claimed, for people. */
  claim: string;
  probe: string;
  /** What the trimmed output must be. `lines`: every one of these lines is among the output's (white space folded). */
  expect: { equals: string } | { matches: string } | { lines: readonly string[] } | { oneOf: readonly string[] };
  /** Left out when the program is missing on the host: ethtool, ipvsadm. */
  needs?: string;
}

/** What a host must have and what must be in effect. */
export interface Desired {
  resources: readonly Resource[];
  effects: readonly Effect[];
  /** The kernel it must run; undefined when the flavour needs none of its own and replaces no modules. */
  kernel?: DesiredKernel;
  /** Runs on the host when the files are in place and no reboot is needed: brings them into effect. Idempotent. */
  activate: string;
  /** Runs on the host before the files of a run without reboot are taken back, the new files still there. */
  deactivate: string;
  /** Runs after they were taken back: brings what was there before into effect again. */
  restored: string;
  /** What people on the network will notice, for the plan. */
  interrupts: readonly string[];
}

export interface DesiredKernel {
  /** uname -r */
  release: string;
  /** A kernel of its own with a boot entry, or replacement modules of the distribution's. */
  kind: 'kernel' | 'modules';
  /** /boot/vmlinuz-RELEASE; kind: kernel. */
  image?: string;
  /** modules.alias of the new kernel and names built in, for preflight; text of the files on this machine. */
  modulesAlias: string;
  modulesBuiltin: readonly string[];
  /** Kconfig of the new kernel, for preflight (CONFIG_X=y|m). */
  config: Readonly<Record<string, 'y' | 'm'>>;
  /** Added to the kernel command line of its entry. */
  append: string;
}

/** One change of a path on the host. */
export interface Change {
  path: string;
  kind: 'file' | 'link' | 'absent';
  action: 'create' | 'change' | 'remove';
  part: string;
  why: string;
  /** file: permission bits. */
  mode?: number;
  content?: string | { source: string; sha256: string; size: number };
  /** link */
  to?: string;
  /** State the plan was made for: sha256 of a file, "link TARGET", "absent". The engine refuses when it is another by then. */
  before: string;
  /** State after: likewise. */
  after: string;
  /** Text before, for the diff; undefined for binary, large or secret files. */
  was?: string;
  secret?: boolean;
  /** As FileResource.trial; `content` and `after` are what confirm makes of it. */
  trial?: string;
}

export interface Plan {
  host: string;
  /** Identity of this plan: digest of all changes and effects. Same plan, same id. */
  id: string;
  changes: readonly Change[];
  /** Effects that do not hold now, with what is seen. */
  drift: readonly { effect: Effect; seen: string }[];
  kernel?: DesiredKernel & { /** The running one is it already. */ running: boolean };
  reboot: boolean;
  /** What happens when the new kernel hangs; with a kernel that is tried. */
  hang?: string;
  interrupts: readonly string[];
  warnings: readonly string[];
}

/** Where a plan is carried out: this host, one reached by ssh, a folder that is an image's root. */
export interface Target {
  /** For messages: "gw1", "this host", "folder /srv/image". */
  name: string;
  kind: 'local' | 'ssh' | 'folder';
  /** Prefix of every path: '' or the folder. Scripts have it as $ROOT; put and get add it themselves. */
  root: string;
  /**
   * Runs a shell script (passed by standard input, never on a command line) with arguments, as root, $ROOT set. Only a
   * script that arrived whole runs. Standard input is empty; what the script leaves in the background must have its output
   * elsewhere, or this waits for it.
   * @returns status and output (one final newline stripped); a status not in `ok` (default [0]) is an ExpectedError
   *   provision, a connection that breaks one of network
   */
  sh(script: string, args?: readonly string[], options?: { timeout?: number; input?: undefined; ok?: number[] }): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Writes a file (whole or not at all), mode 0600 unless said. Its folder must be there. */
  put(path: string, data: Buffer | { file: string }, mode?: number): Promise<void>;
  /** Reads a file; undefined when it is not there. */
  get(path: string): Promise<Buffer | undefined>;
  /**
   * Waits until the host answers with another boot than when this target was made (or this returned true last), seconds at
   * most. @returns false when it does not
   */
  waitUp(seconds: number): Promise<boolean>;
  close(): Promise<void>;
}
