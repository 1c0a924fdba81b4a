import { readlinkSync, symlinkSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Host, HOME, busybox, changes, input, plan, scratchFolder, type Shell } from './support.js';

const scratch = scratchFolder();
afterAll(scratch.remove);
const shells: Shell[] = [{ name: 'dash', argv: ['/usr/bin/dash'] }, busybox(scratch.path)];

describe.each(shells)('the lock under $name', (shell) => {
  it('lets one of many in at a time; the others learn who it is', async () => {
    const host = new Host(scratch.path, shell);
    const ids = await Promise.all([0, 1, 2, 3].map((at) => host.stage(input({ plan: { ...plan(changes().slice(0, 8)), id: `plan${String(at)}` } }))));
    const ran = await Promise.all(ids.map((id) => host.engine(['apply', id], '', { WHO: `user-${id}@desk` })));
    const statuses = ran.map(({ exitCode }) => exitCode).sort();
    expect(statuses[0]).toBe(0);
    for (const { exitCode, output } of ran) expect([0, 75, 79], output).toContain(exitCode);
    expect(ids.filter((id) => host.state(id) === 'applied')).toHaveLength(1);
    for (const { exitCode, output } of ran) if (exitCode === 75) expect(output).toMatch(/^busy: process \d+ \(user_plan\d@desk\) is changing this host\n$/);
    expect(existsSync(join(host.root, HOME, 'lock'))).toBe(false);
  });

  it('of the dead is taken over by one, through a chain of dead ones too', async () => {
    const host = new Host(scratch.path, shell);
    const home = join(host.root, HOME);
    const dead = (at: number): string => `${String(at)}-1-0-who`;
    symlinkSync(dead(999_991), join(home, 'lock'));
    symlinkSync(dead(999_992), join(home, `lock.over.${dead(999_991)}`));
    const ids = await Promise.all([0, 1, 2].map((at) => host.stage(input({ plan: { ...plan(changes().slice(0, 8)), id: `plan${String(at)}` } }))));
    const ran = await Promise.all(ids.map((id) => host.engine(['apply', id])));
    expect(ran.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect((await host.engine(['status'])).output).not.toContain('lock ');
    expect(existsSync(join(home, `lock.over.${dead(999_991)}`))).toBe(false);
  });

  it('of a live process with the same number but another start is dead', async () => {
    const host = new Host(scratch.path, shell);
    symlinkSync(`${String(process.pid)}-1-0-who`, join(host.root, HOME, 'lock'));
    const id = await host.stage(input());
    expect((await host.engine(['apply', id])).exitCode).toBe(0);
    expect(() => readlinkSync(join(host.root, HOME, 'lock'))).toThrow('ENOENT');
  });
});
