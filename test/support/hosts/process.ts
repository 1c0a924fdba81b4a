import { createWriteStream, type WriteStream } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { run, shellQuote } from '../../../tasks/lib/exec.js';

/** QEMU of one host: its console, its monitor, its end. */
export class HostProcess {
  running = true;
  /** Why QEMU ended, when it was not killed here. */
  failure: string | undefined;
  readonly ended: Promise<void>;
  private readonly abort = new AbortController();
  private readonly log: WriteStream;

  /** @param output gets the console, over all starts of the host */
  constructor(argv: [string, ...string[]], private readonly socket: string, logFile: string, output: string[]) {
    this.log = createWriteStream(logFile, { flags: 'a' });
    const keep = (text: string): void => {
      output.push(text);
      this.log.write(text);
    };
    keep(`\n--- power on: ${shellQuote(argv)}\n`);
    this.ended = run(argv, { abort: this.abort.signal, discard: true, onOutput: keep }).then(
      () => {
        this.end(undefined);
      },
      (error: unknown) => {
        this.end(this.abort.signal.aborted ? undefined : String(error instanceof Error && 'why' in error ? error.why : error));
      },
    );
  }

  private end(failure: string | undefined): void {
    this.running = false;
    this.failure = failure;
    this.log.end(`\n--- power off ${failure ?? ''}\n`);
  }

  async kill(): Promise<void> {
    this.abort.abort('power cut');
    await this.ended;
  }

  /** One command on a connection of its own. @throws Error the monitor's answer */
  async qmp(command: string, args: Record<string, unknown>): Promise<unknown> {
    const socket: Socket = connect(this.socket);
    try {
      const lines = createInterface({ input: socket });
      const messages: AsyncIterator<string> = lines[Symbol.asyncIterator]();
      const answer = async (): Promise<Record<string, unknown>> => {
        for (;;) {
          const { value, done } = await messages.next();
          if (done === true) throw new Error(`the monitor closed on ${command}`);
          const message = JSON.parse(value) as Record<string, unknown>;
          if ('event' in message) continue;
          if ('error' in message) throw new Error(`${command}: ${JSON.stringify(message['error'])}`);
          return message;
        }
      };
      await answer();
      socket.write('{"execute":"qmp_capabilities"}\n');
      await answer();
      socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
      return (await answer())['return'];
    } finally {
      socket.destroy();
    }
  }
}
