import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackTar } from '../archive.js';
import { sha256File } from '../digest.js';
import { ExpectedError } from '../errors.js';
import type { StageLog } from '../log.js';
import type { Fetched, SourceSpec } from '../sources.js';

/** Sources that can be had in several ways: release tarballs, the distribution's source packages. */

export type Fetch = (source: SourceSpec) => Promise<Fetched>;

/** A tarball in hand. */
export interface Tarball {
  path: string;
  sha256: string;
  fetched: Fetched;
}

/**
 * The archive of a fetched source. Of a source package only the upstream archive counts: what the distribution adds is
 * made for its own builds.
 */
export async function tarballOf(fetched: Fetched): Promise<Tarball> {
  if (fetched.kind === 'file') return { path: fetched.path, sha256: await sha256File(fetched.path), fetched };
  const names = await readdir(fetched.path);
  const name = names.find((each) => /\.orig\.tar\.\w+$/.test(each)) ?? names.find((each) => /\.tar\.\w+$/.test(each) && !/\.debian\.tar\./.test(each));
  if (name === undefined) {
    throw new ExpectedError({ code: 'unpack', what: `The source package ${fetched.name} holds no upstream archive.`, why: names.join(', ') });
  }
  const path = join(fetched.path, name);
  return { path, sha256: await sha256File(path), fetched };
}

/**
 * Fetches the first source that can be had: an rpm host has no apt, a closed network no upstream site.
 * @throws ExpectedError of the first source (the preferred one), with the others' reasons
 */
export async function fetchFirst(name: string, sources: readonly SourceSpec[], fetch: Fetch): Promise<Fetched> {
  const failures: ExpectedError[] = [];
  for (const source of sources) {
    try {
      return await fetch(source);
    } catch (error) {
      // What was tampered with, or interrupted, is no reason to look elsewhere.
      if (!(error instanceof ExpectedError) || !['environment', 'network', 'offline'].includes(error.code)) throw error;
      failures.push(error);
    }
  }
  const first = failures[0];
  throw new ExpectedError({
    code: first?.code ?? 'network',
    what: `The source of ${name} could not be fetched.`,
    why: failures.map((error) => [error.what, error.why].filter(Boolean).join('\n')).join('\n'),
    fix: first?.fix,
  });
}

/** Fetches and unpacks one of the sources into a folder (made anew). */
export async function unpackFirst(name: string, sources: readonly SourceSpec[], into: string, fetch: Fetch, log?: StageLog): Promise<Tarball> {
  const tarball = await tarballOf(await fetchFirst(name, sources, fetch));
  await unpackTar(tarball.path, into, log);
  return tarball;
}
