import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeInitramfs } from '../../../../tasks/provision/boot/initramfs.js';
import { packageRoot } from '../../../../tasks/lib/paths.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bk-initramfs-'));
  const kernel = join(folder, 'modules/kernel/drivers');
  mkdirSync(kernel, { recursive: true });
  for (const name of ['libata', 'ata_piix', 'sd_mod', 'ext3', 'jbd', 'e1000']) writeFileSync(join(kernel, `${name}.ko`), name);
  writeFileSync(
    join(folder, 'modules/modules.dep'),
    ['ata_piix.ko: kernel/drivers/libata.ko', 'sd_mod.ko:', 'ext3.ko: kernel/drivers/jbd.ko', 'e1000.ko:', 'libata.ko:', 'jbd.ko:'].map((line) => `kernel/drivers/${line}\n`).join(''),
  );
  writeFileSync(join(folder, 'busybox'), 'static');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('holds what the root file system needs in the order it is loaded, and is the same every time', async () => {
  const make = (into: string): ReturnType<typeof makeInitramfs> => {
    mkdirSync(join(folder, into));
    return makeInitramfs({ busybox: join(folder, 'busybox'), modules: join(folder, 'modules'), drivers: ['sd_mod', 'ata_piix', 'virtio_blk'], fstype: 'ext3', path: '/boot/initramfs-2.img', folder: join(folder, into) });
  };
  const one = await make('one');
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const two = await make('two');
  if (typeof one.content === 'string' || typeof two.content === 'string') throw new Error('not a file');
  expect(two.content.sha256).toBe(one.content.sha256);
  const archive = execFileSync('gzip', ['-dc', one.content.source]);
  const unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('cpio', ['-idm', '--quiet'], { cwd: unpacked, input: archive });
  expect(readFileSync(join(unpacked, 'modules'), 'utf8')).toBe('sd_mod.ko\nlibata.ko\nata_piix.ko\njbd.ko\next3.ko\n');
  expect(readFileSync(join(unpacked, 'fstype'), 'utf8')).toBe('ext3\n');
  expect(readFileSync(join(unpacked, 'lib/jbd.ko'), 'utf8')).toBe('jbd');
  expect(execFileSync('cpio', ['-tv', '--quiet'], { input: archive, encoding: 'utf8' })).toMatch(/^-rwxr-xr-x +1 root +root .* init$/m);
});

it.each(['dash', 'busybox'])('has a script that %s understands', (shell) => {
  execFileSync(shell, [...(shell === 'busybox' ? ['sh'] : []), '-n', join(packageRoot, 'templates/provision/initramfs-init.sh')]);
});
