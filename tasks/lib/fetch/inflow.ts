import type { Readable } from 'node:stream';
import { TransferFailure } from './failure.js';

/**
 * What a server sends, kept until it is written. A stream that is destroyed throws away what nobody has read yet, and a
 * connection that breaks destroys it: of a download that was cut off after 100 kB, Node 24, whose streams hold 64 KiB
 * each, would leave nothing. Here everything that came before the break is handed out before the failure is.
 */
export class Inflow {
  private readonly chunks: Buffer[] = [];
  private held = 0;
  private over = false;
  private failure: unknown;
  private wake: (() => void) | undefined;

  /**
   * @param stream from now on it flows into this
   * @param most bytes in memory after which the server has to wait
   */
  constructor(
    private readonly stream: Readable,
    private readonly most = 4 << 20,
  ) {
    stream.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.held += chunk.length;
      if (this.held >= this.most) stream.pause();
      this.wake?.();
    });
    const end = (failure?: unknown): void => {
      this.over = true;
      this.failure ??= failure;
      this.wake?.();
    };
    stream.on('error', end);
    for (const event of ['end', 'close']) stream.once(event, () => end());
  }

  /**
   * @param seconds without a byte after which the server counts as stalled
   * @returns the next bytes; undefined at the end
   * @throws what the stream failed with, once everything before it was handed out; TransferFailure no data
   */
  async next(seconds: number): Promise<Buffer | undefined> {
    if (this.chunks.length === 0 && !this.over) await this.arrival(seconds);
    const chunk = this.chunks.shift();
    if (chunk === undefined) {
      if (this.failure !== undefined) throw this.failure;
      return undefined;
    }
    this.held -= chunk.length;
    if (this.stream.isPaused() && this.held < this.most / 2) this.stream.resume();
    return chunk;
  }

  private async arrival(seconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.wake = resolve;
        timer = setTimeout(() => {
          // A process that was held up (a busy machine, a laptop that slept) runs its timers before it reads what came meanwhile.
          setImmediate(() => reject(new TransferFailure('retry', `no data for ${String(seconds)} s`)));
        }, seconds * 1000);
      });
    } finally {
      clearTimeout(timer);
      this.wake = undefined;
    }
  }
}
