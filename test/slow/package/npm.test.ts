import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { scratch } from '../../support/cli.js';
import { shapeData, type ShapeData } from '../../support/shape-flavour.js';

/** The packed file, installed in an empty folder far from the checkout, as `npx build-kernel` finds it. */

const checkout = resolve(import.meta.dirname, '../../..');
const dir = scratch('npm');
const app = join(dir, 'app');
let listed: string[];
let data: ShapeData;

function npx(...args: string[]): string {
  const env = { ...process.env, BUILD_KERNEL_CACHE: join(dir, 'cache'), BUILD_KERNEL_FLAVOURS: data.folder, CI: 'true' };
  return execFileSync('npx', ['--no', 'build-kernel', ...args], { cwd: app, encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(() => {
  data = shapeData(dir);
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: checkout, encoding: 'utf8' })) as [
    { filename: string; files: { path: string }[]; size: number },
  ];
  listed = packed.files.map(({ path }) => path);
  expect(packed.size).toBeLessThan(1_500_000);
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"name": "app", "private": true, "type": "module"}\n');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', join(dir, packed.filename)], { cwd: app, stdio: 'pipe' });
});

describe('the npm package', () => {
  it('holds program, types, data and licences, and nothing of the tests', () => {
    expect(listed).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'patches/COPYING', 'dist/cli.js', 'dist/index.js', 'dist/index.d.ts', 'templates/guest/agent.c']));
    expect(listed.filter((path) => /^(test|ci|docs|tasks|node_modules)\/|\.map$|\.tsbuildinfo$/.test(path))).toEqual([]);
  });

  it('runs from an empty folder: list, and a build from source to artifact', () => {
    expect((JSON.parse(npx('list', '--json')) as { flavours: { name: string }[] }).flavours.map(({ name }) => name)).toEqual(expect.arrayContaining(['nat-snat', 'dsnat-220', 'shape']));
    const built = JSON.parse(npx('shape', '--tools', 'none', '--no-packages', '--no-ccache', '--json')) as { artifact: string };
    expect(existsSync(join(built.artifact, 'manifest.json'))).toBe(true);
  });

  it('has types that a program compiles with', () => {
    writeFileSync(join(app, 'use.ts'), "import { readManifest, type Manifest } from 'build-kernel';\nconst manifest: Manifest = await readManifest('artifacts/shape');\nconst release: string = manifest.release;\nprocess.stdout.write(release);\n");
    const tsc = join(checkout, 'node_modules/typescript/bin/tsc');
    const types = join(checkout, 'node_modules/@types');
    execFileSync(process.execPath, [tsc, '--module', 'NodeNext', '--target', 'ES2022', '--strict', '--skipLibCheck', '--typeRoots', types, '--types', 'node', 'use.ts'], { cwd: app, stdio: 'pipe' });
    expect(execFileSync(process.execPath, ['use.js'], { cwd: app, encoding: 'utf8' })).toBe((JSON.parse(readFileSync(join(app, 'artifacts/shape/manifest.json'), 'utf8')) as { release: string }).release);
  });
});
