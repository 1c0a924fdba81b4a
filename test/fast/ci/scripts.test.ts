import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../tasks/lib/paths.js';
import { scratch } from '../../support/cli.js';
import { shapeData } from '../../support/shape-flavour.js';

/** The scripts of ci/ as people and jobs start them. */

const dir = scratch('scripts');
function zx(args: readonly string[], env: Record<string, string> = {}): { status: number | null; stdout: string; stderr: string } {
  const [script = '', ...rest] = args;
  return spawnSync(process.execPath, [join(packageRoot, 'node_modules/zx/build/cli.js'), join(packageRoot, 'ci', script), ...rest], { cwd: dir, encoding: 'utf8', env: { ...process.env, CI: 'true', BUILD_KERNEL_CACHE: join(dir, 'cache'), ...env } });
}

describe('a script of ci/', () => {
  it('empties no folder that is not a release', () => {
    const folder = join(dir, 'home');
    mkdirSync(folder);
    writeFileSync(join(folder, 'letter'), 'dear');
    const { status, stderr } = zx(['release.mjs', folder]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('holds something else than a release (letter)')]);
    expect(readFileSync(join(folder, 'letter'), 'utf8')).toBe('dear');
  });

  it.each([
    ['release.mjs', '--help'],
    ['matrix.mjs', '--lst'],
    ['image.mjs', 'gateway.yaml', 'gw.img', '--dryrun'],
    ['image.mjs', 'gateway.yaml', 'gw.img', 'more'],
  ])('%s %j: is refused when it is typed wrongly', (...args) => {
    const { status, stderr } = zx(args);
    expect(status).toBe(2);
    expect(stderr).toContain('usage: zx ci/');
  });

  it('matrix.mjs says what became of each flavour, and goes on after one that was killed', () => {
    const data = shapeData(dir);
    // A compiler that ends the whole program, as a machine without memory does.
    const cc = join(dir, 'cc-kills');
    writeFileSync(cc, '#!/bin/sh\nkill -9 $PPID\n', { mode: 0o755 });
    const { status, stdout } = zx(['matrix.mjs', 'shape', 'no-such', '--', '--tools', 'none', '--no-packages', '--no-ccache', `--out=${join(dir, 'out')}`, '--cc', cc], { BUILD_KERNEL_FLAVOURS: data.folder });
    expect(status).toBe(1);
    expect(stdout.trim().split('\n').map((line) => line.split(/\s+/).slice(0, 2).join(' '))).toEqual(['FAIL shape', 'FAIL no-such']);
    const rows = JSON.parse(readFileSync(join(dir, 'out/matrix.json'), 'utf8')) as { flavour: string; ok: boolean; error: { what: string } }[];
    expect(rows.map(({ flavour, ok }) => [flavour, ok])).toEqual([['shape', false], ['no-such', false]]);
    expect(rows[1]?.error.what).toBe('There is no flavour no-such.');
  });

  it('image.mjs takes the artifact that gateway.yaml names', () => {
    const gateway = readFileSync(join(packageRoot, 'templates/gateway/nat-snat.yaml'), 'utf8');
    const steps = (artifact: string): string[] => {
      writeFileSync(join(dir, 'gateway.yaml'), gateway.replace(/^flavour: .*$/m, (line) => `${line}\nartifact: ${artifact}`));
      const { stdout, stderr } = zx(['image.mjs', 'gateway.yaml', 'gw.img', '--dry-run']);
      expect(stderr).toBe('');
      return stdout.trim().split('\n').map((line) => line.replace('build-kernel ', ''));
    };
    expect(steps('made/nat-snat')[0]).toBe(`build nat-snat --out ${join(dir, 'made')}`);
    const given = steps('from-elsewhere');
    expect(given[0]).toMatch(/^image gateway.yaml/);
    expect(given).toContain(`verify-artifact ${join(dir, 'from-elsewhere')}`);
  });
});
