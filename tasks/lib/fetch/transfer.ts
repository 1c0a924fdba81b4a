import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { constants, createReadStream } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExpectedError, errno, fromSystem } from '../errors.js';
import { remove } from '../files.js';
import { isLocal, patienceOf, withoutCredentials, type FetchContext } from './context.js';
import { ftpAttempt } from './ftp.js';
import { httpAttempt } from './http.js';
import { PartFile } from './part.js';
import { meter, type Meter } from './progress.js';
import { backoff } from './retry.js';
import { TransferFailure, type TransferRequest } from './failure.js';

/** One file from one place into its part file, however often that place has to be asked. */

/** The path a local location names. */
export function localPath(location: string): string {
  return location.startsWith('file://') ? fileURLToPath(location) : location;
}

/** A copy of a local file. Nothing is resumed: reading from a disk is quick. */
async function copyAttempt(url: string, request: TransferRequest, part: PartFile): Promise<void> {
  await part.restart({ url });
  try {
    for await (const chunk of createReadStream(localPath(url), { highWaterMark: 1 << 20 })) {
      await part.write(chunk as Buffer);
      request.onBytes(part.size, undefined);
    }
  } catch (error) {
    if (error instanceof ExpectedError) throw error;
    throw new TransferFailure('mirror', errno(error) === 'ENOENT' ? 'no such file' : error instanceof Error ? error.message : String(error));
  }
}

async function attempt(url: string, request: TransferRequest, part: PartFile, ctx: FetchContext): Promise<void> {
  if (isLocal(url)) return copyAttempt(url, request, part);
  if (/^ftp:/i.test(url)) return ftpAttempt(url, request, part, ctx);
  return httpAttempt(url, request, part, ctx);
}

/**
 * Brings one file from one place.
 * @param provable the bytes can be checked afterwards (a pinned digest, a signature): a part from another mirror may be continued
 * @returns the open part file, whole as far as the server tells; the caller closes it
 * @throws TransferFailure when this place cannot give it; ExpectedError space, interrupted
 */
export async function transfer(url: string, partPath: string, name: string, provable: boolean, ctx: FetchContext): Promise<PartFile> {
  const part = await PartFile.open(partPath);
  const patience = patienceOf(ctx);
  const meters: Meter = meter(name, ctx);
  const request: TransferRequest = { name, provable, onBytes: (received, total) => meters(received, total) };
  try {
    let idle = 0;
    // A server that breaks off every few megabytes is put up with as long as it brings something, but not for ever.
    for (let round = 1; ; round += 1) {
      const before = part.size;
      try {
        await attempt(url, request, part, ctx);
        await part.sync();
        meters(part.size, part.size, true);
        return part;
      } catch (error) {
        if (!(error instanceof TransferFailure) || error.next === 'mirror') throw error;
        idle = part.size > before ? 1 : idle + 1;
        if (idle >= patience.attempts || round >= 100) throw error;
        if (error.waitMs !== undefined && error.waitMs > patience.maxRetryAfterSeconds * 1000) {
          throw new TransferFailure('mirror', `${error.message} (asks to wait ${String(Math.round(error.waitMs / 1000))} s, which is too long)`);
        }
        await backoff(ctx, `${name} from ${withoutCredentials(url)}`, idle, error.message, error.waitMs);
      }
    }
  } catch (error) {
    await part.close();
    throw error;
  }
}

/**
 * Copies a file (mode 0644), sharing its blocks where the file system can.
 * @throws ExpectedError space, environment
 */
export async function copyInto(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    // What a killed run left may be read-only, as the cache's files are; the copy is the user's.
    await remove(to);
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, 0o644);
  } catch (error) {
    throw fromSystem(error, `copying ${from} to ${to}`);
  }
}
