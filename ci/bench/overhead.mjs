#!/usr/bin/env zx
// What a build costs beside the work itself, both in one run:
//   build-kernel FLAVOUR (all stages, base in the cache, no tools), its compile stage alone, and unpacking the base
//   a bare `make bzImage modules` and `make modules_install` of the same tree, with the same arguments
// Usage: npm run bench -- [FLAVOUR] [options of build-kernel …]      (default: distro-snat)
// ccache is off on both sides. Processor time (user + system, children included) is what a busy machine changes least.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

$.verbose = false;
const [flavour = 'distro-snat', ...options] = process.argv.slice(process.argv.findIndex((arg) => arg.endsWith('overhead.mjs')) + 1);
const cli = resolve(import.meta.dirname, '../../dist/cli.js');
const dir = mkdtempSync(join(tmpdir(), 'bk-bench-'));

/** bash's time keyword, so that children of children count. */
async function timed(argv, env = {}) {
  const started = performance.now();
  const { stderr, exitCode } = await $({ cwd: dir, env: { ...process.env, ...env }, nothrow: true, quiet: true })`bash -c ${'TIMEFORMAT="@@ %U %S"; time "$@" >/dev/null 2>"$0"'} ${join(dir, 'stderr')} ${argv}`;
  const [, user, system] = /@@ ([\d.]+) ([\d.]+)/.exec(stderr) ?? [];
  if (exitCode !== 0) {
    process.stderr.write(readFileSync(join(dir, 'stderr'), 'utf8'));
    throw new Error(`${argv.join(' ')} failed`);
  }
  return { wall: (performance.now() - started) / 1000, cpu: Number(user) + Number(system) };
}

try {
  const common = ['--tools', 'none', '--no-packages', '--no-ccache', '--cache', join(dir, 'cache'), ...options];
  // Fill a cache of its own: the network is not what is measured, unpacking is.
  if (!options.includes('--source')) await $({ cwd: dir })`node ${cli} fetch ${flavour} ${common}`;
  // A base is unpacked once and serves all builds on it: that is measured apart, by a prepare before and one after.
  const preparing = common.filter((arg, index) => !['--tools', '--no-packages'].includes(arg) && common[index - 1] !== '--tools');
  const first = await timed(['node', cli, 'prepare', flavour, ...preparing, '--work', join(dir, 'first')]);
  const second = await timed(['node', cli, 'prepare', flavour, ...preparing, '--work', join(dir, 'second')]);
  const unpacking = { wall: first.wall - second.wall, cpu: first.cpu - second.cpu };
  const whole = await timed(['node', cli, flavour, ...common]);
  const artifact = join(dir, 'artifacts', flavour);
  const manifest = JSON.parse(readFileSync(join(artifact, 'manifest.json'), 'utf8'));
  const work = join(dir, 'build', flavour);

  // The same make, by hand: the arguments and environment of the compile stage, in a new output folder.
  const stamp = readFileSync(join(work, 'logs', 'compile.log'), 'utf8');
  const call = stamp.split('\n').find((line) => line.startsWith('$ ') && line.includes('bzImage'));
  const words = await $`bash -c ${`printf '%s\\n' ${call.replace(/^\$ (cd \S+ && )?/, '')}`}`;
  const bare = join(dir, 'bare');
  await $`mkdir -p ${bare}`;
  await $`cp ${join(work, 'obj/.config')} ${bare}/.config`;
  const make = words.stdout.trim().split('\n').map((word) => (word.startsWith('O=') ? `O=${bare}` : word));
  const env = { KCONFIG_NOTIMESTAMP: '1', KBUILD_BUILD_TIMESTAMP: new Date(manifest.epoch * 1000).toUTCString(), KBUILD_BUILD_USER: 'build', KBUILD_BUILD_HOST: 'build-kernel', KBUILD_BUILD_VERSION: '1', SOURCE_DATE_EPOCH: String(manifest.epoch), LC_ALL: 'C' };
  const compiled = await timed(make, env);
  const install = await timed([...make.filter((word) => !['bzImage', 'modules'].includes(word)), 'modules_install', `INSTALL_MOD_PATH=${join(dir, 'bare-root')}`, 'INSTALL_MOD_STRIP=1', 'DEPMOD=true'], env);

  const pct = (a, b) => `${(((a - b) / b) * 100).toFixed(1)} %`;
  const row = (name, { wall, cpu }) => `${name.padEnd(58)} ${wall.toFixed(1).padStart(8)} ${(Number.isNaN(cpu) ? "" : cpu.toFixed(1)).padStart(8)}`;
  const byHand = { wall: compiled.wall + install.wall, cpu: compiled.cpu + install.cpu };
  console.log(`${flavour}, ${manifest.compiler.cc}, ${basename(artifact)}`);
  console.log(`${''.padEnd(58)} ${'wall s'.padStart(8)} ${'cpu s'.padStart(8)}`);
  console.log(row('bare make bzImage modules', compiled));
  console.log(row('bare make bzImage modules, modules_install', byHand));
  console.log(row('build-kernel, compile stage (make, modules_install)', { wall: manifest.timings.compile / 1000, cpu: NaN }));
  console.log(row('build-kernel, all stages, base in the cache', whole));
  console.log(row('unpacking and identifying the base, once for all builds', unpacking));
  console.log(`compile stage over bare make + modules_install: ${pct(manifest.timings.compile / 1000, byHand.wall)} wall`);
  console.log(`all stages over bare make + modules_install: ${pct(whole.wall, byHand.wall)} wall, ${pct(whole.cpu, byHand.cpu)} cpu`);
  console.log(`the same with unpacking the base: ${pct(whole.wall + unpacking.wall, byHand.wall)} wall, ${pct(whole.cpu + unpacking.cpu, byHand.cpu)} cpu`);
  console.log('the rest of all stages is copying, identifying and patching the tree, and configuring it; stage by stage (ms):');
  console.log(`  ${JSON.stringify(manifest.timings)}`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
