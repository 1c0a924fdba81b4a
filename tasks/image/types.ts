import type { ArtifactTree } from '../lib/artifact.js';

/** What makes an image, handed in by the command table: verbs do not know each other. */

/** A gateway as an image needs to know it. */
export interface ImageGateway {
  host: string;
  flavour: string;
  interfaces: readonly { device: string }[];
}

export interface ImageSource<G extends ImageGateway = ImageGateway> {
  gateway: G;
  artifact: ArtifactTree;
  warnings: readonly string[];
}

export interface ImageParts<S extends ImageSource = ImageSource> {
  /** Reads gateway.yaml and unpacks its artifact into scratch. */
  open(file: string, host: string | undefined, scratch: string): Promise<S>;
  /** Makes a root folder the gateway. @returns number of files written */
  provision(root: string, source: S): Promise<{ files: number }>;
  /**
   * An initial file system for the artifact's own kernel.
   * @param drivers names of modules; one that is built in or not there is passed over
   * @returns path of the file, below folder
   */
  initramfs(source: S, need: { drivers: readonly string[]; fstype: string }, folder: string): Promise<string>;
  /** Boots the finished image and takes it through its checks. @returns true when all hold */
  verify(image: FinishedImage, source: S): Promise<boolean>;
}

export type ImageKind = 'disk' | 'appliance' | 'oci';

export interface FinishedImage {
  kind: 'disk' | 'appliance';
  /** disk: the file; appliance: its folder. */
  path: string;
  format?: 'raw' | 'qcow2';
  /** disk: UEFI starts it too. */
  uefi?: boolean;
  /** appliance. */
  kernel?: string;
  initramfs?: string;
  append: string;
}

export interface ImageOptions {
  output: string;
  kind: ImageKind;
  host?: string;
  /** A root of the user's, as a tar. */
  root?: string;
  /** MiB left free on a disk. */
  free: number;
  packages: readonly string[];
  /** authorized_keys of root. */
  authorizedKeys?: string;
  verify: boolean;
}
