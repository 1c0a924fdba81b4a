#!/usr/bin/env node
// Runs an npm script on a machine that has only Node and npm: installs the packages of the lock file when they are
// missing or old, compiles, installs what the system lacks (doctor), then does the work. Uses nothing but Node itself.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [verb = 'start', ...given] = process.argv.slice(2);
/** `npm start -- --yes`, `npm test -- --yes`: nothing is asked. */
const yes = given.includes('--yes');
const rest = given.filter((arg) => verb === 'start' || arg !== '--yes');

/** Runs a program with this terminal; a failure ends this script with the same status. */
function run(file, args, env = {}) {
  const { status, signal, error } = spawnSync(file, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error) {
    process.stderr.write(`${file}: ${error.message}\n`);
    process.exit(1);
  }
  if (status !== 0 || signal) process.exit(status ?? 130);
}

function installPackages() {
  const lock = join(root, 'package-lock.json');
  const mark = join(root, 'node_modules', '.build-kernel-lock');
  const wanted = readFileSync(lock, 'utf8');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return;
  process.stderr.write('installing the npm packages of package-lock.json\n');
  run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts']);
  writeFileSync(mark, wanted);
}

/** tsc is incremental: nothing to do takes about a second. */
function compile() {
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json']);
  run(process.execPath, [join(root, 'ci/make-executable.mjs')]);
}

const cli = (...args) => run(process.execPath, [join(root, 'dist/cli.js'), ...args]);
const vitest = (...args) => run(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...args]);
/** Asks at a terminal; without one (CI) it installs, as the command was given to do all its set-up. */
const doctor = (...purposes) => cli('doctor', '--install', ...(process.stdin.isTTY && !yes ? [] : ['--yes']), '--for', ...purposes);

if (!existsSync(join(root, 'package-lock.json')) || !statSync(root).isDirectory()) throw new Error(`${root} is no checkout of build-kernel`);
installPackages();
compile();
switch (verb) {
  case 'start':
    cli('start', ...rest);
    break;
  case 'test':
    doctor('kernel', 'tools', 'package', 'verify', 'image', 'test');
    run(process.execPath, [join(root, 'ci/test-all.mjs'), ...rest]);
    break;
  case 'test:fast':
    vitest('--project', 'fast', ...rest);
    break;
  case 'test:slow':
    doctor('kernel', 'tools', 'package', 'verify', 'image', 'test');
    vitest('--project', 'slow', ...rest);
    break;
  case 'docs':
    run(process.execPath, [join(root, 'ci/docs.mjs')]);
    break;
  case 'bench':
    doctor('kernel');
    run(process.execPath, [join(root, 'node_modules/zx/build/cli.js'), join(root, 'ci/bench/overhead.mjs'), ...rest]);
    break;
  case 'bench:packets':
    doctor('kernel', 'tools', 'package', 'verify');
    if (!rest.some((arg) => !arg.startsWith('-'))) cli('build', 'nat-snat', '--tools', 'static');
    run(process.execPath, [join(root, 'node_modules/zx/build/cli.js'), join(root, 'ci/bench/packets.mjs'), ...rest]);
    break;
  default:
    process.stderr.write(`bootstrap: no script is called ${verb}\n`);
    process.exit(2);
}
