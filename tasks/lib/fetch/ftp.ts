import { Writable } from 'node:stream';
import { Client, FTPError } from 'basic-ftp';
import { ExpectedError, errno } from '../errors.js';
import { checkInterrupted } from '../exec.js';
import { patienceOf, type FetchContext } from './context.js';
import { TransferFailure, type TransferRequest } from './failure.js';
import { requireSpace, type PartFile } from './part.js';

/** Anonymous (or URL-given) passive ftp, one session. Resumes with REST when the file's size and time are what they were. */

function failureOf(error: unknown): unknown {
  if (error instanceof ExpectedError || error instanceof TransferFailure) return error;
  if (error instanceof FTPError) {
    // 4xx replies are transient by definition (RFC 959, 4.2.1), 5xx are not.
    return new TransferFailure(error.code >= 400 && error.code < 500 ? 'retry' : 'mirror', `FTP ${error.message}`);
  }
  const refused = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH'].includes(errno(error) ?? '');
  return new TransferFailure(refused ? 'mirror' : 'retry', error instanceof Error ? error.message : String(error));
}

/**
 * Downloads into the part file.
 * @throws TransferFailure, ExpectedError space
 */
export async function ftpAttempt(url: string, request: TransferRequest, part: PartFile, ctx: FetchContext): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(url);
  // basic-ftp's time-out is one of silence, on the control and the data connection.
  const client = new Client(patienceOf(ctx).stallSeconds * 1000);
  try {
    await client.access({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 21 : Number(port),
      user: username === '' ? 'anonymous' : decodeURIComponent(username),
      password: username === '' ? 'build-kernel@' : decodeURIComponent(password),
    });
    // A URL's path starts at the folder one lands in (RFC 1738, 3.2.2), which is the root only for most anonymous servers.
    const path = decodeURIComponent(pathname.slice(1));
    // Not every server knows SIZE and MDTM: without them nothing is resumed, and the digest is all there is to check.
    const total = await client.size(path).catch((error: unknown) => {
      if (error instanceof FTPError && error.code !== 550) return undefined;
      throw error;
    });
    const lastModified = await client.lastMod(path).then((date) => date.toUTCString()).catch(() => undefined);
    const same = part.meta?.total === total && total !== undefined && part.size <= total;
    const unchanged = same && part.isFrom(url) && lastModified !== undefined && part.meta?.lastModified === lastModified;
    if (part.size === 0 || !(unchanged || (same && request.provable))) await part.restart({ url, lastModified, total });
    else part.resumed = true;
    if (total !== undefined) {
      if (part.size === total && total > 0) return;
      await requireSpace(part.path, total - part.size);
    }
    let failed: unknown;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        part.write(chunk).then(
          () => {
            checkInterrupted();
            request.onBytes(part.size, total);
            done();
          },
        ).catch((error: unknown) => {
          // basic-ftp wraps what a destination throws: keep the original.
          failed = error;
          done(error instanceof Error ? error : new Error(String(error)));
        });
      },
    });
    try {
      await client.downloadTo(sink, path, part.size);
    } catch (error) {
      throw failed ?? error;
    }
    if (total !== undefined && part.size !== total) {
      throw new TransferFailure('retry', `broke off after ${String(part.size)} of ${String(total)} bytes`);
    }
  } catch (error) {
    throw failureOf(error);
  } finally {
    client.close();
  }
}
