import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { sha256File } from './digest.js';
import { ExpectedError, errno } from './errors.js';
import { sha256Hex } from './sources.js';
import { gpgSignature, SBOM_NAME, sshSignature, SUMS_NAME } from './supply/names.js';
import { checkSums, sealedFolder } from './supply/sums.js';

/** manifest.json of an artifact folder: what it holds and everything that went in. Verify, provision and image read it. */

/** Raised when a reader of the old shape would misread the new one. */
export const MANIFEST_VERSION = 1;
export const MANIFEST_NAME = 'manifest.json';

const trust = z.discriminatedUnion('how', [
  z.object({ how: z.literal('pinned-sha256') }),
  z.object({ how: z.literal('pinned-commit') }),
  z.object({ how: z.literal('pgp'), fingerprint: z.string(), sha1: z.boolean() }),
  z.object({ how: z.literal('lock-file'), firstSeen: z.string() }),
  z.object({ how: z.literal('first-seen') }),
  z.object({ how: z.literal('apt') }),
  z.object({ how: z.literal('user-file') }),
  z.object({ how: z.literal('unsigned'), why: z.string() }),
]);

/** A name that becomes part of a path: of one piece, with no way out of its folder. */
const pathName = z.string().regex(/^[A-Za-z0-9_][\w.+~@%:=-]*$/, 'no plain name');

/** An input and how it came to be trusted (lib/sources: Fetched, without its path on the build machine). */
const input = z.object({
  name: z.string(),
  kind: z.enum(['file', 'git', 'apt']),
  /** sha256, or a git commit id. */
  digest: z.string(),
  from: z.string(),
  trust,
});

const hunk = z.object({ number: z.number(), offset: z.number(), fuzz: z.number(), ok: z.boolean() });

const patch = z.object({
  name: z.string(),
  from: z.enum(['flavour', 'addon', 'compat', 'user']),
  sha256: sha256Hex,
  strip: z.number(),
  dir: z.string(),
  fuzz: z.number(),
  /** What became of it, file by file. */
  files: z.array(z.object({ file: z.string(), hunks: z.array(hunk) })).default([]),
});

export const FILE_KINDS = ['kernel-tar', 'tools-tar', 'kernel-rpm', 'tools-rpm', 'kernel-deb', 'tools-deb', 'modules-tar', 'modules-deb'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

const file = z.object({
  /** Name in the artifact folder. */
  name: pathName,
  kind: z.enum(FILE_KINDS),
  /** tools-tar: which build. */
  variant: z.enum(['host', 'static']).optional(),
  sha256: sha256Hex,
  /** Bytes. */
  size: z.number().int().nonnegative(),
});

export const manifestSchema = z.object({
  schema: z.literal(MANIFEST_VERSION),
  /** The program that wrote it. */
  tool: z.object({ name: z.literal('build-kernel'), version: z.string() }),
  flavour: pathName,
  addons: z.array(pathName),
  base: z.object({ name: z.string(), release: z.string(), identity: z.string().optional() }),
  /** Kernel release: `uname -r` of the booted kernel. */
  release: pathName,
  /** What was built; left out: a kernel. */
  build: z.enum(['kernel', 'modules']).optional(),
  /** build: modules. */
  modules: z
    .object({
      /** Folder of the kernel they come from. */
      folder: z.string(),
      /** Version of the distribution's package: 6.1.192-2. */
      kernel: z.string(),
      /** Replacement modules in this artifact, and why each was built: the touched sources it holds. */
      kept: z.record(z.string(), z.array(z.string())),
      /** Modules of the folder that no patch touches: the distribution's own go on. */
      left: z.array(z.string()),
      /** Exported symbols whose CRCs were found equal to the distribution's. */
      symbols: z.number().int().nonnegative(),
    })
    .optional(),
  /** SOURCE_DATE_EPOCH of the build, seconds since 1970. */
  epoch: z.number().int().nonnegative(),
  inputs: z.array(input),
  series: z.array(patch),
  /** First line of `PROGRAM --version` of gcc, ld, make and the others. */
  compiler: z.record(z.string(), z.string()),
  /** CC, LD and the like, as given to make. */
  flags: z.record(z.string(), z.array(z.string())),
  config: z.object({ sha256: sha256Hex, profile: z.string(), fragments: z.array(z.string()) }),
  /** The build's options that are no defaults. */
  options: z.record(z.string(), z.json()),
  /** Arguments that make this artifact again, the program's name first. */
  command: z.array(z.string()).min(1),
  /** Milliseconds by stage. */
  timings: z.record(z.string(), z.number()),
  tools: z.array(
    z.object({
      variant: z.enum(['host', 'static']),
      name: z.string(),
      version: z.string(),
      path: z.string(),
      sha256: sha256Hex,
      linkage: z.enum(['dynamic', 'static', 'script']),
    }),
  ),
  /** Comparison of the structs that kernel and tools share. */
  abi: z.object({ structs: z.number(), notes: z.array(z.string()) }).optional(),
  /** What its user must know: unsigned inputs, what was left out. */
  warnings: z.array(z.string()),
  files: z.array(file),
});
export type Manifest = z.output<typeof manifestSchema>;
export type ManifestFile = z.output<typeof file>;
export type ManifestInput = z.output<typeof input>;

/** Path of an artifact's file of a kind; undefined when the artifact has none. */
export function artifactFile(dir: string, manifest: Manifest, kind: FileKind, variant?: 'host' | 'static'): string | undefined {
  const found = manifest.files.find((entry) => entry.kind === kind && (variant === undefined || entry.variant === variant));
  return found && join(dir, found.name);
}

const BUILD_IT = 'Name a folder that build-kernel build wrote (its --out), or build one: build-kernel build FLAVOUR --out FOLDER.';

/**
 * Reads and checks the manifest of an artifact folder.
 * @throws ExpectedError package: no such folder, no manifest, not JSON, of a newer version, or of the wrong shape
 */
export async function readManifest(dir: string): Promise<Manifest> {
  const path = join(dir, MANIFEST_NAME);
  const refuse = (what: string, why?: string, fix = BUILD_IT): ExpectedError => new ExpectedError({ code: 'package', what, why, fix });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = errno(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    const there = await stat(dir).catch(() => undefined);
    throw refuse(there?.isDirectory() ? `${dir} is no artifact: it has no ${MANIFEST_NAME}.` : `There is no artifact folder ${dir}.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(`${path} is not whole.`, error instanceof Error ? error.message : undefined, 'Build the artifact again.');
  }
  const version = z.object({ schema: z.number() }).safeParse(value);
  if (version.success && version.data.schema > MANIFEST_VERSION) {
    const why = `its schema is ${String(version.data.schema)}, this program reads up to ${String(MANIFEST_VERSION)}`;
    throw refuse(`${path} was written by a newer build-kernel.`, why, 'Update build-kernel, or build the artifact again.');
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw refuse(`${path} is no manifest of an artifact.`, z.prettifyError(parsed.error), 'Build the artifact again.');
  return parsed.data;
}

/**
 * Reads the manifest and hashes every file it names again, and what SHA256SUMS names where there is one.
 * @returns the manifest
 * @throws ExpectedError package: as readManifest, or a file is missing, differs, or stands there unnamed
 */
export async function verifyArtifact(dir: string): Promise<Manifest> {
  const manifest = await readManifest(dir);
  const problems: string[] = [];
  for (const { name, sha256, size } of manifest.files) {
    const info = await stat(join(dir, name)).catch(() => undefined);
    if (!info?.isFile()) problems.push(`${name}: missing`);
    else if (info.size !== size) problems.push(`${name}: ${String(info.size)} bytes, the manifest says ${String(size)}`);
    else if ((await sha256File(join(dir, name))) !== sha256) problems.push(`${name}: its sha256 is not the manifest's`);
  }
  const named = new Set([MANIFEST_NAME, SBOM_NAME, SUMS_NAME, gpgSignature(SUMS_NAME), sshSignature(SUMS_NAME), ...manifest.files.map(({ name }) => name)]);
  for (const name of await readdir(dir)) if (!named.has(name)) problems.push(`${name}: not in the manifest`);
  // SHA256SUMS also covers the manifest and the bill of materials. Files of the manifest were named above already.
  const listed = new Set(manifest.files.map(({ name }) => name));
  for (const problem of (await checkSums(sealedFolder(dir))) ?? []) if (!listed.has(problem.split(':')[0] ?? '')) problems.push(problem);
  if (problems.length > 0) {
    throw new ExpectedError({
      code: 'package',
      what: `The artifact ${basename(dir)} is not what its manifest says.`,
      why: problems.join('\n'),
      fix: 'Copy it again from where it was built, or build it again.',
    });
  }
  return manifest;
}
