import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../tasks/lib/errors.js';
import { readFacts } from '../../../tasks/provision/facts/index.js';
import { SshTarget, type SshSettings } from '../../../tasks/provision/target/index.js';
import { startCutter, startSshd, type Sshd } from '../../support/sshd.js';

let sshd: Sshd;
let folder: string;
const open: SshTarget[] = [];
function target(more: Partial<SshSettings> = {}): SshTarget {
  const made = new SshTarget(sshd.settings(more), false);
  open.push(made);
  return made;
}

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(async () => {
  await sshd.stop();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bk-ssh-root-'));
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await sshd.quiet();
  rmSync(folder, { recursive: true, force: true });
});

describe('a host by ssh', () => {
  it('runs scripts, whatever is in their arguments, longer than a command line may be', async () => {
    const hostile = ["a'b", '$(touch /tmp/no)', '`id`', 'two\nlines', '', '"', '\\', '*'];
    const host = target();
    const { stdout } = await host.sh(`# ${'x'.repeat(200_000)}\nfor arg in "$@"; do printf "[%s]" "$arg"; done`, hostile);
    expect(stdout).toBe(hostile.map((arg) => `[${arg}]`).join(''));
    expect((await host.sh('exit 255', [], { ok: [255] })).exitCode).toBe(255);
    await expect(host.sh('echo no >&2; exit 4')).rejects.toMatchObject({ code: 'provision', why: 'no' });
  });

  it('writes and reads files, byte by byte, below its root', async () => {
    const host = target({ root: folder });
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
    await host.put("/it's", bytes, 0o640);
    expect(readFileSync(join(folder, "it's"))).toEqual(bytes);
    expect(statSync(join(folder, "it's")).mode & 0o7777).toBe(0o640);
    expect(await host.get("/it's")).toEqual(bytes);
    expect(await host.get('/none')).toBeUndefined();
    await expect(host.put('/no/such/folder', bytes)).rejects.toMatchObject({ code: 'provision' });
  });

  it('has facts, with the address that ssh comes in by', async () => {
    const facts = await readFacts(target());
    expect(facts).toMatchObject({ arch: 'x86_64', offline: false, managementPath: { address: '127.0.0.1', device: 'lo', client: '127.0.0.1' } });
  });

  it('leaves no process behind', async () => {
    const host = target();
    await host.sh('true');
    await host.close();
    expect(execFileSync('sh', ['-c', `ps axo args | grep '[s]sh .*${String(sshd.port)}' || :`], { encoding: 'utf8' })).toBe('');
  });
});

describe('what stands in the way is told apart', () => {
  const failure = async (settings: Partial<SshSettings>): Promise<ExpectedError> => {
    const error = await target(settings).sh('true').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ExpectedError);
    return error as ExpectedError;
  };
  const config = (text: string): string => {
    writeFileSync(join(folder, 'config'), text);
    return join(folder, 'config');
  };
  const known = (): string => readFileSync(sshd.config, 'utf8');

  it('an unknown host key is never taken', async () => {
    writeFileSync(join(folder, 'empty'), '');
    const error = await failure({ config: config(known().replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${folder}/empty`)) });
    expect(error).toMatchObject({ code: 'trust' });
    expect(error.what).toContain('not known here');
    // Without a terminal a question must not become a yes.
    const asking = await failure({ config: config(known().replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${folder}/empty`).replace('StrictHostKeyChecking yes', 'StrictHostKeyChecking ask')) });
    expect(asking).toMatchObject({ code: 'trust' });
  });

  it('a changed host key', async () => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'other')]);
    writeFileSync(join(folder, 'known'), `gateway ${readFileSync(join(folder, 'other.pub'), 'utf8')}`);
    const error = await failure({ config: config(known().replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${folder}/known`)) });
    expect(error).toMatchObject({ code: 'trust' });
    expect(error.what).toContain('not the one that was seen before');
  });

  it('no key that it takes', async () => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'other')]);
    const error = await failure({ config: config(known().replace(/IdentityFile .*/, `IdentityFile ${folder}/other`)) });
    expect(error).toMatchObject({ code: 'environment' });
    expect(error.what).toContain('does not let us in');
  });

  it('a port that nothing listens on, a name without address, a bad configuration', async () => {
    expect((await failure({ port: 1 })).what).toContain('refuses the connection');
    expect((await failure({ destination: 'no-such-host.invalid' })).what).toContain('has no address');
    expect(await failure({ config: config('Nonsense yes\n') })).toMatchObject({ code: 'usage' });
  });

  it('old algorithms only when they are asked for', async () => {
    const old = await startSshd(['KexAlgorithms diffie-hellman-group1-sha1', 'Ciphers aes128-cbc', 'MACs hmac-sha1']);
    try {
      const refused = new SshTarget(old.settings(), false);
      await expect(refused.sh('true')).rejects.toMatchObject({ code: 'network', fix: expect.stringContaining('old_algorithms') as string });
      await refused.close();
      const taken = new SshTarget(old.settings({ oldAlgorithms: true }), false);
      expect((await taken.sh('echo in')).stdout).toBe('in');
      await taken.close();
    } finally {
      await old.stop();
    }
  });
});

describe('a connection that is cut', () => {
  it('never leaves half a file or half a script done, and the next try goes through', async () => {
    const cutter = await startCutter(sshd.port);
    try {
      const data = Buffer.alloc(20_000, 'x');
      const work = async (host: SshTarget): Promise<void> => {
        await host.put('/file', data);
        await host.sh(`touch "$ROOT/one"\n# ${'y'.repeat(5000)}\ntouch "$ROOT/two"`);
      };
      const whole = target({ port: cutter.port, root: folder });
      await work(whole);
      await whole.close();
      const total = cutter.passed;
      let cut = 0;
      for (let limit = 500; limit < total; limit += Math.ceil(total / 25)) {
        rmSync(folder, { recursive: true });
        execFileSync('mkdir', [folder]);
        cutter.limit = limit;
        const host = target({ port: cutter.port, root: folder });
        const error = await work(host).then(() => undefined, (caught: unknown) => caught);
        if (error !== undefined) {
          cut += 1;
          expect(error, `cut after ${String(limit)} bytes`).toMatchObject({ code: 'network' });
        }
        if (existsSync(join(folder, 'file'))) expect(readFileSync(join(folder, 'file'))).toEqual(data);
        // A script that did arrive goes on.
        await host.close();
        await sshd.quiet();
        expect(existsSync(join(folder, 'one'))).toBe(existsSync(join(folder, 'two')));
        cutter.limit = Infinity;
        await work(host);
        expect(readFileSync(join(folder, 'file'))).toEqual(data);
        await host.close();
      }
      expect(cut).toBeGreaterThan(10);
    } finally {
      await cutter.stop();
    }
  });
});
