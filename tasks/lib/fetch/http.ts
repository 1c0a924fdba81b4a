import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import got, { MaxRedirectsError, RequestError, TimeoutError, type Response } from 'got';
import { ExpectedError } from '../errors.js';
import { checkInterrupted } from '../exec.js';
import { patienceOf, type FetchContext } from './context.js';
import { looksLikeHtml, TransferFailure, type TransferRequest } from './failure.js';
import { Inflow } from './inflow.js';
import { requireSpace, type PartFile, type PartMeta } from './part.js';
import { agentsFor } from './proxy.js';

/** http and https, one request. */

const MAX_REDIRECTS = 10;

/** Statuses after which the same server may answer better a moment later. */
const RETRY_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Node has its own list of authorities; a host behind an inspecting proxy names its own in SSL_CERT_FILE, as for curl and OpenSSL. */
function authorities(): string[] | undefined {
  const file = process.env['SSL_CERT_FILE'];
  return file === undefined || file === '' ? undefined : [...rootCertificates, readFileSync(file, 'utf8')];
}

/** Milliseconds of a Retry-After header: seconds or a date. */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The conditions under which the bytes in hand may be continued, or undefined to start from zero. */
export function resumeHeaders(part: PartFile, url: string, provable: boolean): Record<string, string> | undefined {
  const { size, meta } = part;
  if (size === 0 || !meta) return undefined;
  const range = `bytes=${String(size)}-`;
  const validator = part.isFrom(url) ? (meta.etag ?? meta.lastModified) : undefined;
  if (validator !== undefined) return { range, 'if-range': validator };
  // Without a validator, or from another mirror, only a later proof of the whole makes this safe.
  return provable ? { range } : undefined;
}

function describe(url: string, response: Response, total: number | undefined): PartMeta {
  const { etag, 'last-modified': lastModified } = response.headers;
  // If-Range takes strong validators only (RFC 9110, 13.1.5).
  return { url, etag: etag?.startsWith('W/') ? undefined : etag, lastModified, total };
}

/** Turns what got throws into what the loop understands. */
function failureOf(error: unknown): unknown {
  if (error instanceof ExpectedError || error instanceof TransferFailure) return error;
  if (error instanceof MaxRedirectsError) return new TransferFailure('mirror', `more than ${String(MAX_REDIRECTS)} redirects`);
  if (error instanceof TimeoutError) return new TransferFailure('retry', `no answer in time (${error.event})`);
  if (!(error instanceof RequestError)) return error;
  const { code } = error;
  const retry = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENETRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_READING_RESPONSE_STREAM', 'HPE_INVALID_CHUNK_SIZE'];
  return new TransferFailure(retry.includes(code) || /aborted|socket hang up|content-length/i.test(error.message) ? 'retry' : 'mirror', error.message);
}

function waitForResponse(stream: ReturnType<typeof got.stream>): Promise<Response> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
}

/** Checks status and headers against what was asked for. Returns the total size, when known; the part is ready to be appended to. */
async function begin(url: string, response: Response, asked: boolean, part: PartFile): Promise<number | undefined> {
  const { statusCode: status, headers } = response;
  const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
  if (status === 200) {
    // No Range support, or the file changed since: everything comes again.
    await part.restart(describe(url, response, length));
    return length;
  }
  if (status === 206 && asked) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
    const total = range?.[3] === undefined || range[3] === '*' ? undefined : Number(range[3]);
    const sameSize = part.meta?.total === undefined || total === undefined || part.meta.total === total;
    if (range && Number(range[1]) === part.size && sameSize) {
      // Appended to what an earlier answer gave: if the whole is then wrong, that is the first suspect.
      part.resumed = true;
      if (!part.isFrom(url)) await part.describe(describe(url, response, total));
      return total ?? part.meta?.total;
    }
    await part.restart({ url });
    throw new TransferFailure('retry', `unusable answer to a range request (content-range: ${headers['content-range'] ?? 'none'})`);
  }
  if (status === 416 && asked) {
    const total = /^bytes \*\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
    if (total !== undefined && Number(total) === part.size) return part.size;
    await part.restart({ url });
    throw new TransferFailure('retry', 'the part in hand does not fit this file');
  }
  const words = `HTTP ${String(status)} ${response.statusMessage ?? ''}`.trim();
  if (RETRY_STATUS.has(status)) throw new TransferFailure('retry', words, retryAfterMs(headers['retry-after']));
  throw new TransferFailure('mirror', words);
}

/**
 * Downloads into the part file, continuing it where the server can.
 * @throws TransferFailure, ExpectedError space
 */
export async function httpAttempt(url: string, request: TransferRequest, part: PartFile, ctx: FetchContext): Promise<void> {
  const patience = patienceOf(ctx);
  const resume = resumeHeaders(part, url, request.provable);
  const stream = got.stream(url, {
    // Retries are ours (they resume); the bytes of the file are wanted, not what an encoding makes of them.
    retry: { limit: 0 },
    decompress: false,
    throwHttpErrors: false,
    maxRedirects: MAX_REDIRECTS,
    headers: { 'user-agent': 'build-kernel', 'accept-encoding': 'identity', ...resume },
    agent: agentsFor(new URL(url)),
    https: { certificateAuthority: authorities() },
    timeout: {
      lookup: patience.connectSeconds * 1000,
      connect: patience.connectSeconds * 1000,
      secureConnect: patience.connectSeconds * 1000,
      response: patience.stallSeconds * 1000,
    },
    hooks: {
      beforeRedirect: [
        (options, { url: from }) => {
          const to = new URL(String(options.url));
          if (from.startsWith('https:') && to.protocol === 'http:' && !request.provable) {
            throw new TransferFailure('mirror', `redirects from https to ${to.origin}, and there is no digest that would show a change`);
          }
          options.agent = agentsFor(to);
        },
      ],
    },
  });
  const inflow = new Inflow(stream);
  try {
    const response = await waitForResponse(stream);
    const total = await begin(url, response, resume !== undefined, part);
    if (part.size > 0 && part.size === total) return;
    if (total !== undefined) await requireSpace(part.path, total - part.size);
    for (let bytes = await inflow.next(patience.stallSeconds); bytes; bytes = await inflow.next(patience.stallSeconds)) {
      checkInterrupted();
      if (part.size === 0 && looksLikeHtml(bytes, request.name)) throw new TransferFailure('mirror', 'answered with a web page instead of the file');
      await part.write(bytes);
      request.onBytes(part.size, total);
    }
    if (total !== undefined && part.size !== total) {
      throw new TransferFailure('retry', `broke off after ${String(part.size)} of ${String(total)} bytes`);
    }
  } catch (error) {
    throw failureOf(error);
  } finally {
    stream.destroy();
  }
}
