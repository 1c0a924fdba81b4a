/** What a build is asked to do, after command line, environment and config file are merged. */
export interface BuildOptions {
  /** gateway, distro, or a path. */
  config: string;
  set: string[];
  menuconfig: boolean;
  debugIpvs: boolean;
  /** Extra patches, after the series. */
  patches: string[];
  with: string[];
  cc: string;
  jobs?: number;
  /** A file in place of the base's download. */
  source?: string;
  mirrors: string[];
  offline: boolean;
  keyring?: string;
  allowUnsigned: boolean;
  allowSha1: boolean;
  prep: 'direct' | 'rpmbuild';
  /** Which tools: for this host, static for EL6, both, or none. */
  tools: ('host' | 'static')[];
  packages: boolean;
  discardEdits: boolean;
  ccache: boolean;
  work: string;
  out: string;
  cache: string;
  /** Digests of unpinned files as first seen. */
  lockFile: string;
}

export const DEFAULTS: BuildOptions = {
  config: 'gateway',
  set: [],
  menuconfig: false,
  debugIpvs: false,
  patches: [],
  with: [],
  cc: 'gcc',
  mirrors: [],
  offline: false,
  allowUnsigned: false,
  allowSha1: false,
  prep: 'direct',
  tools: ['host', 'static'],
  packages: true,
  discardEdits: false,
  ccache: true,
  work: 'build',
  out: 'artifacts',
  cache: '',
  lockFile: 'build-kernel.lock.json',
};
