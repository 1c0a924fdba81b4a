import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../../lib/errors.js';
import { checkInterrupted, run, type ExecResult } from '../../lib/exec.js';
import { remove } from '../../lib/files.js';
import type { Target } from '../types.js';
import { quote, toResult, unwrap, wrapScript, type ShOptions, type ShResult } from './script.js';
import { sshFailure } from './ssh-failure.js';
import { sshOptions, type SshSettings } from './ssh-options.js';

/** A host reached by the system's ssh. One master connection carries every step; after a reboot a new one is made. */

const ANY_STATUS = Array.from({ length: 256 }, (_, status) => status);
/** ssh's own failures; a remote program can end with it too, which the reply's last line tells apart. */
const SSH_FAILED = 255;

/** ERROR would hide which algorithms the two sides lack in common, and is enough for the sessions over a master. */
const LOUD = ['-o', 'LogLevel=INFO'];
const QUIET = ['-o', 'LogLevel=ERROR'];

/** The master: alive while `ended` is pending. */
interface Master {
  abort: AbortController;
  ended: Promise<ExecResult>;
  alive: boolean;
  asRoot: string;
}

export class SshTarget implements Target {
  readonly kind: 'ssh' | 'folder';
  readonly name: string;
  readonly root: string;
  private folder: string | undefined;
  private master: Master | undefined;
  /** Boot that this target has seen last: tells an answer after a reboot from one before. */
  private bootId = '';

  /** @param terminal ssh may ask for passwords and unknown host keys */
  constructor(
    private readonly settings: SshSettings,
    private readonly terminal = process.stdin.isTTY && process.stderr.isTTY,
  ) {
    this.name = settings.name;
    this.root = settings.root ?? '';
    // Nothing runs in a folder, wherever it is.
    this.kind = this.root === '' ? 'ssh' : 'folder';
  }

  private get host(): string {
    return this.settings.destination;
  }

  private async socket(): Promise<string> {
    // A socket's path may have 107 bytes, so the folder is a short one.
    this.folder ??= await mkdtemp(join(tmpdir().length > 40 ? '/tmp' : tmpdir(), 'bk-ssh-'));
    return join(this.folder, 's');
  }

  private async startMaster(interactive: boolean): Promise<Master> {
    const socket = await this.socket();
    await remove(socket);
    const abort = new AbortController();
    const ended = run(['ssh', ...sshOptions(this.settings, socket, interactive), ...LOUD, '-o', 'ControlMaster=yes', '-o', 'ControlPersist=no', '-N', '--', this.host], {
      ok: ANY_STATUS,
      abort: abort.signal,
      terminal: interactive,
    });
    const master: Master = { abort, ended, alive: true, asRoot: '' };
    const over = (): void => {
      master.alive = false;
    };
    ended.then(over, over);
    for (;;) {
      checkInterrupted();
      if (!master.alive) throw sshFailure(this.settings, (await ended).stderr, false);
      if (await stat(socket).then(() => true, () => false)) {
        const { exitCode } = await run(['ssh', ...sshOptions(this.settings, socket, false), '-O', 'check', '--', this.host], { ok: ANY_STATUS });
        if (exitCode === 0) return master;
      }
      await sleep(50);
    }
  }

  /** Makes the connection, finds out how to be root there. */
  async connect(): Promise<void> {
    if (this.master?.alive) return;
    let master: Master;
    try {
      master = await this.startMaster(false);
    } catch (error) {
      const asks = error instanceof ExpectedError && /Permission denied|Host key verification failed|No \S+ host key is known/.test(error.why ?? '') && !/HAS CHANGED/.test(error.why ?? '');
      if (!this.terminal || !asks) throw error;
      master = await this.startMaster(true);
    }
    this.master = master;
    const look = await this.session('id -u; cat /proc/sys/kernel/random/boot_id', '', undefined);
    const [uid = '', boot = ''] = look.stdout.trim().split('\n');
    if (this.bootId === '') this.bootId = boot;
    if (uid === '0') return;
    const sudo = await this.session('sudo -n true', '', undefined);
    if (sudo.exitCode !== 0) {
      await this.close();
      throw new ExpectedError({
        code: 'environment',
        what: `The user on ${this.host} is not root and may not become root without a password.`,
        why: sudo.stderr.trim() === '' ? `sudo -n true: status ${String(sudo.exitCode)}` : sudo.stderr.trim(),
        fix: 'Log in as root (destination: root@HOST in gateway.yaml, or User in your ssh configuration), or allow that user sudo without a password.',
      });
    }
    // sudo empties the environment; the connection's addresses are a fact that is read.
    master.asRoot = 'sudo -n env SSH_CONNECTION="$SSH_CONNECTION" ';
  }

  /** One command over the master. */
  private async session(command: string, input: string | { file: string } | Uint8Array, options: (ShOptions & { stdoutFile?: string }) | undefined): Promise<ExecResult> {
    const socket = await this.socket();
    const given = typeof input === 'object' && 'file' in input ? { inputFile: input.file } : { input };
    const result = await run(['ssh', ...sshOptions(this.settings, socket, false), ...QUIET, '-o', 'ControlMaster=no', '--', this.host, command], {
      ...given,
      ok: ANY_STATUS,
      timeout: options?.timeout,
      ...(options?.stdoutFile === undefined ? {} : { stdoutFile: options.stdoutFile }),
      fail: { code: 'network', what: `${this.host} did not finish a step in time.`, fix: 'Run the same command again: it goes on from what the host has.' },
    });
    if (result.exitCode === SSH_FAILED && !this.master?.alive) throw sshFailure(this.settings, result.stderr, true);
    return result;
  }

  private async exchange(script: string, args: readonly string[] | undefined, options: ShOptions | undefined): Promise<{ output: Buffer; exitCode: number; stderr: string }> {
    await this.connect();
    const { text, mark } = wrapScript(script, args, this.root);
    const scratch = await mkdtemp(join(tmpdir(), 'bk-sh-'));
    try {
      const stdoutFile = join(scratch, 'out');
      const { stderr } = await this.session(`${this.master?.asRoot ?? ''}sh -s`, text, { ...options, stdoutFile });
      const reply = unwrap(await readFile(stdoutFile), mark);
      if (!reply) throw sshFailure(this.settings, stderr, true);
      return { ...reply, stderr };
    } finally {
      await remove(scratch);
    }
  }

  async sh(script: string, args?: readonly string[], options?: ShOptions): Promise<ShResult> {
    const { output, exitCode, stderr } = await this.exchange(script, args, options);
    return toResult(this.name, output, exitCode, stderr, options);
  }

  async put(path: string, data: Buffer | { file: string }, mode = 0o600): Promise<void> {
    await this.connect();
    const size = Buffer.isBuffer(data) ? data.length : (await stat(data.file)).size;
    const place = `${this.root}${path}`;
    // A connection that breaks looks like the end of the file: only a file of the right length gets its name.
    const inner = `umask 077; p=${quote(place)}; cat >"$p.part" && [ "$(wc -c <"$p.part")" -eq ${String(size)} ] && chmod ${mode.toString(8)} "$p.part" && { sync "$p.part" 2>/dev/null || sync; } && mv -f "$p.part" "$p"`;
    const { exitCode, stderr } = await this.session(`${this.master?.asRoot ?? ''}sh -c ${quote(inner)}`, Buffer.isBuffer(data) ? data : data, undefined);
    if (exitCode === 0) return;
    // The end of the master may be noticed after that of its session.
    if (exitCode === SSH_FAILED || !this.master?.alive) throw sshFailure(this.settings, stderr, true);
    throw new ExpectedError({
      code: /No space left/.test(stderr) ? 'space' : 'provision',
      what: `${place} could not be written on ${this.host}.`,
      why: stderr.trim() === '' ? `${String(size)} bytes; status ${String(exitCode)}` : stderr.trim(),
      fix: 'Mend what it says, then run the same command again: it goes on from what the host has.',
    });
  }

  async get(path: string): Promise<Buffer | undefined> {
    const { output, exitCode, stderr } = await this.exchange('[ -e "$ROOT$1" ] || exit 44; cat "$ROOT$1"', [path], undefined);
    if (exitCode === 44) return undefined;
    if (exitCode !== 0) throw new ExpectedError({ code: 'provision', what: `${path} of ${this.host} cannot be read.`, why: stderr.trim() });
    return output;
  }

  async waitUp(seconds: number): Promise<boolean> {
    const until = Date.now() + seconds * 1000;
    for (;;) {
      await this.drop();
      try {
        await this.connect();
        const { output } = await this.exchange('cat /proc/sys/kernel/random/boot_id', [], { timeout: 20_000 });
        const boot = output.toString('utf8').trim();
        if (boot !== this.bootId) {
          this.bootId = boot;
          return true;
        }
      } catch (error) {
        // A host that boots refuses, is silent, or drops us; a changed host key is no matter of waiting.
        if (!(error instanceof ExpectedError) || error.code === 'interrupted' || error.code === 'trust' || error.code === 'usage') throw error;
      }
      if (Date.now() >= until) return false;
      await sleep(2000);
    }
  }

  private async drop(): Promise<void> {
    const { master } = this;
    this.master = undefined;
    if (!master) return;
    if (master.alive && this.folder !== undefined) {
      // One that asked at the terminal shares our process group: it is told, not signalled.
      await run(['ssh', ...sshOptions(this.settings, await this.socket(), false), '-O', 'exit', '--', this.host], { ok: ANY_STATUS, timeout: 5000 }).catch(() => undefined);
    }
    master.abort.abort('closed');
    await master.ended.catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.drop();
    if (this.folder !== undefined) await remove(this.folder);
    this.folder = undefined;
  }
}
