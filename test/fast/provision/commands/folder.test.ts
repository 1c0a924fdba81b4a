import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeArtifactShape } from '../../../support/artifact-shape.js';
import { cli, scratch, type CliResult } from '../../../support/cli.js';
import { listRoot, writeRootShape } from '../../../support/root-shape.js';

/** The whole way on an image's root folder: plan, provision, again, a change by hand, rollback. */

const cwd = scratch('provision');
const root = join(cwd, 'root');
const run = (...args: string[]): Promise<CliResult> => cli(args, { cwd });
let before: string[];

beforeAll(() => {
  const release = writeArtifactShape(join(cwd, 'artifact'));
  mkdirSync(root);
  writeRootShape(root, release);
  writeFileSync(
    join(cwd, 'gateway.yaml'),
    `flavour: nat-snat
artifact: artifact
interfaces:
  - {device: eth0, role: inside, addresses: [192.168.40.1/24]}
  - {device: eth1, role: outside, addresses: [203.0.113.2/24], gateway: 203.0.113.254}
snat:
  - {pool: [203.0.113.100-203.0.113.103]}
`,
  );
  before = listRoot(root, []);
});

describe('provision of a folder', () => {
  it('shows its plan and changes nothing', async () => {
    const { status, stdout } = await run('provision', 'gateway.yaml', '--folder', root, '--plan');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ +\+.*203\.0\.113\.103/m);
    expect(stdout).toContain('Nothing was changed.');
    expect(listRoot(root, [])).toEqual(before);
  });

  it('knows a folder that is not there', async () => {
    const { status, stdout, stderr } = await run('provision', 'gateway.yaml', '--folder', 'rot', '--plan');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`There is no folder ${join(cwd, 'rot')}.`);
  });

  it('asks, so a pipe without --yes is refused', async () => {
    const { status, stderr } = await run('provision', 'gateway.yaml', '--folder', root);
    expect(status).toBe(2);
    expect(stderr).toContain('--yes');
    expect(listRoot(root, [])).toEqual(before);
  });

  it('refuses what is not fit, before anything is changed', async () => {
    const bad = join(cwd, 'bad');
    mkdirSync(bad);
    writeRootShape(bad, '6.1.0-9-amd64');
    const list = listRoot(bad, []);
    const { status, stderr } = await run('provision', 'gateway.yaml', '--folder', bad, '--yes');
    expect(status).toBe(16);
    expect(stderr).toContain('The modules are for 6.1.0-56-amd64');
    expect(listRoot(bad, [])).toEqual(list);
  });

  it('provisions, then has nothing to change', async () => {
    const first = await run('provision', 'gateway.yaml', '--folder', root, '--yes', '--json');
    expect(first.json).toMatchObject({ outcome: 'provisioned', reboot: false, host: 'image' });
    expect(first.status).toBe(0);
    expect(readFileSync(join(root, 'etc/build-kernel/rules'), 'utf8')).toContain('ipvsadm -A -t 0.0.0.0:0');
    const second = await run('provision', 'gateway.yaml', '--folder', root, '--yes', '--json');
    expect(second.json).toMatchObject({ outcome: 'nothing to change', changes: [] });
  });

  it('finds what was changed by hand, and only that', async () => {
    writeFileSync(join(root, 'etc/build-kernel/addresses'), 'something else\n');
    const { json, stdout } = await run('provision', 'gateway.yaml', '--folder', root, '--yes', '--json');
    expect(json, stdout).toMatchObject({ outcome: 'provisioned', changes: [{ path: '/etc/build-kernel/addresses', action: 'change' }] });
  });

  it('mends what is changed by hand a second time in the same way', async () => {
    const ids = new Set<string>();
    for (let time = 0; time < 3; time += 1) {
      writeFileSync(join(root, 'etc/build-kernel/links'), 'rubbish\n');
      const { json } = await run('provision', 'gateway.yaml', '--folder', root, '--yes', '--json');
      expect(json).toMatchObject({ outcome: 'provisioned', changes: [{ path: '/etc/build-kernel/links' }] });
      expect(readFileSync(join(root, 'etc/build-kernel/links'), 'utf8')).toBe('eth0 -\neth1 -\n');
      ids.add(String((json as { id: unknown }).id));
    }
    expect(ids.size).toBe(3);
    for (let time = 0; time < 3; time += 1) expect((await run('rollback', '--folder', root, '--yes', '--json')).json).toMatchObject({ outcome: 'taken back', changes: [{ path: '/etc/build-kernel/links' }] });
    writeFileSync(join(root, 'etc/build-kernel/links'), 'eth0 -\neth1 -\n');
  });

  it('two who do the same at once get in nobody’s way, and the way back stays', async () => {
    for (let time = 0; time < 4; time += 1) {
      writeFileSync(join(root, 'etc/build-kernel/links'), `rubbish ${String(time)}\n`);
      const both = await Promise.all([0, 1].map(() => run('provision', 'gateway.yaml', '--folder', root, '--yes', '--json')));
      // The second may find that nothing is left to do, or what the plan was made for gone.
      for (const { status, stderr } of both) expect([0, 12, 17], stderr).toContain(status);
      expect(both.map(({ status }) => status)).toContain(0);
      expect(readFileSync(join(root, 'etc/build-kernel/links'), 'utf8')).toBe('eth0 -\neth1 -\n');
      const { json } = await run('rollback', '--folder', root, '--yes', '--json');
      expect(json).toMatchObject({ outcome: 'taken back', changes: [{ path: '/etc/build-kernel/links' }] });
      expect(readFileSync(join(root, 'etc/build-kernel/links'), 'utf8')).toBe(`rubbish ${String(time)}\n`);
    }
    writeFileSync(join(root, 'etc/build-kernel/links'), 'eth0 -\neth1 -\n');
  });

  it('rolls back run by run until nothing is left to take back, byte by byte', async () => {
    expect((await run('rollback', '--folder', root, '--yes', '--json')).json).toMatchObject({ outcome: 'taken back', changes: [{ path: '/etc/build-kernel/addresses' }] });
    expect(readFileSync(join(root, 'etc/build-kernel/addresses'), 'utf8')).toBe('something else\n');
    // The operator's own version of a file that the first run made is kept, and said.
    expect((await run('rollback', '--folder', root, '--yes', '--json')).json).toMatchObject({ outcome: 'taken back' });
    expect(listRoot(root)).toEqual(before);
    expect((await run('rollback', '--folder', root, '--yes', '--json')).json).toMatchObject({ outcome: 'nothing' });
  });
});
