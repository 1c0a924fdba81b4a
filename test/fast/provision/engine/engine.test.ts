import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../../tasks/lib/digest.js';
import { Host, HOME, busybox, changes, input, plan, scratchFolder, type Shell } from './support.js';

const scratch = scratchFolder();
afterAll(scratch.remove);
const shells: Shell[] = [{ name: 'dash', argv: ['/usr/bin/dash'] }, { name: 'bash as sh', argv: ['/usr/bin/bash', '--posix'] }, busybox(scratch.path)];

describe.each(shells)('engine under $name', (shell) => {
  let host: Host;
  let id: string;
  let old: Record<string, string>;
  let times: Record<string, number>;
  beforeAll(async () => {
    host = new Host(scratch.path, shell);
    old = host.snapshot();
    times = host.times();
    id = await host.stage(input());
  });

  it('applies every kind of change', async () => {
    expect(await host.engine(['apply', id])).toEqual({ exitCode: 0, signal: null, output: '' });
    expect(host.state(id)).toBe('applied');
    const now = host.snapshot();
    for (const change of changes()) {
      const found = now[change.path.slice(1)];
      if (change.kind === 'absent') expect(found, change.path).toBeUndefined();
      else if (change.kind === 'link') expect(found, change.path).toBe(`link ${change.to ?? ''}`);
      else if (change.trial === undefined) {
        expect(found, change.path).toContain(change.after);
        expect(found, change.path).toContain(`file ${(change.mode ?? 0).toString(8)} `);
      } else expect(host.read(change.path.slice(1)), change.path).toBe(change.trial);
    }
    expect(now['lib/modules']).toBe('folder 755');
    expect(Object.keys(now).filter((path) => path.includes('.build-kernel.') && !path.startsWith('boot/'))).toEqual([]);
    expect(existsSync(join(host.root, HOME, 'lock'))).toBe(false);
  });

  it('does nothing the second time', async () => {
    const before = host.snapshot();
    expect((await host.engine(['apply', id])).exitCode).toBe(0);
    expect(host.snapshot()).toEqual(before);
  });

  it('takes everything back, times included', async () => {
    expect(await host.engine(['revert', id])).toMatchObject({ exitCode: 0, output: '' });
    expect(host.state(id)).toBe('reverted');
    expect(host.snapshot()).toEqual(old);
    expect(host.times()).toEqual(times);
    expect((await host.engine(['revert', id])).exitCode).toBe(0);
    expect(readdirSync(join(host.root, HOME)).sort()).toEqual(['engine', 'runs']);
  });

  it('confirms an image, and a later run is taken back before it', async () => {
    const first = await host.stage(input());
    await host.engine(['apply', first]);
    expect(await host.engine(['confirm', first])).toMatchObject({ exitCode: 0, output: '' });
    const confirmed = host.snapshot();
    expect(host.read('boot/grub/menu.lst')).toBe('default 1\ntitle stock\ntitle new\n');
    expect(Object.keys(confirmed).filter((path) => path.includes('.build-kernel.'))).toEqual([]);
    const next = changes().filter(({ path }) => path === '/etc/sysctl.conf').map((change) => ({ ...change, before: change.after, content: 'more\n', after: sha256('more\n') }));
    const second = await host.stage(input({ plan: plan(next) }));
    expect((await host.engine(['apply', second])).exitCode).toBe(0);
    expect((await host.engine(['confirm', second])).exitCode).toBe(0);
    expect((await host.engine(['status'])).output).toContain(`current ${second} confirmed\n`);
    expect(await host.engine(['revert', first])).toMatchObject({ exitCode: 79 });
    expect((await host.engine(['revert', second])).exitCode).toBe(0);
    expect(host.snapshot()).toEqual(confirmed);
    expect((await host.engine(['status'])).output).toContain(`current ${first} confirmed\n`);
    expect((await host.engine(['revert', first])).exitCode).toBe(0);
    expect(host.snapshot()).toEqual(old);
    expect((await host.engine(['status'])).output).not.toContain('current');
  });

  it('refuses what was changed since the plan, and touches nothing', async () => {
    const other = new Host(scratch.path, shell);
    const run = await other.stage(input());
    other.write('etc/keepalived.conf', 'by hand\n');
    const before = other.snapshot();
    const { exitCode, output } = await other.engine(['apply', run]);
    expect(exitCode).toBe(76);
    expect(output).toContain('/etc/keepalived.conf');
    expect(other.snapshot()).toEqual(before);
    expect(other.state(run)).toBe('staged');
  });

  it('keeps what others wrote over its files', async () => {
    const other = new Host(scratch.path, shell);
    const run = await other.stage(input());
    await other.engine(['apply', run]);
    other.write('etc/sysctl.conf', 'by hand\n');
    const { output } = await other.engine(['revert', run]);
    expect(output).toContain('/etc/sysctl.conf was changed by others');
    expect(other.snapshot()).toEqual(old);
    const kept = join(HOME, 'runs', run, 'foreign');
    expect(readdirSync(join(other.root, kept)).map((name) => other.read(join(kept, name)))).toEqual(['by hand\n']);
  });

  it('refuses a damaged payload', async () => {
    const other = new Host(scratch.path, shell);
    const run = await other.stage(input());
    const part = join(other.root, HOME, 'runs', run, 'payload.0');
    writeFileSync(part, 'x', { flag: 'a' });
    const { exitCode, output } = await other.engine(['apply', run]);
    expect(exitCode).toBe(1);
    expect(output).toContain('send them again');
    expect(other.snapshot()).toEqual(old);
  });

  it('does not follow a link out of an image', async () => {
    const other = new Host(scratch.path, shell);
    const outside = join(scratch.path, `outside-${shell.name.replaceAll(' ', '')}`);
    mkdirSync(outside);
    symlinkSync(outside, join(other.root, 'etc/build-kernel'));
    const run = await other.stage(input());
    const { exitCode, output } = await other.engine(['apply', run]);
    expect(exitCode).toBe(77);
    expect(output).toContain('leads out of');
    expect(readdirSync(outside)).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('refuses a folder that cannot be written to, before anything else', async () => {
    const other = new Host(scratch.path, shell);
    const run = await other.stage(input());
    chmodSync(join(other.root, 'boot/grub'), 0o555);
    const { exitCode, output } = await other.engine(['apply', run]);
    chmodSync(join(other.root, 'boot/grub'), 0o755);
    expect(exitCode).toBe(77);
    expect(output).toContain('boot/grub');
    expect(other.snapshot()).toEqual(old);
  });
});
