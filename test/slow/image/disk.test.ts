import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtArtifact, machineCache as env } from '../../support/artifacts.js';
import { cli, scratch, startCli, type CliResult } from '../../support/cli.js';
import { gatewayFile } from '../../support/gateway-file.js';
import { until } from '../../support/processes.js';
import { sha256Of } from '../../support/shape-flavour.js';

/** A disk of the distribution with nat-snat, by the command that a user gives: booted by BIOS and by UEFI before it is kept. */

const dir = scratch('disk');
const hasKernel = execFileSync('sh', ['-c', 'apt-cache depends linux-headers-amd64 2>/dev/null || true'], { encoding: 'utf8' }).includes('linux-headers-6.1.');
const sha = (name: string): string => sha256Of(readFileSync(join(dir, name)));
const leftovers = (): string[] => readdirSync(dir).filter((name) => name.startsWith('.bk-image-') || name.endsWith('.lock'));
/** Ours: other tests mount too. */
const mounts = (): string[] => execFileSync('sh', ['-c', 'losetup -a; cat /proc/self/mounts'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(dir) || line.includes('/mmdebstrap.'));

describe.skipIf(!hasKernel)('a disk with nat-snat', () => {
  let first: CliResult;
  beforeAll(async () => {
    writeFileSync(join(dir, 'gateway.yaml'), gatewayFile('nat-snat', await builtArtifact('nat-snat')));
    first = await cli(['image', 'gateway.yaml', '-o', 'gw.qcow2', '--json', '--boot-timeout', '900'], { cwd: dir, env });
  });

  it('boots by BIOS and by UEFI as what gateway.yaml says, and passes traffic', () => {
    expect(first.stdout).not.toContain('"error"');
    expect(first.status).toBe(0);
    expect(first.json).toMatchObject({ kind: 'disk', flavour: 'nat-snat', verified: true });
    const results = JSON.parse(readFileSync(join(dir, 'reports/gw.qcow2/report.json'), 'utf8')) as { scenarios: { name: string; status: string }[] };
    expect(results.scenarios.map(({ name, status }) => `${name} ${status}`)).toEqual(['image-host-bios pass', 'image-traffic-bios pass', 'image-host-uefi pass', 'image-traffic-uefi pass']);
  });

  it('is delivered with its manifest, bill of materials and sums', async () => {
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'gw.qcow2.sha256'], { cwd: dir });
    expect((await cli(['verify-artifact', 'gw.qcow2', '--json'], { cwd: dir, env })).json).toMatchObject({ kind: 'disk', host: 'gw1', verified: true, files: 1 });
    const sbom = JSON.parse(readFileSync(join(dir, 'gw.qcow2.cdx.json'), 'utf8')) as { components: { name: string }[] };
    expect(sbom.components.map(({ name }) => name)).toEqual(expect.arrayContaining(['grub-common', 'openssh-server', 'keepalived']));
  });

  it('has the same bytes when it is made again', async () => {
    const again = await cli(['image', 'gateway.yaml', '-o', 'again.qcow2', '--no-verify', '--json'], { cwd: dir, env });
    expect(again.json).toMatchObject({ verified: false });
    expect(sha('again.qcow2')).toBe(sha('gw.qcow2'));
  });

  it('leaves nothing behind, nor when it is interrupted', async () => {
    expect(leftovers()).toEqual([]);
    const run = startCli(['image', 'gateway.yaml', '-o', 'cut.img', '--no-verify'], { cwd: dir, env });
    expect(await until(() => run.exitCode !== null || readdirSync(dir).some((name) => name.startsWith('.bk-image-')))).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    run.kill('SIGINT');
    const { exitCode } = await run;
    expect(exitCode).toBe(130);
    expect(leftovers()).toEqual([]);
    expect(existsSync(join(dir, 'cut.img'))).toBe(false);
    expect(mounts()).toEqual([]);
  });
});
