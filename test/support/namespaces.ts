import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';

/**
 * A shell in namespaces of its own: network, mounts, processes. Commands go in, what they print and their status come
 * out. Whatever it started has ended when end() is done.
 */
export class NamespaceShell {
  private readonly shell: ChildProcessWithoutNullStreams = spawn('unshare', ['-rnmp', '--fork', '--kill-child', '--mount-proc', 'sh'], { env: { ...process.env, LC_ALL: 'C' } });
  private readonly ended = new Promise((resolve) => this.shell.once('close', resolve));
  private count = 0;
  private output = '';

  constructor() {
    for (const stream of [this.shell.stdout, this.shell.stderr]) stream.on('data', (data: Buffer) => (this.output += data.toString()));
  }

  /** @throws Error it has not ended after minutes */
  async sh(script: string): Promise<{ status: number; text: string }> {
    this.count += 1;
    const mark = `== ${String(this.count)} ends`;
    this.output = '';
    this.shell.stdin.write(`{ ${script}\n} </dev/null; echo "${mark} $?"\n`);
    for (const end = Date.now() + 300_000; ; ) {
      const found = new RegExp(`${mark} (\\d+)\n`).exec(this.output);
      if (found) return { status: Number(found[1]), text: this.output.slice(0, found.index).trim() };
      if (Date.now() > end) throw new Error(`no end of: ${script}\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** @throws Error its status is not 0 */
  async must(script: string): Promise<string> {
    const { status, text } = await this.sh(script);
    if (status !== 0) throw new Error(`${script}\nended with ${String(status)}: ${text}`);
    return text;
  }

  /** The shell ends at the end of its input, and the kernel then ends all that is left in its namespace of processes. */
  async end(): Promise<void> {
    this.shell.stdin.end();
    const hangs = setTimeout(() => this.shell.kill('SIGKILL'), 60_000);
    await this.ended;
    clearTimeout(hangs);
  }
}
