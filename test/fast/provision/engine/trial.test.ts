import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BootPlan } from '../../../../tasks/provision/boot/types.js';
import { Host, HOME, busybox, input, plan, scratchFolder, changes, type Shell } from './support.js';

/** Trial, confirmation and what takes a run back, with a kernel that seems to run: /proc is a folder. */

const scratch = scratchFolder();
afterAll(scratch.remove);
const shells: Shell[] = [{ name: 'dash', argv: ['/usr/bin/dash'] }, busybox(scratch.path)];
const TOKEN = 'abcdef012345';
const boot: BootPlan = { token: TOKEN, entry: { method: 'legacy', environment: '/boot/grub/default', trial: '1', stock: 0 }, resources: [] };
const OURS = `quiet build_kernel=${TOKEN}`;

describe.each(shells)('a trial under $name', (shell) => {
  /** A host whose run is applied and about to be rebooted. */
  async function tried(extra: Partial<Parameters<typeof input>[0]> = {}): Promise<{ host: Host; id: string; old: Record<string, string> }> {
    const host = new Host(scratch.path, shell, true);
    const old = host.snapshot();
    const id = await host.stage(input({ plan: plan(changes(), true), boot, ...extra }));
    expect(await host.engine(['apply', id])).toMatchObject({ exitCode: 0, output: '' });
    expect(await host.engine(['trial', id])).toMatchObject({ exitCode: 0, output: '' });
    expect(host.state(id)).toBe('trial');
    return { host, id, old };
  }

  it('that comes up is confirmed', async () => {
    const { host, id } = await tried();
    host.reboot(OURS);
    expect(await host.engine(['boot'])).toMatchObject({ exitCode: 0, output: '' });
    expect(host.state(id)).toBe('tried');
    expect((await host.engine(['status'])).output).toContain(`runs-kernel ${id}\nseconds-left ${id} 600\n`);
    expect(await host.engine(['confirm', id])).toMatchObject({ exitCode: 0, output: '' });
    host.reboot(OURS);
    expect((await host.engine(['boot'])).exitCode).toBe(0);
    expect(host.state(id)).toBe('confirmed');
  });

  it('whose kernel does not come up is taken back by the old one', async () => {
    const { host, id, old } = await tried();
    host.reboot('quiet');
    expect((await host.engine(['boot'])).output).toContain('did not come up');
    expect(host.state(id)).toBe('reverted');
    expect(host.snapshot()).toEqual(old);
  });

  it('that nobody confirms before the next boot is taken back', async () => {
    const { host, id, old } = await tried();
    host.reboot(OURS);
    await host.engine(['boot']);
    host.reboot('quiet');
    expect((await host.engine(['boot'])).output).toContain('before it was confirmed');
    expect(host.state(id)).toBe('reverted');
    expect(host.snapshot()).toEqual(old);
  });

  it('that nobody confirms in time is taken back', async () => {
    const { host, id, old } = await tried({ confirmMinutes: 1 });
    host.reboot(OURS);
    await host.engine(['boot']);
    const guard = host.engine(['guard']);
    host.clock(75);
    expect(host.state(id)).toBe('tried');
    host.clock(81);
    expect((await guard).output).toContain('not confirmed in 1 minutes');
    expect(host.state(id)).toBe('reverted');
    expect(host.snapshot()).toEqual(old);
    expect(await host.engine(['confirm', id])).toMatchObject({ exitCode: 79 });
  });

  it('that is confirmed ends the guard', async () => {
    const { host, id } = await tried();
    host.reboot(OURS);
    await host.engine(['boot']);
    const guard = host.engine(['guard']);
    await host.engine(['confirm', id]);
    expect(await guard).toMatchObject({ exitCode: 0, output: '' });
    host.clock(10_000);
    expect(await host.engine(['guard'])).toMatchObject({ exitCode: 0, output: '' });
    expect(host.state(id)).toBe('confirmed');
  });

  it('whose kernel is not the one that runs is not confirmed', async () => {
    const { host, id } = await tried();
    host.reboot(OURS);
    await host.engine(['boot']);
    host.reboot('quiet');
    expect((await host.engine(['confirm', id])).exitCode).toBe(79);
  });

  it('of modules only counts a second boot as failed', async () => {
    const { host, id, old } = await tried({ boot: undefined });
    host.reboot('quiet');
    await host.engine(['boot']);
    expect(host.state(id)).toBe('tried');
    await host.engine(['boot']);
    expect(host.state(id)).toBe('tried');
    host.reboot('quiet');
    await host.engine(['boot']);
    expect(host.snapshot()).toEqual(old);
  });

  it('that was only applied is taken back at a boot', async () => {
    const host = new Host(scratch.path, shell);
    const old = host.snapshot();
    const id = await host.stage(input());
    await host.engine(['apply', id]);
    host.reboot('quiet');
    expect((await host.engine(['boot'])).output).toContain('cut off while it was applied');
    expect(host.snapshot()).toEqual(old);
  });

  it('keeps another run from beginning, and one that is confirmed does not', async () => {
    const { host, id } = await tried();
    const other = await host.stage(input({ plan: { ...plan(changes().slice(1, 2)), id: 'other' } }));
    expect(await host.engine(['apply', other])).toMatchObject({ exitCode: 79, output: expect.stringContaining(id) as string });
    host.reboot(OURS);
    await host.engine(['boot']);
    await host.engine(['confirm', id]);
    const next = await host.stage(input({ plan: { ...plan([{ ...changes()[6], before: changes()[6]?.after, after: changes()[6]?.before, content: 'net.ipv4.ip_forward = 0\n' } as never]), id: 'next' } }));
    expect(await host.engine(['apply', next])).toMatchObject({ exitCode: 0, output: '' });
  });

  it('with GNU GRUB 0.97: the number in ten bytes of a file that stays where it is', async () => {
    const host = new Host(scratch.path, shell, true);
    const id = await host.stage(input({ plan: plan(changes(), true), boot }));
    await host.engine(['apply', id]);
    const file = join(host.root, 'boot/grub/default');
    expect(host.read('boot/grub/default')).toMatch(/^0\n#\n/);
    const { ino, size } = statSync(file);
    await host.engine(['trial', id]);
    expect(host.read('boot/grub/default').slice(0, 12)).toBe('1\n\n\n\n\n\n\n\n\n\n\n'.slice(0, 10) + '#\n');
    expect(statSync(file)).toMatchObject({ ino, size });
    // GRUB itself: savedefault 0.
    const bytes = readFileSync(file);
    bytes.write('0\0\n\n\n\n\n\n\n\n', 0, 'latin1');
    writeFileSync(file, bytes);
    host.reboot(OURS);
    await host.engine(['boot']);
    await host.engine(['confirm', id]);
    expect(existsSync(file)).toBe(false);
  });

  it("with Red Hat's GRUB: a word in stage2, and the saved number in it stays", async () => {
    const host = new Host(scratch.path, shell, true);
    const stage2 = Buffer.alloc(2000, 7);
    stage2.set([3, 2], 0x206);
    stage2.set([4, 0, 0, 0, 0], 0x20c);
    writeFileSync(join(host.root, 'boot/grub/stage2'), stage2);
    const old = host.snapshot();
    const id = await host.stage(input({ plan: plan(changes(), true), boot: { ...boot, entry: { method: 'redhat', environment: '/boot/grub/stage2', trial: '12', stock: 4 } } }));
    expect(await host.engine(['apply', id])).toMatchObject({ exitCode: 0, output: '' });
    expect(await host.engine(['trial', id])).toMatchObject({ exitCode: 0, output: '' });
    const now = readFileSync(join(host.root, 'boot/grub/stage2'));
    expect(now.readUInt32LE(0x20c)).toBe(0x10000 + (12 << 8) + 4);
    now.writeUInt32LE(4, 0x20c);
    expect(now.equals(stage2)).toBe(true);
    // Not obeyed, as after a power cut before GRUB ran: cancelled.
    host.reboot('quiet');
    await host.engine(['boot']);
    expect(host.snapshot()).toEqual(old);
  });

  it('with another stage2 is refused', async () => {
    const host = new Host(scratch.path, shell, true);
    host.write('boot/grub/stage2', 'x'.repeat(2000));
    const id = await host.stage(input({ plan: plan(changes(), true), boot: { ...boot, entry: { method: 'redhat', environment: '/boot/grub/stage2', trial: '1', stock: 0 } } }));
    expect(await host.engine(['apply', id])).toMatchObject({ exitCode: 77, output: expect.stringContaining('second stage') as string });
  });

  it('with GRUB 2: next_entry in grubenv, 1024 bytes, other variables stay', async () => {
    const host = new Host(scratch.path, shell, true);
    const block = (text: string): string => `# GRUB Environment Block\n${text}`.padEnd(1024, '#');
    host.write('boot/grub/grubenv', block('saved_entry=a b\\\\c>d\n'));
    const old = host.snapshot();
    const id = await host.stage(input({ plan: plan(changes(), true), boot: { ...boot, entry: { method: 'grub2', environment: '/boot/grub/grubenv', trial: 'build-kernel-x', stock: 0 } } }));
    expect(await host.engine(['apply', id])).toMatchObject({ exitCode: 0, output: '' });
    expect(await host.engine(['trial', id])).toMatchObject({ exitCode: 0, output: '' });
    expect(host.read('boot/grub/grubenv')).toBe(block('saved_entry=a b\\\\c>d\nnext_entry=build-kernel-x\n'));
    // GRUB sets it to nothing.
    host.write('boot/grub/grubenv', block('saved_entry=a b\\\\c>d\nnext_entry=\n'));
    host.reboot('quiet');
    await host.engine(['boot']);
    expect(host.snapshot()).toEqual(old);
  });

  it('at rest costs a boot nothing', async () => {
    const host = new Host(scratch.path, shell);
    await host.stage(input());
    expect(await host.engine(['boot'])).toMatchObject({ exitCode: 0, output: '' });
    expect(await host.engine(['guard'])).toMatchObject({ exitCode: 0, output: '' });
    expect(host.read(join(HOME, 'engine'))).toContain('boot_once');
  });
});
