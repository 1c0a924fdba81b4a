import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Host, MODULES, busybox, input, scratchFolder, type Shell } from './support.js';

/** Indexes of modules, which depmod writes: byte for byte what they were, whoever called it and however often. */

const scratch = scratchFolder();
afterAll(scratch.remove);
const shells: Shell[] = [{ name: 'dash', argv: ['/usr/bin/dash'] }, busybox(scratch.path)];

/** A depmod that says what it was called with. */
function depmod(): { path: string; calls: () => string } {
  const path = mkdtempSync(join(scratch.path, 'depmod-'));
  writeFileSync(join(path, 'depmod'), `#!/bin/sh\necho "$@" >>${path}/calls\n`);
  chmodSync(join(path, 'depmod'), 0o755);
  return { path, calls: () => (existsSync(join(path, 'calls')) ? readFileSync(join(path, 'calls'), 'utf8') : '') };
}

describe.each(shells)('indexes of modules under $name', (shell) => {
  it('come back with the modules, times included', async () => {
    const host = new Host(scratch.path, shell);
    const [old, times] = [host.snapshot(), host.times()];
    const id = await host.stage(input());
    expect((await host.engine(['apply', id])).exitCode).toBe(0);
    host.depmod();
    // Of a wholly new release too.
    host.write('lib/modules/2.6.32-new/modules.dep', 'kernel/net/m0.ko:\n');
    const { path, calls } = depmod();
    expect(await host.engine(['revert', id], path)).toMatchObject({ exitCode: 0, output: '' });
    expect(host.snapshot()).toEqual(old);
    expect(host.times()).toEqual(times);
    expect(calls()).toBe('');
  });

  it('are those from before the run, not from before it was tried again', async () => {
    const host = new Host(scratch.path, shell);
    const id = await host.stage(input());
    await host.engine(['apply', id]);
    await host.engine(['revert', id]);
    host.write(`${MODULES}/modules.dep`, 'by hand\n');
    const old = host.snapshot();
    await host.stage(input());
    expect((await host.engine(['apply', id])).exitCode).toBe(0);
    host.depmod();
    expect((await host.engine(['revert', id])).exitCode).toBe(0);
    expect(host.snapshot()).toEqual(old);
  });

  it('are made anew when others have added modules since', async () => {
    const host = new Host(scratch.path, shell);
    const id = await host.stage(input());
    await host.engine(['apply', id]);
    await host.engine(['confirm', id]);
    host.depmod();
    host.write(`${MODULES}/updates/dkms/other.ko.xz`, 'theirs');
    const { path, calls } = depmod();
    expect((await host.engine(['revert', id], path)).exitCode).toBe(0);
    expect(calls()).toBe(`-b ${host.root} -a 2.6.32-stock\n`);
    expect(host.read(`${MODULES}/modules.alias.bin`)).toBe('made anew');
  });

  it('do not bring a kernel back that was removed since', async () => {
    const host = new Host(scratch.path, shell);
    const id = await host.stage(input());
    await host.engine(['apply', id]);
    await host.engine(['confirm', id]);
    rmSync(join(host.root, MODULES), { recursive: true });
    expect((await host.engine(['revert', id])).exitCode).toBe(0);
    expect(existsSync(join(host.root, MODULES))).toBe(false);
  });

  it('stay as they are when the run never began', async () => {
    const host = new Host(scratch.path, shell);
    const id = await host.stage(input());
    host.depmod();
    mkdirSync(join(host.root, MODULES, 'modules.d'));
    const old = host.snapshot();
    expect((await host.engine(['revert', id])).exitCode).toBe(0);
    expect(host.snapshot()).toEqual(old);
  });
});
