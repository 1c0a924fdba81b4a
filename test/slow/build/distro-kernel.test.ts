import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, scratch } from '../../support/cli.js';
import { sha256Of } from '../../support/shape-flavour.js';

/** A real kernel, the distribution's own source, configured small, through the same stages as every flavour. */

const dir = scratch('distro');
const hasSource = execFileSync('sh', ['-c', 'apt-cache policy linux-source-6.1 2>/dev/null || true'], { encoding: 'utf8' }).includes('Candidate: 6.1');
// The cache of the machine: the source package is 140 MB, its tree 1.3 GB.
const env: Record<string, string> = process.env['BUILD_KERNEL_CACHE'] ? { BUILD_KERNEL_CACHE: process.env['BUILD_KERNEL_CACHE'] } : {};

describe.skipIf(!hasSource)('distro-snat (linux-source-6.1)', () => {
  it('builds to a kernel, modules and packages', async () => {
    const result = await cli(['distro-snat', '--json'], { cwd: dir, env });
    expect(result.stdout).not.toContain('"error"');
    expect(result.status).toBe(0);
    const { artifact, release } = result.json as { artifact: string; release: string };
    expect(release).toMatch(/^6\.1\.\d+-snat$/);
    const root = join(dir, 'build/distro-snat/root');
    expect(execFileSync('file', ['-b', join(root, `boot/vmlinuz-${release}`)], { encoding: 'utf8' })).toContain(`version ${release}`);
    expect(execFileSync('modinfo', ['-F', 'vermagic', join(root, `lib/modules/${release}/kernel/net/netfilter/ipvs/ip_vs.ko`)], { encoding: 'utf8' })).toContain(release);
    expect(readdirSync(artifact).filter((name) => /\.(rpm|deb|tar\.gz)$/.test(name))).toHaveLength(3);
  });

  it('has nothing to do a second time', async () => {
    const again = await cli(['distro-snat', '--json'], { cwd: dir, env });
    const { stages } = again.json as { stages: { status: string; ms: number }[] };
    expect(stages.every(({ status }) => status === 'skipped')).toBe(true);
  });

  it('rebuilds the IPVS modules alone after an edit', async () => {
    const core = join(dir, 'build/distro-snat/tree/net/netfilter/ipvs/ip_vs_core.c');
    const module = join(dir, 'build/distro-snat/root/lib/modules');
    const ko = (): string => sha256Of(execFileSync('sh', ['-c', 'cat "$1"/*/kernel/net/netfilter/ipvs/ip_vs.ko', 'sh', module]));
    const before = ko();
    appendFileSync(core, '\nint build_kernel_test_symbol = 1;\n');
    const result = await cli(['module', 'net/netfilter/ipvs', '--json'], { cwd: dir, env });
    expect(result.status).toBe(0);
    expect(ko()).not.toBe(before);
    const compiled = readFileSync(join(dir, 'build/distro-snat/logs/module.log'), 'utf8').match(/^ {2}CC \[M\] +net\/netfilter\/ipvs\/ip_vs_\w+\.o$/gm);
    expect(compiled).toEqual(['  CC [M]  net/netfilter/ipvs/ip_vs_core.o']);
    const diff = await cli(['diff'], { cwd: dir, env });
    expect(diff.stdout).toContain('+int build_kernel_test_symbol = 1;');
  });
});
