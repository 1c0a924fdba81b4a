import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Host, busybox, changes, input, scratchFolder, type Shell } from './support.js';

/** kill -9 before any one of the commands that write, then either the same command again or a reboot. */

const scratch = scratchFolder();
afterAll(scratch.remove);
const shells: Shell[] = [{ name: 'dash', argv: ['/usr/bin/dash'] }, busybox(scratch.path)];
const WRITERS = ['chmod', 'cp', 'dd', 'head', 'ln', 'mkdir', 'mv', 'rm', 'rmdir', 'touch'];

/**
 * Programs that count, and at the Nth end their whole process group, themselves and the engine. Those of a pipe count at
 * the same time: each adds a line, which is one write, and who then sees enough of them kills.
 */
function killers(real: string): string {
  const folder = mkdtempSync(join(scratch.path, 'killers-'));
  const tool = join(folder, 'tool');
  writeFileSync(
    tool,
    `#!/bin/dash
echo >>"$KILL_COUNT"
n=0
while read -r line; do n=$((n + 1)); done <"$KILL_COUNT"
[ "$n" -lt "$KILL_AT" ] || kill -9 0
exec ${real}/\${0##*/} "$@"
`,
  );
  chmodSync(tool, 0o755);
  mkdirSync(join(folder, 'bin'));
  for (const name of WRITERS) symlinkSync('../tool', join(folder, 'bin', name));
  return join(folder, 'bin');
}

/** Where it begins: the same places in every run; BUILD_KERNEL_TEST_SEED=random, or a number, for others. */
const seed = process.env['BUILD_KERNEL_TEST_SEED'] ?? '20260731';
const first = 1 + (seed === 'random' ? Math.floor(Math.random() * 7) : Number(seed) % 7);

describe.each(shells)('killed under $name', (shell) => {
  const path = killers(shell.path ?? '/usr/bin');

  async function killedAt(host: Host, args: string[], at: number): Promise<boolean> {
    const count = join(host.scratch, `count-${String(Math.random())}`);
    writeFileSync(count, '');
    const { signal, exitCode, output } = await host.engine(args, path, { KILL_COUNT: count, KILL_AT: String(at) });
    if (signal === 'SIGKILL') return true;
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: '' });
    return false;
  }

  async function pair(): Promise<{ host: Host; id: string; old: Record<string, string> }> {
    const host = new Host(scratch.path, shell);
    const old = host.snapshot();
    return { host, id: await host.stage(input()), old };
  }

  async function everyStep(each: (at: number) => Promise<boolean>): Promise<void> {
    // Strides that are no multiple of an operation's number of commands, so that all kinds of places are met.
    let kills = 0;
    for (let at = first; await each(at); at += 7) kills += 1;
    expect(kills).toBeGreaterThan(2);
  }

  it('applying goes on', async () => {
    const whole = await pair();
    await whole.host.engine(['apply', whole.id]);
    await everyStep(async (at) => {
      const { host, id } = await pair();
      const killed = await killedAt(host, ['apply', id], at);
      expect(await host.engine(['apply', id]), `killed at ${String(at)}`).toMatchObject({ exitCode: 0 });
      expect(host.snapshot(), `killed at ${String(at)}`).toEqual(whole.host.snapshot());
      return killed;
    });
  });

  it('applying, then a reboot: everything is as it was', async () => {
    await everyStep(async (at) => {
      const { host, id, old } = await pair();
      const killed = await killedAt(host, ['apply', id], at);
      // Until the run has begun, its indexes are somebody else's.
      if (host.state(id) !== 'staged') host.depmod();
      host.reboot('quiet');
      expect(await host.engine(['boot']), `killed at ${String(at)}`).toMatchObject({ exitCode: 0 });
      if (host.state(id) === 'staged') await host.engine(['revert', id]);
      expect(host.snapshot(), `killed at ${String(at)}`).toEqual(old);
      return killed;
    });
  });

  it('taking back goes on, by itself at the next boot too', async () => {
    await everyStep(async (at) => {
      const { host, id, old } = await pair();
      await host.engine(['apply', id]);
      host.depmod();
      const killed = await killedAt(host, ['revert', id], at);
      if (at % 2 === 0) host.reboot('quiet');
      expect(await host.engine(at % 2 === 0 ? ['boot'] : ['revert', id]), `killed at ${String(at)}`).toMatchObject({ exitCode: 0 });
      expect(host.snapshot(), `killed at ${String(at)}`).toEqual(old);
      return killed;
    });
  });

  it('confirming goes on, or is taken back at the next boot', async () => {
    const menu = changes()[0];
    let kills = 0;
    for (let at = 1; ; at += 2) {
      const { host, id, old } = await pair();
      await host.engine(['apply', id]);
      await host.engine(['activate', id]);
      const killed = await killedAt(host, ['confirm', id], at);
      if (killed && at % 4 === 1) {
        host.reboot('quiet');
        await host.engine(['boot']);
        if (host.state(id) !== 'confirmed') expect(host.snapshot(), `killed at ${String(at)}`).toEqual(old);
      } else await host.engine(['confirm', id]);
      if (host.state(id) === 'confirmed') {
        expect(host.read('boot/grub/menu.lst')).toBe(menu?.content);
        expect((await host.engine(['status'])).output).toContain(`current ${id} confirmed`);
        expect(Object.keys(host.snapshot()).filter((name) => name.includes('.build-kernel.'))).toEqual([]);
      }
      if (!killed) break;
      kills += 1;
    }
    expect(kills).toBeGreaterThan(3);
  });
});
