import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeArtifactShape } from '../../support/artifact-shape.js';
import { cli, scratch, startCli, type CliResult } from '../../support/cli.js';
import { listRoot, writeRootShape } from '../../support/root-shape.js';
import { startCutter, startSshd, type Cutter, type Sshd } from '../../support/sshd.js';

/**
 * Provisioning over a real ssh into an image's root folder on "another" host: the same files as without ssh; a connection that
 * is cut anywhere; two operators at once.
 */

const cwd = scratch('cut');
let sshd: Sshd;
let cutter: Cutter;
let release: string;

beforeAll(async () => {
  sshd = await startSshd();
  cutter = await startCutter(sshd.port);
  release = writeArtifactShape(join(cwd, 'artifact'));
  writeFileSync(
    join(cwd, 'gateway.yaml'),
    `flavour: nat-snat
artifact: artifact
interfaces:
  - {device: eth0, role: inside, addresses: [192.168.40.1/24]}
  - {device: eth1, role: outside, addresses: [203.0.113.2/24], gateway: 203.0.113.254}
snat:
  - {pool: [203.0.113.100-203.0.113.103]}
hosts:
  gw1:
    ssh: {destination: root@127.0.0.1, port: ${String(cutter.port)}, config: ${sshd.config}}
`,
  );
});
afterAll(async () => {
  await cutter.stop();
  await sshd.stop();
});

function newRoot(name: string): { root: string; before: string[] } {
  const root = join(cwd, name);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  writeRootShape(root, release);
  return { root, before: listRoot(root, []) };
}

const over = (verb: 'provision' | 'rollback', root: string): Promise<CliResult> => cli([verb, 'gateway.yaml', '--host', 'gw1', '--folder', root, '--yes', '--json'], { cwd });

describe('provision over ssh', () => {
  it('makes the same files as without it', async () => {
    cutter.limit = Infinity;
    const one = newRoot('one');
    expect((await over('provision', one.root)).json).toMatchObject({ outcome: 'provisioned' });
    const local = newRoot('local');
    writeFileSync(join(cwd, 'local.yaml'), readFileSync(join(cwd, 'gateway.yaml'), 'utf8').replace(/hosts:[^]*/, ''));
    expect((await cli(['provision', 'local.yaml', '--folder', local.root, '--yes', '--json'], { cwd })).json).toMatchObject({ outcome: 'provisioned' });
    expect(listRoot(one.root)).toEqual(listRoot(local.root));
    expect((await over('rollback', one.root)).json).toMatchObject({ outcome: 'taken back' });
expect(listRoot(one.root)).toEqual(one.before);
  });

  it('goes on after a cut anywhere, and the way back is always there', async () => {
    cutter.limit = Infinity;
    cutter.passed = 0;
    const whole = newRoot('whole');
    expect((await over('provision', whole.root)).status).toBe(0);
    const wanted = listRoot(whole.root);
    const total = cutter.passed;
    let cuts = 0;
    const steps = 14;
    for (let step = 1; step < steps; step += 1) {
      const { root, before } = newRoot('cut');
      cutter.limit = Math.round((total * step) / steps);
      const cut = await over('provision', root);
      if (cut.status !== 0) {
        cuts += 1;
        expect(cut.json, `cut at ${String(cutter.limit)} of ${String(total)}`).toMatchObject({ error: { code: 'network' } });
      }
      cutter.limit = Infinity;
      if (step % 2 === 0) {
        // Back, from wherever it was cut.
        const back = await over('rollback', root);
        expect(back.status, back.stdout).toBe(0);
        expect(listRoot(root)).toEqual(before);
      }
      const on = await over('provision', root);
      expect(on.status, on.stdout).toBe(0);
      expect(listRoot(root)).toEqual(wanted);
    }
    expect(cuts).toBeGreaterThan(steps / 2);
  });

  it('lets one of two operators in', async () => {
    cutter.limit = Infinity;
    const { root } = newRoot('two');
    const results = await Promise.all([over('provision', root), over('provision', root)]);
    const outcomes = results.map(({ status }) => status).sort((a, b) => a - b);
    expect(outcomes[0], results.map(({ stdout }) => stdout).join('\n')).toBe(0);
    // The other came too late for a change, found somebody at work, or a plan that was no longer true.
    for (const { status, json } of results) if (status !== 0) expect([12, 17], JSON.stringify(json)).toContain(status);
    expect((await over('provision', root)).json).toMatchObject({ outcome: 'nothing to change' });
  });

  it('is killed in the middle, and the next one goes on', async () => {
    cutter.limit = Infinity;
    const { root } = newRoot('killed');
    for (const delay of [1500, 2500, 3500]) {
      const child = startCli(['provision', 'gateway.yaml', '--host', 'gw1', '--folder', root, '--yes', '--json'], { cwd });
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await child;
    }
    const on = await over('provision', root);
    expect(on.status, on.stdout).toBe(0);
    expect((await over('provision', root)).json).toMatchObject({ outcome: 'nothing to change' });
  });
});
