import { connect, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { errno } from '../../lib/errors.js';

/**
 * The line to a guest's agent (templates/guest/agent.c): frames of NUL-separated fields, with length and CRC-32, so that
 * a byte that is no part of a frame is passed over. Requests run side by side; each reply carries its request's id.
 */

const HEAD = /^@BK ([0-9a-f]{8}) ([0-9a-f]{8})\n/;
const HEAD_LENGTH = 22;

/** One frame around a payload. */
export function encodeFrame(payload: Buffer): Buffer {
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  return Buffer.concat([Buffer.from(`@BK ${hex(payload.length)} ${hex(crc32(payload))}\n`), payload]);
}

/** Finds whole frames in what comes, whatever stands between them. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);

  /** @returns payloads of the frames that are whole now */
  push(chunk: Buffer): Buffer[] {
    this.rest = Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    for (;;) {
      const start = this.rest.indexOf('@BK ');
      if (start < 0) {
        this.rest = this.rest.subarray(Math.max(0, this.rest.length - 3));
        return frames;
      }
      this.rest = this.rest.subarray(start);
      if (this.rest.length < HEAD_LENGTH) return frames;
      const head = HEAD.exec(this.rest.subarray(0, HEAD_LENGTH).toString('latin1'));
      if (!head) {
        this.rest = this.rest.subarray(4);
        continue;
      }
      const length = parseInt(head[1] ?? '', 16);
      if (this.rest.length < HEAD_LENGTH + length) return frames;
      const payload = this.rest.subarray(HEAD_LENGTH, HEAD_LENGTH + length);
      if (crc32(payload) === parseInt(head[2] ?? '', 16)) {
        frames.push(Buffer.from(payload));
        this.rest = this.rest.subarray(HEAD_LENGTH + length);
      } else {
        this.rest = this.rest.subarray(4);
      }
    }
  }
}

/** An answer of the agent. */
export interface Reply {
  kind: 'exit' | 'signal' | 'timeout' | 'ok' | 'error';
  /** Exit status, signal or error number. */
  code: number;
  /** Guest milliseconds since boot. */
  began: number;
  ended: number;
  stdout: Buffer;
  stderr: Buffer;
}

function parseReply(payload: Buffer): { id: string; reply: Reply } | undefined {
  const fields: string[] = [];
  let at = 0;
  while (fields.length < 6) {
    const end = payload.indexOf(0, at);
    if (end < 0) return undefined;
    fields.push(payload.toString('latin1', at, end));
    at = end + 1;
  }
  const [id = '', kind = '', code, began, ended, length] = fields;
  const split = at + Number(length);
  return {
    id,
    reply: {
      kind: kind as Reply['kind'],
      code: Number(code),
      began: Number(began),
      ended: Number(ended),
      stdout: payload.subarray(at, split),
      stderr: payload.subarray(split),
    },
  };
}

/** What the agent says first. */
export interface Hello {
  release: string;
  /** virtio-serial or serial. */
  line: string;
  /** Guest milliseconds since boot. */
  at: number;
}

/** Requests to one agent. QEMU listens on one socket per line that the guest may choose. */
export class Channel {
  private readonly sockets: Socket[] = [];
  private chosen: Socket | undefined;
  private next = 1;
  private readonly pending = new Map<string, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  private closed: Error | undefined;
  private greet: ((hello: Hello) => void) | undefined;
  /** Settles when the agent has said that it is there. */
  readonly hello: Promise<Hello>;

  constructor() {
    this.hello = new Promise((resolve) => {
      this.greet = resolve;
    });
  }

  /** Connects to a socket of QEMU's, which may take a moment to appear. */
  async attach(path: string, giveUpAfter = 10_000): Promise<void> {
    const until = Date.now() + giveUpAfter;
    for (;;) {
      if (this.closed) throw this.closed;
      const socket = connect(path);
      const failed = await new Promise<Error | undefined>((resolve) => {
        socket.once('connect', () => {
          resolve(undefined);
        });
        socket.once('error', resolve);
      });
      if (!failed) {
        this.listen(socket);
        return;
      }
      if (!['ENOENT', 'ECONNREFUSED'].includes(errno(failed) ?? '') || Date.now() > until) throw failed;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private listen(socket: Socket): void {
    const reader = new FrameReader();
    this.sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.take(frame, socket);
    });
  }

  private take(frame: Buffer, socket: Socket): void {
    const parsed = parseReply(frame);
    if (!parsed) return;
    if (parsed.id === 'hello') {
      const [release = '', line = '', at] = parsed.reply.stdout.toString().split(' ');
      this.chosen = socket;
      this.greet?.({ release, line, at: Number(at) });
      return;
    }
    this.pending.get(parsed.id)?.resolve(parsed.reply);
    this.pending.delete(parsed.id);
  }

  /**
   * Asks the agent for something.
   * @param fields verb, node, time-out (ms) and arguments
   * @throws the error given to close(), when the guest is gone
   */
  request(fields: readonly (string | Buffer)[]): Promise<Reply> {
    const socket = this.chosen;
    if (this.closed || !socket) return Promise.reject(this.closed ?? new Error('the agent has not said that it is there'));
    const id = String(this.next++);
    const parts = [id, ...fields].flatMap((field) => [Buffer.from(field), Buffer.from([0])]);
    // Raw bytes come last and end with the frame.
    if (fields[fields.length - 1] instanceof Buffer) parts.pop();
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      socket.write(encodeFrame(Buffer.concat(parts)));
    });
  }

  /** Ends every request under way with an error. */
  close(error: Error): void {
    if (this.closed) return;
    this.closed = error;
    for (const { reject } of this.pending.values()) reject(error);
    this.pending.clear();
    for (const socket of this.sockets) socket.destroy();
  }
}
