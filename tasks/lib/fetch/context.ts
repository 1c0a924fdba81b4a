import { ExpectedError } from '../errors.js';
import type { StageLog } from '../log.js';

/** What every fetch needs to know: where things are kept, what may be contacted, what may be trusted. */

export interface FetchProgress {
  /** File name or `repo@commit`. */
  name: string;
  /** Bytes in hand, those of an earlier, broken-off download included. */
  received: number;
  /** Bytes of the whole, when the server says. */
  total?: number;
  /** Mean over the last seconds. */
  bytesPerSecond: number;
  etaSeconds?: number;
}

/** Patience with servers. Tests shorten it; nothing else needs to. */
export interface Patience {
  /** Seconds without a byte after which a transfer counts as stalled. */
  stallSeconds: number;
  /** Seconds to wait for a connection. */
  connectSeconds: number;
  /** Attempts at one mirror that bring nothing new before the next mirror is tried. */
  attempts: number;
  /** Milliseconds before the second attempt; doubles each time, up to 30 s. */
  backoffMs: number;
  /** Longest Retry-After (seconds) that is waited for; a longer one sends us to the next mirror. */
  maxRetryAfterSeconds: number;
  /** Milliseconds to wait for another process that fetches the same thing. */
  lockWaitMs: number;
}

export const DEFAULT_PATIENCE: Patience = {
  stallSeconds: 60,
  connectSeconds: 20,
  attempts: 4,
  backoffMs: 1000,
  maxRetryAfterSeconds: 120,
  lockWaitMs: 6 * 3600 * 1000,
};

export interface FetchContext {
  /** Content-addressed: downloads/sha256/<2>/<hex>, git/<name-hash>.git, apt/{bin,src}/PACKAGE/VERSION. */
  cacheDir: string;
  /** JSON trust lock: source → sha256 and the day it was first seen. Belongs beside the project, not in the cache. */
  lockFile: string;
  /** Never opens a socket: caches, folders given as mirrors and file:// only. */
  offline: boolean;
  /** Folders or URLs tried before the source's own, in order; laid out as `mirrorInto` writes them. */
  mirrors: string[];
  /** File with extra OpenPGP public keys (armoured or binary) whose signatures are accepted. */
  keyring?: string;
  /** Take an RPM without a usable signature; the manifest then says so. */
  allowUnsigned: boolean;
  /** Take SHA-1 signatures, as RPMs of 2012 have: only for the check of the one file at hand. */
  allowSha1: boolean;
  /** Hash cached files again before they are used, even when size and time look right. */
  verify?: boolean;
  log?: StageLog;
  progress?: (progress: FetchProgress) => void;
  /** Told in one sentence about what a user should hear: a bad mirror, a damaged cache entry, a first sight. */
  notice?: (text: string) => void;
  patience?: Partial<Patience>;
  /** Folder of apt's sources (default /etc/apt). */
  aptEtc?: string;
}

/** The context's patience with its defaults filled in. */
export function patienceOf(ctx: FetchContext): Patience {
  return { ...DEFAULT_PATIENCE, ...ctx.patience };
}

/** Tells the user and the log. */
export function say(ctx: FetchContext, text: string): void {
  ctx.log?.line(text);
  ctx.notice?.(text);
}

/** A URL without user name and password, fit for logs and manifests; other text as it is. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/i, '$1');
}

/** True for a mirror or URL that is on this host's own file system: allowed offline. */
export function isLocal(location: string): boolean {
  return location.startsWith('file://') || !/^[a-z][a-z0-9+.-]*:\/\//i.test(location);
}

/** The error for something that only the network has, in offline mode. */
export function offlineError(what: string, tried: readonly string[]): ExpectedError {
  return new ExpectedError({
    code: 'offline',
    what: `${what} is not in the cache, and --offline forbids the network.`,
    why: tried.length > 0 ? `looked in:\n${tried.map((place) => `  ${place}`).join('\n')}` : undefined,
    fix: 'On a connected host run `build-kernel fetch --into DIR` for the same flavour, bring DIR here and name it with --mirror DIR; or run once without --offline.',
  });
}
