/** What a guest boots: where it comes from (an artifact, a distribution's package) is in artifact.ts and distro.ts. */
export interface GuestSystem {
  /** dsnat-220, debian-12 … for reports. */
  subject: string;
  /** Artifact folder or package, for reports. */
  source: string;
  release: string;
  kernel: string;
  /** Folder with the programs and libraries under test, laid out like a root. */
  root: string;
  /** lib/modules/RELEASE: the modules and modules.dep. */
  modules: string;
  /** CPU models: under emulation, under KVM. */
  cpu: { tcg: string; kvm: string };
  /** MiB of a guest. */
  memory: number;
  /** Kernel command line. */
  append: string;
  /** Added to the gateway's. */
  gatewayAppend?: string;
  /** An initial file system that is whole already: an appliance's, with the agent on top. */
  initramfs?: string;
}
