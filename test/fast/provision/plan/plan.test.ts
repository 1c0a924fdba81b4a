import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../../tasks/lib/digest.js';
import { spliceBlock } from '../../../../tasks/provision/plan/block.js';
import { findChanges } from '../../../../tasks/provision/plan/changes.js';
import { isDone, makePlan } from '../../../../tasks/provision/plan/index.js';
import { diffOf, planDocument, showPlan } from '../../../../tasks/provision/plan/show.js';
import { readState } from '../../../../tasks/provision/plan/state.js';
import { folderTarget } from '../../../../tasks/provision/target/index.js';
import { folderTarget as hostTarget } from '../checks/local.js';
import type { Desired, HostFacts, Resource, Target } from '../../../../tasks/provision/types.js';

let folder: string;
let target: Target;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bk-plan-'));
  target = folderTarget(folder);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
  chmodSync(join(folder, path), mode);
}

const why = 'a test';
const file = (path: string, content: string, more: Partial<Resource> = {}): Resource => ({ kind: 'file', path, content, mode: 0o644, part: 'rules', why, ...more }) as Resource;
const facts: HostFacts = {
  arch: 'x86_64',
  distribution: { id: 'debian', version: '12' },
  init: 'systemd',
  rcFolder: '/etc',
  bootloader: { kind: 'none' },
  freeKib: {},
  interfaces: [],
  modaliases: [],
  root: { device: '', fstype: '', drivers: [] },
  secureBoot: false,
  programs: {},
  kernels: [],
  cpus: 1,
  numaNodes: 1,
  cmdline: '',
  offline: true,
};
const desired = (resources: readonly Resource[]): Desired => ({ resources, effects: [], activate: '', deactivate: '', restored: '', interrupts: ['a second without traffic'] });

describe('the state of paths', () => {
  it('reads thousands of them in one go', async () => {
    const paths = Array.from({ length: 3000 }, (_, index) => `/lib/modules/5.0 x/it's ${String(index)}.ko`);
    for (const path of paths.slice(0, 2500)) write(path, path, 0o640);
    const states = await readState(target, paths);
    expect(states.get(paths[7]!)).toEqual({ kind: 'file', sha256: sha256(paths[7]!), mode: 0o640, uid: process.getuid?.(), size: paths[7]!.length });
    expect([...states.values()].filter(({ kind }) => kind === 'file')).toHaveLength(2500);
    expect([...states.values()].filter(({ kind }) => kind === 'absent')).toHaveLength(500);
  });

  it('tells links, folders and absences apart, and reads no file for none', async () => {
    mkdirSync(join(folder, 'dir'));
    symlinkSync('/nowhere', join(folder, 'link'));
    const states = await readState(target, ['/dir', '/link', '/none']);
    expect(Object.fromEntries(states)).toEqual({ '/dir': { kind: 'folder' }, '/link': { kind: 'link', to: '/nowhere' }, '/none': { kind: 'absent' } });
  });

  it('refuses names that its lists cannot carry', async () => {
    await expect(readState(target, ['/a\nb'])).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a block in a file of somebody else', () => {
  const block = { path: '/etc/rc.local', name: 'gateway', content: 'start it\n', at: 'end' as const, create: { head: '#!/bin/sh\n', mode: 0o755 } };
  const marked = '# BEGIN build-kernel gateway\nstart it\n# END build-kernel gateway\n';

  it('goes into a new file, to the end, to the start, before a last exit', () => {
    expect(spliceBlock(undefined, block)).toBe(`#!/bin/sh\n${marked}`);
    expect(spliceBlock('a\n', block)).toBe(`a\n${marked}`);
    expect(spliceBlock('a', block)).toBe(`a\n${marked}`);
    expect(spliceBlock('#!/bin/sh\na\n', { ...block, at: 'start' })).toBe(`#!/bin/sh\n${marked}a\n`);
    expect(spliceBlock('#!/bin/sh\na\n\nexit 0\n', block)).toBe(`#!/bin/sh\na\n\n${marked}exit 0\n`);
    expect(spliceBlock('exit 0\na\n', block)).toBe(`exit 0\na\n${marked}`);
  });

  it('stays where it is, and nothing else changes', () => {
    const odd = 'x\r\n\ty  \n# BEGIN build-kernel gateway\nold\nlines\n# END build-kernel gateway\nz\n\n';
    expect(spliceBlock(odd, block)).toBe(`x\r\n\ty  \n${marked}z\n\n`);
    const once = spliceBlock('a\n', block);
    expect(spliceBlock(once, block)).toBe(once);
  });

  it('is refused when its marks are damaged', () => {
    expect(() => spliceBlock('# BEGIN build-kernel gateway\na\n', block)).toThrow(/damaged/);
    expect(() => spliceBlock(`${marked}${marked}`, block)).toThrow(/damaged/);
    expect(() => spliceBlock('# END build-kernel gateway\n# BEGIN build-kernel gateway\n', block)).toThrow(/damaged/);
  });
});

describe('a plan', () => {
  it('has a change for what differs, and none for what is there', async () => {
    write('/same', 'x');
    write('/text', 'one\ntwo\n');
    write('/mode', 'x', 0o600);
    write('/old', 'x');
    symlinkSync('a', join(folder, 'right'));
    symlinkSync('a', join(folder, 'wrong'));
    const changes = await findChanges(target, [
      file('/same', 'x'),
      file('/text', 'one\nTWO\n'),
      file('/mode', 'x'),
      file('/new', 'n'),
      { kind: 'absent', path: '/old', part: 'rules', why },
      { kind: 'absent', path: '/none', part: 'rules', why },
      { kind: 'link', path: '/right', to: 'a', part: 'rules', why },
      { kind: 'link', path: '/wrong', to: 'b', part: 'rules', why },
    ]);
    expect(changes.map(({ path, action, kind, before, after }) => [path, action, kind, before, after])).toEqual([
      ['/text', 'change', 'file', sha256('one\ntwo\n'), sha256('one\nTWO\n')],
      ['/mode', 'change', 'file', sha256('x'), sha256('x')],
      ['/new', 'create', 'file', 'absent', sha256('n')],
      ['/old', 'remove', 'absent', sha256('x'), 'absent'],
      ['/wrong', 'change', 'link', 'link a', 'link b'],
    ]);
    expect(diffOf(changes[0]!)).toEqual(['@@ -1,2 +1,2 @@', ' one', '-two', '+TWO']);
  });

  it('gives a file back to root, on a host', async () => {
    write('/owned', 'x');
    if (process.getuid?.() === 0) chownSync(join(folder, 'owned'), 1, 1);
    expect((await findChanges(hostTarget(''), [file(join(folder, 'owned'), 'x')])).map(({ before, after }) => [before, after])).toEqual([[sha256('x'), sha256('x')]]);
    expect(await findChanges(target, [file('/owned', 'x')])).toEqual([]);
    if (process.getuid?.() !== 0) return;
    chownSync(join(folder, 'owned'), 0, 0);
    expect(await findChanges(hostTarget(''), [file(join(folder, 'owned'), 'x')])).toEqual([]);
  });

  it('puts two blocks into one file, behind the link that leads to it', async () => {
    write('/etc/rc.d/rc.local', '#!/bin/sh\n', 0o755);
    symlinkSync('rc.d/rc.local', join(folder, 'etc/rc.local'));
    const block = (name: string): Resource => ({ kind: 'block', path: '/etc/rc.local', name, content: name, at: 'end', create: { head: '', mode: 0o755 }, part: 'services', why: name });
    const [change, ...more] = await findChanges(target, [block('one'), block('two')]);
    expect(more).toEqual([]);
    expect(change).toMatchObject({ path: '/etc/rc.d/rc.local', action: 'change', mode: 0o755, was: '#!/bin/sh\n', why: 'one; two' });
    expect(change?.content).toBe('#!/bin/sh\n# BEGIN build-kernel one\none\n# END build-kernel one\n# BEGIN build-kernel two\ntwo\n# END build-kernel two\n');
  });

  it('refuses a folder in the way', async () => {
    mkdirSync(join(folder, 'etc'));
    await expect(findChanges(target, [file('/etc', 'x')])).rejects.toMatchObject({ code: 'preflight' });
  });

  it('shows diffs, trees as one line, and never what is secret', async () => {
    write('/etc/keepalived.conf', 'auth_pass oldpass1\n');
    const source = join(folder, 'source.ko');
    writeFileSync(source, 'module');
    const modules = Array.from({ length: 165 }, (_, index): Resource => ({ kind: 'file', path: `/lib/modules/2.6.32/kernel/${String(index)}.ko`, content: { source, sha256: sha256(`m${String(index)}`), size: 250_000 }, mode: 0o644, part: 'kernel', why: 'kernel 2.6.32' }));
    const resources: Resource[] = [
      ...modules,
      file('/etc/keepalived.conf', 'auth_pass newpass1\n', { mode: 0o600, secret: true }),
      { kind: 'link', path: '/etc/systemd/system/multi-user.target.wants/gateway.service', to: '../gateway.service', part: 'services', why },
      file('/etc/build-kernel/gateway', '#!/bin/sh\necho hello\n', { mode: 0o755 }),
    ];
    const plan = await makePlan({ host: 'gw1', target, facts, desired: desired(resources), drift: [], warnings: ['look out'] });
    const text = showPlan(plan);
    expect(text).toContain('+ /lib/modules/2.6.32/: 165 modules, 41.3 MB');
    expect(text).toContain('+echo hello');
    expect(text).toContain('started at boot: gateway.service');
    expect(text).toContain('warning: look out');
    expect(text).toContain('interrupts a second without traffic');
    for (const output of [text, JSON.stringify(planDocument(plan))]) {
      expect(output).not.toContain('newpass1');
      expect(output).not.toContain('oldpass1');
      expect(output).toContain('secret');
    }
    expect(existsSync(join(folder, 'etc/build-kernel'))).toBe(false);
  });

  it('has the same id for the same plan, and another for another', async () => {
    const input = { host: 'gw1', target, facts, drift: [], warnings: [] };
    const one = await makePlan({ ...input, desired: desired([file('/a', 'x')]) });
    const again = await makePlan({ ...input, desired: desired([file('/a', 'x')]) });
    const other = await makePlan({ ...input, desired: desired([file('/a', 'y')]) });
    expect(again.id).toBe(one.id);
    expect(other.id).not.toBe(one.id);
    write('/a', 'x');
    const done = await makePlan({ ...input, desired: desired([file('/a', 'x')]) });
    expect(isDone(done)).toBe(true);
    expect(isDone(one)).toBe(false);
  });
});
