import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../tasks/lib/paths.js';
import { scratch } from '../../support/cli.js';
import { lines, step } from '../../support/job-files.js';
import { shapeData, writeFlavour } from '../../support/shape-flavour.js';

/**
 * The steps of the ready-made job files, as a runner runs them, in a checkout with a kernel-shaped flavour: all but npm ci
 * and doctor (network) and verify (the shape does not boot). GitLab's are the same lines (test/fast/ci).
 */

const dir = scratch('steps');
const checkout = join(dir, 'checkout');
const env: Record<string, string> = {};
/** As a runner does: bash -eo pipefail, with what steps before it wrote to $GITHUB_ENV. */
const run = (script: string, more: Record<string, string> = {}): string =>
  execFileSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], { cwd: checkout, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env, ...more } });

beforeAll(() => {
  mkdirSync(checkout);
  // npx links the checkout into its own folder, and prepares it: compiles what changed.
  for (const part of ['ci', 'dist', 'tasks', 'patches', 'templates', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) cpSync(join(packageRoot, part), join(checkout, part), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(packageRoot, 'node_modules'), join(checkout, 'node_modules'));
  const data = shapeData(dir);
  writeFlavour(data.folder, 'shape-gateway', 'summary: the shape as a gateway\norigin: here\nbase: shape\nsuffix: .gw\nlanguage: {name: iptables}\n');
  // The flavour is a shape of a kernel: it has neither tools nor packages, and cannot be booted.
  Object.assign(env, { BUILD_KERNEL_FLAVOURS: data.folder, BUILD_KERNEL_TOOLS: 'none', BUILD_KERNEL_NO_PACKAGES: 'true', CI: 'true', npm_config_cache: join(dir, 'npm'), npm_config_offline: 'true', GITHUB_ENV: join(dir, 'env'), GITHUB_OUTPUT: join(dir, 'output'), GITHUB_STEP_SUMMARY: join(dir, 'summary') });
  for (const name of ['env', 'output', 'summary']) writeFileSync(join(dir, name), '');
  writeFileSync(
    join(checkout, 'gateway.yaml'),
    'flavour: shape-gateway\ninterfaces:\n  - {device: eth0, role: inside, addresses: [192.168.40.1/24]}\n  - {device: eth1, role: outside, addresses: [203.0.113.2/24]}\npools: {public: [203.0.113.100]}\nsnat: [{pool: public}]\n',
  );
});

it('the folders of the cache are in it', () => {
  run(step('flavour', 'Cache folders'));
  for (const line of lines(readFileSync(join(dir, 'env'), 'utf8'))) env[line.split('=')[0] ?? ''] = line.split('=')[1] ?? '';
  expect(env['BUILD_KERNEL_CACHE']).toBe(join(checkout, '.cache/build-kernel'));
});

it('the list is a JSON array in one line, flavours of the data folder too', () => {
  run(step('list', 'List'));
  const [name, value] = readFileSync(join(dir, 'output'), 'utf8').split('=');
  expect(name).toBe('flavours');
  expect(JSON.parse(value ?? '')).toEqual(expect.arrayContaining(['nat-snat', 'shape-gateway']));
});

it('a flavour is built, its reports are where the jobs look for them, and its artifact holds', () => {
  run(step('flavour', 'Build'), { FLAVOUR: 'shape' });
  expect(readFileSync(join(checkout, 'artifacts/matrix.junit.xml'), 'utf8')).toMatch(/<testcase classname="build-kernel matrix" name="shape"/);
  expect(existsSync(join(checkout, 'artifacts/shape/sbom.cdx.json'))).toBe(true);
  expect(existsSync(join(checkout, '.cache/build-kernel'))).toBe(true);
  expect(run(step('flavour', 'Check the artifact'), { FLAVOUR: 'shape' })).toContain('shape');
});

it('one that fails fails the step, with the reason in the JUnit report', () => {
  expect(() => run(step('flavour', 'Build'), { FLAVOUR: 'shap' })).toThrow();
  expect(readFileSync(join(checkout, 'artifacts/matrix.junit.xml'), 'utf8')).toContain('<failure type="failure" message="There is no flavour shap.">');
});

it('a summary has the reports of verify', () => {
  mkdirSync(join(checkout, 'reports/shape'), { recursive: true });
  writeFileSync(join(checkout, 'reports/shape/report.txt'), 'boot  pass\n');
  run(step('flavour', 'Summary'));
  expect(readFileSync(join(dir, 'summary'), 'utf8')).toBe('```\nboot  pass\n```\n');
});

it('an image is made with its source, sums and report', () => {
  run(step('image', 'Make the image, boot it, check it'), { GATEWAY: 'gateway.yaml', OUTPUT: 'gw.tar' });
  const sums = readFileSync(join(checkout, 'out/SHA256SUMS'), 'utf8');
  for (const file of ['gw.tar', 'gw.tar.json', 'gw.tar.cdx.json', 'shape-gateway-source.tar', 'junit.xml']) expect(sums).toContain(`  ${file}\n`);
  expect(execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: join(checkout, 'out'), encoding: 'utf8' })).not.toContain('FAILED');
  expect(readFileSync(join(checkout, 'out/junit.xml'), 'utf8')).toMatch(/tests="5" failures="0"/);
});

it('an image that cannot be made fails the step, with the step named in the JUnit report', () => {
  expect(() => run(step('image', 'Make the image, boot it, check it'), { GATEWAY: 'gateway.yaml', OUTPUT: 'gw.iso' })).toThrow();
  expect(readFileSync(join(checkout, 'out/junit.xml'), 'utf8')).toMatch(/message="build-kernel image gateway\.yaml .* ended with 2"/);
});
