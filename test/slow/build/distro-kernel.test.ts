import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { buildArtifact, builtArtifact, inArtifactWork, machineCache as env } from '../../support/artifacts.js';
import { cli } from '../../support/cli.js';
import { sha256Of } from '../../support/shape-flavour.js';

/** A real kernel, the distribution's own source with our series, configured small, through the same stages as every flavour. */

const hasSource = execFileSync('sh', ['-c', 'apt-cache policy linux-source-6.1 2>/dev/null || true'], { encoding: 'utf8' }).includes('Candidate: 6.1');

describe.skipIf(!hasSource)('nat-snat-full (linux-source-6.1)', () => {
  const build = join(inject('artifactWork'), 'build/nat-snat-full');

  it('builds to a kernel, modules, tools and packages', async () => {
    const artifact = await builtArtifact('nat-snat-full');
    const root = join(build, 'root');
    const [release = ''] = readdirSync(join(root, 'lib/modules'));
    expect(release).toMatch(/^6\.1\.\d+\.natsnat$/);
    expect(execFileSync('file', ['-b', join(root, `boot/vmlinuz-${release}`)], { encoding: 'utf8' })).toContain(`version ${release}`);
    expect(execFileSync('modinfo', ['-F', 'vermagic', join(root, `lib/modules/${release}/kernel/net/netfilter/ipvs/ip_vs.ko`)], { encoding: 'utf8' })).toContain(release);
    const kinds = (pattern: RegExp): number => readdirSync(artifact).filter((name) => pattern.test(name)).length;
    expect([kinds(/^kernel-.*\.tar\.gz$/), kinds(/^kernel-.*\.rpm$/), kinds(/^linux-image-.*\.deb$/), kinds(/^tools-.*\.tar\.gz$/)]).toEqual([1, 1, 1, 2]);
  });

  it('has nothing to do a second time', () => inArtifactWork(async (dir) => {
    const again = await cli(['nat-snat-full', '--json'], { cwd: dir, env });
    const { stages } = again.json as { stages: { status: string; ms: number }[] };
    expect(stages.every(({ status }) => status === 'skipped')).toBe(true);
  }));

  it('rebuilds the IPVS modules alone after an edit', () => inArtifactWork(async (dir) => {
    const core = join(build, 'tree/net/netfilter/ipvs/ip_vs_core.c');
    const ko = (): string => sha256Of(execFileSync('sh', ['-c', 'cat "$1"/*/kernel/net/netfilter/ipvs/ip_vs.ko', 'sh', join(build, 'root/lib/modules')], { maxBuffer: 64 << 20 }));
    const before = ko();
    const source = readFileSync(core, 'utf8');
    writeFileSync(core, `${source}\nint build_kernel_test_symbol = 1;\n`);
    try {
      const result = await cli(['module', 'net/netfilter/ipvs', 'nat-snat-full', '--json'], { cwd: dir, env });
      expect(result.status).toBe(0);
      expect(ko()).not.toBe(before);
      const compiled = readFileSync(join(build, 'logs/module.log'), 'utf8').match(/^ {2}CC \[M\] +net\/netfilter\/ipvs\/ip_vs_\w+\.o$/gm);
      expect(compiled).toEqual(['  CC [M]  net/netfilter/ipvs/ip_vs_core.o']);
      const diff = await cli(['diff', 'nat-snat-full'], { cwd: dir, env });
      expect(diff.stdout).toContain('+int build_kernel_test_symbol = 1;');
    } finally {
      // Other files use the artifact too.
      writeFileSync(core, source);
      await buildArtifact('nat-snat-full', dir);
    }
    expect(ko()).toBe(before);
  }));
});
