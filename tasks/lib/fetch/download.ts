import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../digest.js';
import { ExpectedError } from '../errors.js';
import { remove } from '../files.js';
import { isLocal, offlineError, say, withoutCredentials, type FetchContext } from './context.js';
import { HeldError, TransferFailure } from './failure.js';
import { PartFile } from './part.js';
import { transfer } from './transfer.js';

/** One file, from the first place that gives the right one. */

export interface DownloadRequest {
  /** File name, for messages and for the part file. */
  name: string;
  /** Identifies the file between runs: a part belongs to one key. */
  key: string;
  /** URLs and paths, best first. */
  places: string[];
  /** The bytes can be checked by `accept`, whatever they are. */
  provable: boolean;
}

export interface Received {
  /** The part file, closed; `accept` moves it away. */
  path: string;
  sha256: string;
  size: number;
  /** Place it came from, without credentials. */
  from: string;
}

/** Path of the part file of a request. */
export function partPath(cacheDir: string, request: Pick<DownloadRequest, 'name' | 'key'>): string {
  return join(cacheDir, 'downloads', 'partial', `${request.name}-${sha256(request.key).slice(0, 16)}.part`);
}

/** Why one place was of no use, as a line of the final error. */
interface Refusal {
  place: string;
  error: Error;
}

/**
 * Downloads until `accept` takes what came. A file that is refused is moved aside (NAME.rejected) and the next place
 * is asked; a file that only a missing key or permission keeps from being used stays where it is; a refused file that was partly left from an earlier download is fetched from zero once before that.
 * @param accept checks the file and moves it away; throws ExpectedError trust to refuse it
 * @throws ExpectedError trust (some place gave a wrong file, none the right one), network, offline, space
 */
export async function download<T>(request: DownloadRequest, ctx: FetchContext, accept: (received: Received) => Promise<T>): Promise<T> {
  const path = partPath(ctx.cacheDir, request);
  const places = ctx.offline ? request.places.filter(isLocal) : request.places;
  const refusals: Refusal[] = [];
  for (const [index, place] of places.entries()) {
    const shown = withoutCredentials(place);
    const next = index + 1 < places.length ? ' Trying the next place.' : '';
    for (let again = true; again; ) {
      again = false;
      let resumed = false;
      try {
        const part = await transfer(place, path, request.name, request.provable, ctx);
        resumed = part.resumed;
        const received = { path, sha256: part.digest(), size: part.size, from: shown };
        await part.close();
        const result = await accept(received);
        await PartFile.discard(path);
        return result;
      } catch (error) {
        if (error instanceof TransferFailure) {
          refusals.push({ place: shown, error });
          say(ctx, `${request.name}: ${shown}: ${error.message}.${next}`);
        } else if (error instanceof ExpectedError && error.code === 'trust' && !(error instanceof HeldError)) {
          if (resumed) {
            ctx.log?.line(`${request.name}: refused after a resumed download; fetching it from zero`);
            await PartFile.discard(path);
            again = true;
            continue;
          }
          await rename(path, `${path.replace(/\.part$/, '')}.rejected`).catch(() => undefined);
          await PartFile.discard(path);
          refusals.push({ place: shown, error });
          say(ctx, `${error.what} It came from ${shown}.${next}`);
        } else throw error;
      }
    }
  }
  throw summary(request, ctx, refusals);
}

function summary(request: DownloadRequest, ctx: FetchContext, refusals: readonly Refusal[]): ExpectedError {
  const wrong = refusals.map(({ error }) => error).find((error): error is ExpectedError => error instanceof ExpectedError);
  if (wrong && refusals.length === 1) return wrong;
  const why = refusals
    .map(({ place, error }) => {
      const [first, ...rest] = (error instanceof ExpectedError ? `${error.what}\n${error.why ?? ''}` : error.message).trimEnd().split('\n');
      return [`${place}: ${first ?? ''}`, ...rest.map((line) => `  ${line}`)].join('\n');
    })
    .join('\n');
  if (wrong) return new ExpectedError({ code: 'trust', what: `No place gave the right ${request.name}.`, why, fix: wrong.fix, cause: wrong });
  if (ctx.offline) return offlineError(request.name, [join(ctx.cacheDir, 'downloads'), ...refusals.map(({ place }) => place)]);
  return new ExpectedError({
    code: 'network',
    what: `${request.name} could not be downloaded.`,
    why,
    fix: 'Check the network (proxies: https_proxy, no_proxy), add a place with --mirror DIR|URL, or bring the file with --source FILE. What was received is kept: the next run goes on from there.',
  });
}

/** Removes what a download of this request left behind. */
export async function forgetPart(cacheDir: string, request: Pick<DownloadRequest, 'name' | 'key'>): Promise<void> {
  const path = partPath(cacheDir, request);
  await PartFile.discard(path);
  await remove(`${path.replace(/\.part$/, '')}.rejected`);
}
