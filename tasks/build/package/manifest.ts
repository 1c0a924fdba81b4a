import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MANIFEST_VERSION, manifestSchema, type Manifest, type ManifestInput } from '../../lib/manifest.js';
import { packageRoot } from '../../lib/paths.js';
import type { Fetched, Trust } from '../../lib/sources.js';
import type { PatchResult, SeriesPatch, ToolsOutput } from '../types.js';

/** Puts a manifest together from what the stages hand over. */

/** What the caller knows; the package stage adds the rest. */
export type ManifestParts = Omit<Manifest, 'schema' | 'tool' | 'files' | 'inputs' | 'series' | 'tools' | 'abi' | 'release' | 'epoch'> & {
  inputs: Fetched[];
  series: SeriesPatch[];
  /** What became of each patch (PatchOutput.results). */
  results: PatchResult[];
};

/** This program's own version, from package.json. */
export async function ownVersion(): Promise<string> {
  const value: unknown = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(value).version;
}

/** What must be said of an input that nothing vouches for; undefined when something does. */
export function trustWarning(name: string, trust: Trust): string | undefined {
  switch (trust.how) {
    case 'unsigned':
      return `${name} was taken unsigned because that was allowed (${trust.why}): nothing proves that it is the published file.`;
    case 'first-seen':
      return `${name} was trusted at first sight: no digest of it is published; the one seen now is remembered.`;
    case 'pgp':
      return trust.sha1 ? `${name} is signed by ${trust.fingerprint} with SHA-1, which collisions weaken.` : undefined;
    default:
      return undefined;
  }
}

function describe({ name, kind, digest, from, trust }: Fetched): ManifestInput {
  return { name, kind, digest, from, trust };
}

/** The manifest without its files. */
export async function buildManifest(
  parts: ManifestParts,
  made: { release: string; epoch: number; tools?: ToolsOutput; warnings?: string[] },
): Promise<Manifest> {
  const { inputs, series, results, warnings, ...rest } = parts;
  const ofInputs = inputs.map(({ name, trust }) => trustWarning(name, trust)).filter((text) => text !== undefined);
  return manifestSchema.parse({
    ...rest,
    schema: MANIFEST_VERSION,
    tool: { name: 'build-kernel', version: await ownVersion() },
    release: made.release,
    epoch: made.epoch,
    inputs: inputs.map(describe),
    series: series.map(({ name, from, sha256, strip, dir, fuzz }) => ({
      name,
      from,
      sha256,
      strip,
      dir,
      fuzz,
      files: results.find(({ patch }) => patch === name)?.files ?? [],
    })),
    tools: (made.tools?.files ?? []).flatMap(({ variant, files }) => files.map((file) => ({ variant, ...file }))),
    ...(made.tools?.abi ? { abi: made.tools.abi } : {}),
    warnings: [...new Set([...ofInputs, ...warnings, ...(made.warnings ?? [])])],
    files: [],
  } satisfies Manifest);
}
