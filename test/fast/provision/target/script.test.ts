import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { folderTarget } from '../../../../tasks/provision/target/index.js';
import { unwrap, wrapScript } from '../../../../tasks/provision/target/script.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bk-target-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a script on its way to a host', () => {
  it('does nothing when it is cut off, wherever', () => {
    const { text } = wrapScript('touch "$1/a"\ntouch "$1/b"\nif [ -n "$1" ]; then\n  touch "$1/c"\nfi', [folder]);
    const end = text.indexOf(') </dev/null');
    for (let length = 0; length < end; length += 1) {
      try {
        execFileSync('sh', ['-s'], { input: text.slice(0, length), stdio: ['pipe', 'ignore', 'ignore'] });
      } catch {
        // A syntax error is what we want.
      }
      expect(execFileSync('ls', [folder], { encoding: 'utf8' }), `cut after ${String(length)} bytes`).toBe('');
    }
  });

  it('takes its arguments whatever is in them', async () => {
    const hostile = ["a'b", '$(touch /tmp/no)', '`id`', 'two\nlines', '', '-n', '"', '\\', '*', 'ü'];
    const { stdout } = await folderTarget(folder).sh('for arg in "$@"; do printf "[%s]" "$arg"; done', hostile);
    expect(stdout).toBe(hostile.map((arg) => `[${arg}]`).join(''));
  });

  it('knows a reply that was cut off', () => {
    const { mark } = wrapScript('');
    expect(unwrap(Buffer.from('some output\n'), mark)).toBeUndefined();
    expect(unwrap(Buffer.from(`some output\n${mark} `), mark)).toBeUndefined();
    expect(unwrap(Buffer.from(`some output\n\n${mark} 3\n`), mark)).toEqual({ output: Buffer.from('some output\n'), exitCode: 3 });
  });

  it('does not let a command of the script read the rest of it', async () => {
    const { stdout } = await folderTarget(folder).sh('cat; echo after');
    expect(stdout).toBe('after');
  });
});

describe('a folder as target', () => {
  it('writes and reads files below it, and passes it to scripts as ROOT', async () => {
    const target = folderTarget(folder);
    const bytes = Buffer.from([0, 255, 10, 13, 0]);
    await target.put('/x', bytes, 0o640);
    expect(readFileSync(join(folder, 'x'))).toEqual(bytes);
    expect(statSync(join(folder, 'x')).mode & 0o7777).toBe(0o640);
    expect(await target.get('/x')).toEqual(bytes);
    expect(await target.get('/nothing/here')).toBeUndefined();
    expect((await target.sh('cd "$ROOT" && ls')).stdout).toBe('x');
  });

  it('copies a file', async () => {
    writeFileSync(join(folder, 'from'), 'y'.repeat(300_000));
    await folderTarget(folder).put('/to', { file: join(folder, 'from') });
    expect(readFileSync(join(folder, 'to'), 'utf8')).toBe('y'.repeat(300_000));
    expect(statSync(join(folder, 'to')).mode & 0o7777).toBe(0o600);
  });

  it('fails with what the script said, unless the status was expected', async () => {
    const target = folderTarget(folder);
    await expect(target.sh('echo "no such thing" >&2; exit 3')).rejects.toMatchObject({ code: 'provision', why: 'no such thing' });
    expect((await target.sh('exit 3', [], { ok: [0, 3] })).exitCode).toBe(3);
    await expect(target.sh('sleep 20', [], { timeout: 300 })).rejects.toBeInstanceOf(ExpectedError);
  });
});
