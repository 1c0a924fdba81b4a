import { z } from 'zod';

/**
 * Where an input comes from. These shapes stand in the data files (patches/bases, patches/flavours, patches/tools)
 * and are what the fetch stage takes.
 */

export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits (sha256)');
export const commitHex = z.string().regex(/^[0-9a-f]{40}$/, 'must be a full 40-digit commit id');
const url = z.string().regex(/^(https?|ftp|file):\/\/\S+$/, 'must be an http, https, ftp or file URL');

/** One file, from the first mirror that answers. */
export const fileSource = z.strictObject({
  kind: z.literal('file'),
  /** File name in the cache, in mirrors and in messages. */
  name: z.string().regex(/^[\w.+~-]+$/),
  urls: z.array(url).min(1),
  /** Without it the digest of the first download is remembered in the lock file. */
  sha256: sha256Hex.optional(),
  /** The file is an RPM signed by one of these keys (40-digit fingerprints, upper case). */
  signedBy: z.array(z.string().regex(/^[0-9A-F]{40}$/)).optional(),
});

/** A git tree, pinned by commit; `paths` limits what is checked out. */
export const gitSource = z.strictObject({
  kind: z.literal('git'),
  url: z.string().min(1),
  commit: commitHex,
  /** Branch that held the commit, for readers. */
  branch: z.string().optional(),
});

/** A package of the distribution, downloaded (never installed) with apt: a binary package's .deb or a source package's files. */
export const aptSource = z.strictObject({
  kind: z.literal('apt'),
  /** Binary package name; `linux-source` and the like. */
  package: z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/),
  /** True: the source package of that name (its .orig tarball, .debian tarball and .dsc). */
  source: z.boolean().default(false),
});

export const sourceSpec = z.discriminatedUnion('kind', [fileSource, gitSource, aptSource]);
export type SourceSpec = z.output<typeof sourceSpec>;
export type FileSource = z.output<typeof fileSource>;
export type GitSource = z.output<typeof gitSource>;
export type AptSource = z.output<typeof aptSource>;

/** How an input came to be trusted; goes into the manifest. */
export type Trust =
  | { how: 'pinned-sha256' }
  | { how: 'pinned-commit' }
  | { how: 'pgp'; fingerprint: string; sha1: boolean }
  | { how: 'lock-file'; firstSeen: string }
  | { how: 'first-seen' }
  | { how: 'apt' }
  | { how: 'user-file' }
  | { how: 'unsigned'; why: string };

/** A fetched input. */
export interface Fetched {
  /** Name for people: file name, or `repo@commit`. */
  name: string;
  kind: SourceSpec['kind'];
  /** The file; for git the bare repository that holds the commit; for apt source packages the folder with the files. */
  path: string;
  /** sha256 of the file (for apt source: of the sorted `sha256  name` list); for git the commit id. */
  digest: string;
  /** Where it really came from (URL, mirror or path). */
  from: string;
  trust: Trust;
}
