import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { BootPlan } from '../../../../tasks/provision/boot/types.js';
import { Host, HOME, busybox, changes, input, plan, scratchFolder, type Shell } from './support.js';

/** The BMC's watchdog over a trial: a file stands for the device, so what was written last is what it was told. */

const scratch = scratchFolder();
afterAll(scratch.remove);
const shells: Shell[] = [{ name: 'dash', argv: ['/usr/bin/dash'] }, busybox(scratch.path)];
const TOKEN = 'abcdef012345';
const boot: BootPlan = { token: TOKEN, entry: { method: 'legacy', environment: '/boot/grub/default', trial: '1', stock: 0 }, resources: [], watchdog: 'bmc' };
const DEVICE = 'dev/watchdog';
const DRIVER = 'sys/module/ipmi_watchdog';
const ARMED = `${HOME}/armed`;

describe.each(shells)('the watchdog under $name', (shell) => {
  /** A host whose trial has been told to the boot loader; the reboot comes next. */
  async function told(bootPlan: BootPlan = boot, users = '1'): Promise<{ host: Host; id: string }> {
    const host = new Host(scratch.path, shell, true);
    host.write(DEVICE, '');
    host.write(`${DRIVER}/refcnt`, `${users}\n`);
    host.write(`${DRIVER}/parameters/timeout`, '10\n');
    mkdirSync(join(host.root, 'sys/module/ipmi_si'));
    const id = await host.stage(input({ plan: plan(changes(), true), boot: bootPlan }));
    expect(await host.engine(['apply', id])).toMatchObject({ exitCode: 0 });
    expect(await host.engine(['trial', id])).toMatchObject({ exitCode: 0 });
    return { host, id };
  }

  it('runs when the host reboots into the trial, and is stopped by the old kernel', async () => {
    const { host, id } = await told();
    await host.engine(['reboot-now']);
    expect(host.read(DEVICE)).toBe('.');
    expect(host.read(`${DRIVER}/parameters/timeout`)).toBe('255\n');
    host.reboot('quiet');
    await host.engine(['boot']);
    expect(host.state(id)).toBe('reverted');
    expect(host.read(DEVICE)).toBe('V');
    expect(existsSync(join(host.root, ARMED))).toBe(false);
  });

  it('is fed until the run is confirmed, then stopped', async () => {
    const { host, id } = await told();
    await host.engine(['reboot-now']);
    host.reboot(`quiet build_kernel=${TOKEN}`);
    host.write(DEVICE, '');
    await host.engine(['boot']);
    const guard = host.engine(['guard']);
    while (!/^\.+$/.test(host.read(DEVICE))) await sleep(50);
    expect(host.read(`${DRIVER}/parameters/timeout`)).toBe('60\n');
    await host.engine(['confirm', id]);
    await guard;
    expect(host.read(DEVICE)).toMatch(/V$/);
    expect(existsSync(join(host.root, ARMED))).toBe(false);
  });

  it('is stopped before the guard takes a run back', async () => {
    const { host, id } = await told();
    await host.engine(['reboot-now']);
    host.reboot(`quiet build_kernel=${TOKEN}`);
    await host.engine(['boot']);
    host.clock(10_000);
    await host.engine(['guard']);
    expect(host.state(id)).toBe('reverted');
    expect(host.read(DEVICE)).toMatch(/V$/);
    expect(existsSync(join(host.root, ARMED))).toBe(false);
  });

  it("is left alone when the plan knows of no BMC, or the device is another driver's", async () => {
    const { host } = await told({ ...boot, watchdog: undefined });
    await host.engine(['reboot-now']);
    expect(host.read(DEVICE)).toBe('');
    const other = await told(boot, '0');
    await other.host.engine(['reboot-now']);
    expect(other.host.read(DEVICE)).toBe('V');
    expect(existsSync(join(other.host.root, ARMED))).toBe(false);
  });
});
