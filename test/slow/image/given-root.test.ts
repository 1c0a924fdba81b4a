import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { hostsContext } from '../../support/hosts/context.js';
import { el6Root } from '../../support/hosts/el6-root.js';
import { grubLegacy } from '../../support/hosts/grub-legacy.js';
import { hostKeys } from '../../support/hosts/keys.js';
import { el6Programs } from '../../support/hosts/programs.js';
import { distributionSystem } from '../../support/hosts/systems.js';
import { builtArtifact, machineCache as env } from '../../support/artifacts.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { gatewayFile } from '../../support/gateway-file.js';

/**
 * A whole kernel on a root that the user gives: one laid out as EL6, without systemd, dracut or GRUB of its own that matters.
 * BUILD_KERNEL_TEST_KERNEL names an artifact of another flavour, for which that was written: dsnat-220, lvs-snat-v2 …
 */

const dir = scratch('given-root');
const given = process.env['BUILD_KERNEL_TEST_KERNEL'];
const hasSource = given !== undefined || execFileSync('sh', ['-c', 'apt-cache policy linux-source-6.1 2>/dev/null || true'], { encoding: 'utf8' }).includes('Candidate: 6.1');

describe.skipIf(!hasSource)('a disk on an EL6-like root', () => {
  let made: CliResult;
  beforeAll(async () => {
    const context = hostsContext(dir);
    const root = join(dir, 'root');
    const input = { programs: await el6Programs(context), system: await distributionSystem(context, dir), grub: await grubLegacy(context), keys: await hostKeys(context), uuids: { boot: 'none', root: 'none' }, ownBoot: false, hostname: 'stock.example' };
    mkdirSync(root);
    await el6Root(root, input, join(dir, 'scratch'), context);
    // As the root of a machine is packed: without the kernel it had.
    execFileSync('sh', ['-c', 'rm -rf root/lib/modules/* root/boot/* && tar -C root -cf root.tar .'], { cwd: dir });
    const artifact = given ?? (await builtArtifact('nat-snat-full'));
    const { flavour } = JSON.parse(readFileSync(join(artifact, 'manifest.json'), 'utf8')) as { flavour: string };
    writeFileSync(join(dir, 'gateway.yaml'), gatewayFile(flavour, artifact));
    made = await cli(['image', 'gateway.yaml', '-o', 'gw.img', '--root', 'root.tar', '--free', '64', '--json'], { cwd: dir, env });
  }, 1_200_000);

  it('boots by BIOS and by UEFI as what gateway.yaml says, and passes traffic', () => {
    expect(made.stdout).not.toContain('"error"');
    expect(made.json).toMatchObject({ kind: 'disk', verified: true });
    const results = JSON.parse(readFileSync(join(dir, 'reports/gw.img/report.json'), 'utf8')) as { scenarios: { name: string; status: string }[] };
    expect(results.scenarios.map(({ name, status }) => `${name} ${status}`)).toEqual(['image-host-bios pass', 'image-traffic-bios pass', 'image-host-uefi pass', 'image-traffic-uefi pass']);
  });

  it('keeps what the root had, but for what is this disk\'s', () => {
    const read = (path: string): string => execFileSync('sh', ['-c', `o=$(sfdisk --json gw.img | sed -n 's/.*"start": *\\([0-9]*\\).*/\\1/p' | tail -n 1); debugfs -R "cat ${path}" "gw.img?offset=$((o * 512))" 2>/dev/null`], { cwd: dir, encoding: 'utf8' });
    expect(read('/etc/redhat-release')).toContain('release 6.2');
    expect(read('/etc/fstab')).toMatch(/^UUID=\S+ \/ ext[34] defaults 0 1\ndevpts \/dev\/pts devpts/);
    expect(read('/etc/sysconfig/network')).toMatch(/^HOSTNAME=gw1$/m);
  });
});
