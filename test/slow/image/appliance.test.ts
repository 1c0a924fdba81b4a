import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtArtifact, machineCache as env } from '../../support/artifacts.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { gatewayFile } from '../../support/gateway-file.js';
import { sha256Of } from '../../support/shape-flavour.js';

/** A whole kernel as an appliance, by the command that a user gives: it boots alone from its files and passes traffic. */

const dir = scratch('appliance');
const hasSource = execFileSync('sh', ['-c', 'apt-cache policy linux-source-6.1 2>/dev/null || true'], { encoding: 'utf8' }).includes('Candidate: 6.1');

interface Report {
  scenarios: { name: string; status: string }[];
}
const outcomes = (folder: string): string[] => (JSON.parse(readFileSync(join(dir, folder, 'report.json'), 'utf8')) as Report).scenarios.map(({ name, status }) => `${name} ${status}`);

describe.skipIf(!hasSource)('an appliance of nat-snat-full', () => {
  let artifact: string;
  let made: CliResult;
  beforeAll(async () => {
    artifact = await builtArtifact('nat-snat-full');
    writeFileSync(join(dir, 'gateway.yaml'), gatewayFile('nat-snat-full', artifact));
    made = await cli(['image', 'gateway.yaml', '-o', 'gw', '--json'], { cwd: dir, env });
  });

  it('boots as what gateway.yaml says, and passes traffic', () => {
    expect(made.stdout).not.toContain('"error"');
    expect(made.json).toMatchObject({ kind: 'appliance', flavour: 'nat-snat-full', verified: true });
    expect(outcomes('reports/gw')).toEqual(['image-host-kernel-and-initramfs pass', 'image-traffic-kernel-and-initramfs pass']);
  });

  it('has what PXE, USB and -kernel need, and sums that fit', () => {
    expect(readdirSync(join(dir, 'gw')).sort()).toEqual(['SHA256SUMS', 'boot.ipxe', 'image.json', 'initramfs.img', 'pxelinux.cfg', 'sbom.cdx.json', 'usb.img', 'vmlinuz']);
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: join(dir, 'gw') });
  });

  it('is what verify-artifact takes, until somebody changes it', async () => {
    expect((await cli(['verify-artifact', 'gw', '--json'], { cwd: dir, env })).status).toBe(0);
    const file = join(dir, 'gw/boot.ipxe');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('panic=10', 'panic=11'));
    const changed = await cli(['verify-artifact', 'gw', '--json'], { cwd: dir, env });
    writeFileSync(file, text);
    expect(changed.status).not.toBe(0);
    expect(changed.stdout).toContain('boot.ipxe');
  });

  it('passes the scenarios of its flavour', async () => {
    const result = await cli(['verify', 'gw', '--scenario', 'boot', '--scenario', 'snat-tcp', '--scenario', 'snat-udp', '--scenario', 'icmp', '--scenario', 'no-leak', '--json', '--report', 'again'], { cwd: dir, env });
    expect(result.status).toBe(0);
    expect((result.json as Report).scenarios.map(({ name, status }) => `${name} ${status}`)).toEqual(['boot pass', 'snat-tcp pass', 'snat-udp pass', 'icmp pass', 'no-leak pass']);
  });

  it('has the same bytes when it is made again', async () => {
    expect((await cli(['image', 'gateway.yaml', '-o', 'second/gw', '--no-verify', '--json'], { cwd: dir, env })).status).toBe(0);
    for (const name of ['vmlinuz', 'initramfs.img', 'usb.img', 'boot.ipxe']) expect(sha256Of(readFileSync(join(dir, 'second/gw', name))), name).toBe(sha256Of(readFileSync(join(dir, 'gw', name))));
  });

  it('as an OCI archive is what skopeo would read: every blob is what its digest says', async () => {
    expect((await cli(['image', 'gateway.yaml', '-o', 'gw.tar', '--json'], { cwd: dir, env })).status).toBe(0);
    execFileSync('sh', ['-c', 'mkdir oci && tar -xf gw.tar -C oci'], { cwd: dir });
    for (const name of readdirSync(join(dir, 'oci/blobs/sha256'))) expect(sha256Of(readFileSync(join(dir, 'oci/blobs/sha256', name)))).toBe(name);
    const index = JSON.parse(readFileSync(join(dir, 'oci/index.json'), 'utf8')) as { manifests: { digest: string }[] };
    const manifest = JSON.parse(readFileSync(join(dir, 'oci/blobs/sha256', index.manifests[0]?.digest.slice('sha256:'.length) ?? ''), 'utf8')) as { layers: { digest: string; annotations: Record<string, string> }[] };
    const names = manifest.layers.map(({ annotations }) => annotations['org.opencontainers.image.title'] ?? '');
    expect(names.sort()).toEqual(readdirSync(artifact).filter((name) => names.includes(name)).sort());
    expect(names).toContain('manifest.json');
  });
});
