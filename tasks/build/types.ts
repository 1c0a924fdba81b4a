import type { Fetched } from '../lib/sources.js';

/** What the stages hand to each other. All of it is data that survives as JSON in a stamp. */

/** A patch file in hand. */
export interface SeriesPatch {
  /** Name for people: the flavour's or file's. */
  name: string;
  /** Whose: the flavour's, an add-on's, the compat series', or the user's (--patch). */
  from: 'flavour' | 'addon' | 'compat' | 'user';
  /** Absolute path of the patch file. */
  path: string;
  sha256: string;
  strip: number;
  /** Folder below the tree's root in which it is applied ("." or the kernel's folder). */
  dir: string;
  fuzz: number;
  /** Paths below the tree's root that it creates by mistake. */
  drop: string[];
}

/** The distribution's current kernel: what replacement modules are made for. */
export interface DistroKernel {
  /** 6.1.0-56-amd64 */
  release: string;
  /** Version of its packages: 6.1.192-2. */
  version: string;
  /** Its headers, their common part and kbuild's programs; never installed. */
  headers: Fetched[];
}

export interface FetchOutput {
  /** The base's source. */
  base: Fetched;
  series: SeriesPatch[];
  /** build: modules. */
  kernel?: DistroKernel;
  /** Everything fetched, for the manifest. */
  inputs: Fetched[];
}

export interface UnpackOutput {
  /** Root of the pristine tree (in the cache, shared, never edited). */
  pristine: string;
  /** Kernel folder below the root ("." when they are one). */
  kernel: string;
  /** Published version the tree was identified as. */
  identity?: string;
  /** What is not as expected, yet no error (an unknown release that looks right). */
  warnings: string[];
  /** The distribution's own config for x86_64, when the source brings one. */
  distroConfig?: string;
  /** build: modules: the folder in the cache that make runs in (the distribution's headers). */
  headers?: string;
}

/** What happened to one hunk. */
export interface HunkResult {
  number: number;
  /** Line it was applied at minus the line the patch names. */
  offset: number;
  fuzz: number;
  ok: boolean;
}
export interface FileResult {
  file: string;
  hunks: HunkResult[];
}
export interface PatchResult {
  patch: string;
  files: FileResult[];
}

export interface PatchedTree {
  /** Root of the patched tree (fixed path; times of unchanged files are kept). */
  tree: string;
  kernel: string;
  /** Folder that holds, as the series left them, only the files that the series touches: what `diff` compares with. */
  baseline: string;
}

export interface PatchOutput extends PatchedTree {
  results: PatchResult[];
  /** What was left out, dropped or removed, in words. */
  notes: string[];
}

export interface ConfigureOutput {
  obj: string;
  config: string;
  configSha256: string;
  /** Kernel release: 2.6.32-220.23.1.el6.dsnat */
  release: string;
}

/** What became of the folder's modules. */
export interface BuiltModules {
  /** Replacement modules by name (ip_vs.ko), each with the touched sources it is built from. */
  kept: Record<string, string[]>;
  /** Modules that no patch or edit touches. */
  left: string[];
  /** Exported symbols whose CRC is the distribution's. */
  symbols: number;
}

export interface CompileOutput {
  release: string;
  /** Folder with boot/ and lib/modules/RELEASE as on a host. */
  root: string;
  /** Not made when only modules are built. */
  bzImage?: string;
  /** build: modules. */
  built?: BuiltModules;
  modules: number;
  objects: number;
  compiler: string;
}

export interface ToolFile {
  name: string;
  version: string;
  /** Path in the staged root. */
  path: string;
  sha256: string;
  linkage: 'dynamic' | 'static' | 'script';
}

export interface ToolsOutput {
  /** Staged roots (DESTDIR). */
  host?: string;
  static?: string;
  files: { variant: 'host' | 'static'; files: ToolFile[] }[];
  /** Their sources, and those of the libraries that static ones hold. */
  inputs: Fetched[];
  /** Result of the comparison of the structs that kernel and tools share. */
  abi?: { structs: number; notes: string[] };
}
