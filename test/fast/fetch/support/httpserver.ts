import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onCleanup } from './cleanup.js';

/** A real web server whose answers can be made wrong, one request after the other. */

export interface Answer {
  body?: Buffer | string;
  status?: number;
  headers?: Record<string, string>;
  /** Do as if there were no Range header. */
  ignoreRange?: boolean;
  /** Cut the connection after this many bytes of the body. */
  breakAfter?: number;
  /** Send this many bytes, then nothing more. */
  stallAfter?: number;
  /** No Content-Length (chunked). */
  noLength?: boolean;
  /** Say the body is this long. */
  claimLength?: number;
  /** Milliseconds between pieces of 64 KiB. */
  slow?: number;
}

export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

export class FaultServer {
  readonly seen: Seen[] = [];
  private readonly answers = new Map<string, Answer[]>();
  private constructor(
    private readonly server: Server,
    readonly origin: string,
  ) {}

  static async start(tls?: { key: string; cert: string }): Promise<FaultServer> {
    const server = tls ? createTlsServer(tls) : createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const fault = new FaultServer(server, `${tls ? 'https' : 'http'}://127.0.0.1:${String(port)}`);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void fault.serve(request, response));
    onCleanup(() => fault.stop());
    return fault;
  }

  /** Answers for a path: one per request, the last one for all that follow. Returns the URL. */
  on(path: string, ...answers: Answer[]): string {
    this.answers.set(path, answers);
    return `${this.origin}${path}`;
  }

  requests(path: string): Seen[] {
    return this.seen.filter(({ url }) => url === path);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '/', method = 'GET', headers } = request;
    this.seen.push({ method, url, headers });
    const list = this.answers.get(url) ?? [{ status: 404, body: 'nothing here' }];
    const answer = (list.length > 1 ? list.shift() : list[0]) ?? {};
    const whole = Buffer.from(answer.body ?? '');
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    const ifRange = headers['if-range'];
    const current = ifRange === undefined || ifRange === answer.headers?.['etag'] || ifRange === answer.headers?.['last-modified'];
    const partial = headers.range !== undefined && !answer.ignoreRange && current && (answer.status ?? 200) === 200;
    if (partial && start >= whole.length) {
      response.writeHead(416, { 'content-range': `bytes */${String(whole.length)}` }).end();
      return;
    }
    const body = partial ? whole.subarray(start) : whole;
    response.writeHead(partial ? 206 : (answer.status ?? 200), {
      ...(answer.noLength ? {} : { 'content-length': String(answer.claimLength ?? body.length) }),
      ...(partial ? { 'content-range': `bytes ${String(start)}-${String(whole.length - 1)}/${String(whole.length)}` } : {}),
      ...answer.headers,
    });
    const limit = Math.min(body.length, answer.breakAfter ?? body.length, answer.stallAfter ?? body.length);
    for (let at = 0; at < limit; at += 65_536) {
      await new Promise((resolve) => response.write(body.subarray(at, Math.min(at + 65_536, limit)), resolve));
      if (answer.slow !== undefined) await new Promise((resolve) => setTimeout(resolve, answer.slow));
    }
    if (answer.breakAfter !== undefined) response.destroy();
    else if (answer.stallAfter === undefined) response.end();
  }
}
