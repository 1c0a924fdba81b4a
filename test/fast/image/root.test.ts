import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hostNames } from '../../../tasks/image/disk/personal.js';
import { NO_CREDENTIALS } from '../../../tasks/image/rootfs/debian.js';
import { run } from '../../../tasks/lib/exec.js';
import { scratch } from '../../support/cli.js';

/** What a root is given, and what must not come along from the machine it was made on. */

const dir = scratch('image-root');

it('has no password of a mirror in its sources', async () => {
  mkdirSync(join(dir, 'etc/apt/sources.list.d'), { recursive: true });
  const [list, sources] = [join(dir, 'etc/apt/sources.list'), join(dir, 'etc/apt/sources.list.d/0000debian.sources')];
  writeFileSync(list, 'deb [arch=amd64] https://me:s3cret@mirror.example/debian bookworm main\ndeb http://mirror.example/pool@2/debian bookworm main\n');
  writeFileSync(sources, 'Types: deb\nURIs: https://token@mirror.example/debian http://other.example/debian\nSuites: bookworm\n');
  await run(['sh', '-c', NO_CREDENTIALS, 'sh', dir]);
  expect(readFileSync(list, 'utf8')).toBe('deb [arch=amd64] https://mirror.example/debian bookworm main\ndeb http://mirror.example/pool@2/debian bookworm main\n');
  expect(readFileSync(sources, 'utf8')).toBe('Types: deb\nURIs: https://mirror.example/debian http://other.example/debian\nSuites: bookworm\n');
});

it('keeps the names of a root that is given, beside its own', () => {
  expect(hostNames('', 'gw1')).toBe('127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 gw1\n');
  expect(hostNames('127.0.0.1 localhost.localdomain localhost\n127.0.1.1 stock\n\n10.0.0.9 log\n', 'gw1')).toBe('127.0.0.1 localhost.localdomain localhost\n10.0.0.9 log\n127.0.1.1 gw1\n');
});
