import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MANIFEST_VERSION, type Manifest } from '../../tasks/lib/manifest.js';

/** An artifact that has nat-snat's shape and a few bytes in place of its modules and tools. */

const RELEASE = '6.1.0-56-amd64';

function tarball(folder: string, name: string, files: Readonly<Record<string, string>>): Manifest['files'][number] {
  const root = mkdtempSync(join(tmpdir(), 'bk-shape-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode: path.includes('/sbin/') ? 0o755 : 0o644 });
  }
  execFileSync('tar', ['-czf', join(folder, name), '-C', root, '--owner=0', '--group=0', '.']);
  rmSync(root, { recursive: true });
  const sha256 = createHash('sha256').update(readFileSync(join(folder, name))).digest('hex');
  const kind = name.startsWith('modules') ? 'modules-tar' : 'tools-tar';
  return { name, kind, ...(kind === 'tools-tar' ? { variant: 'static' as const } : {}), sha256, size: statSync(join(folder, name)).size };
}

/** @returns the release that its modules are for */
export function writeArtifactShape(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const files = [
    tarball(folder, `modules-nat-snat-${RELEASE}.tar.gz`, {
      [`lib/modules/${RELEASE}/updates/build-kernel/ip_vs.ko`]: 'the module '.repeat(2000),
    }),
    tarball(folder, 'tools-nat-snat-static.tar.gz', { 'usr/sbin/ipvsadm': `#!/bin/sh\n# ${'x'.repeat(9000)}\n` }),
  ];
  writeManifest(folder, {
    flavour: 'nat-snat',
    release: RELEASE,
    build: 'modules',
    modules: { folder: 'net/netfilter/ipvs', kernel: '6.1.0', kept: { ip_vs: [] }, left: [], symbols: 0 },
    tools: [{ variant: 'static', name: 'ipvsadm', version: '1.31', path: '/usr/sbin/ipvsadm', sha256: '0'.repeat(64), linkage: 'static' }],
    files,
  });
  return RELEASE;
}

/** manifest.json of an artifact that no build made. */
export function writeManifest(folder: string, own: Pick<Manifest, 'flavour' | 'release' | 'build' | 'files'> & Partial<Manifest>): void {
  const manifest: Manifest = {
    schema: MANIFEST_VERSION,
    tool: { name: 'build-kernel', version: '0.0.0' },
    addons: [],
    base: { name: 'debian-12', release: own.release },
    epoch: 1,
    inputs: [],
    series: [],
    compiler: {},
    flags: {},
    config: { sha256: '0'.repeat(64), profile: 'distro', fragments: [] },
    options: {},
    command: ['build-kernel', own.flavour],
    timings: {},
    tools: [],
    warnings: [],
    ...own,
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}
