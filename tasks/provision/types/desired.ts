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
