import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packInitramfs } from '../../../tasks/image/appliance/pack.js';
import { grubConfig } from '../../../tasks/image/disk/grub-config.js';
import { diskIds, layoutFor, partition, SECTOR } from '../../../tasks/image/disk/layout.js';
import { makeOciArchive } from '../../../tasks/image/oci.js';
import { toImageOptions } from '../../../tasks/image/options.js';
import { imageNodes, type ImageNetwork } from '../../../tasks/verify/image/nodes.js';
import { scratch } from '../../support/cli.js';

/** The parts of an image that need no root and no guest. */

const dir = scratch('image');
const sha = (path: string): string => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);
const DIGEST = '67fb61cfe7ca5406639e4cb7e44bd5df8080080c521a8bd6b82395d076ffe185';

describe('options', () => {
  const of = (output: string, more: Record<string, unknown> = {}): string => toImageOptions({ output, free: 0, ...more }).kind;
  it('tell the kind by the name of the output', () => {
    expect([of('gw.qcow2'), of('gw.img'), of('gw.tar'), of('gw'), of('gw.tar', { kind: 'disk' })]).toEqual(['disk', 'disk', 'oci', 'appliance', 'disk']);
    expect(() => of('gw.iso')).toThrow(/is not clear/);
  });
});

describe('a disk', () => {
  it('has a table that sfdisk reads back, aligned, with the identifiers of its contents', async () => {
    const layout = layoutFor(100 * 1024 * 1024);
    const ids = diskIds(DIGEST);
    const files = ['one', 'two'].map((name) => join(dir, name));
    for (const file of files) await partition(file, layout, ids);
    expect(sha(files[0] ?? '')).toBe(sha(files[1] ?? ''));
    const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', files[0] ?? ''], { encoding: 'utf8' })) as { partitiontable: { id: string; partitions: { start: number; size: number; uuid: string }[] } };
    expect(partitiontable.id.toLowerCase()).toBe(ids.disk);
    expect(partitiontable.partitions.map(({ start, size }) => [start, size])).toEqual([layout.bios, layout.esp, layout.root].map(({ start, sectors }) => [start, sectors]));
    expect(partitiontable.partitions.every(({ start }) => (start * SECTOR) % (1024 * 1024) === 0)).toBe(true);
    expect(new Set(Object.values(ids)).size).toBe(6);
    expect(diskIds(DIGEST.replace('6', '7')).filesystem).not.toBe(ids.filesystem);
  });

  it('has a menu whose titles cannot end a string early', () => {
    const text = grubConfig([{ title: "it's\n} menuentry 'x", kernel: '/boot/vmlinuz', append: 'ro' }], 'abcd');
    expect(text).toContain("menuentry 'it s } menuentry  x' {");
    const file = join(dir, 'grub.cfg');
    writeFileSync(file, text);
    execFileSync('grub-script-check', [file]);
  });
});

describe('an appliance', () => {
  it('is packed to the same bytes whenever and in whatever order its files were made', async () => {
    const make = async (name: string, order: readonly string[]): Promise<string> => {
      const root = join(dir, name);
      for (const path of order) {
        mkdirSync(join(root, path, '..'), { recursive: true });
        writeFileSync(join(root, path), path);
      }
      const file = join(dir, `${name}.img`);
      await packInitramfs(root, file, 1_340_000_000);
      return file;
    };
    const first = await make('a', ['etc/x', 'bin/y', 'etc/z']);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = await make('b', ['etc/z', 'bin/y', 'etc/x']);
    expect(sha(first)).toBe(sha(second));
    const list = execFileSync('sh', ['-c', 'gzip -dc "$1" | cpio -itv --quiet -n', 'sh', first], { encoding: 'utf8' });
    expect(list.trim().split('\n').map((line) => line.split(/\s+/).pop())).toEqual(['bin', 'bin/y', 'etc', 'etc/x', 'etc/z']);
    expect(list.split('\n').filter((line) => line !== '' && !/ 0 +0 +\d+ Jun 18 {2}2012 /.test(line))).toEqual([]);
  });
});

describe('an OCI archive', () => {
  it('names its files, and every blob is what its digest says', async () => {
    writeFileSync(join(dir, 'kernel.tar.gz'), 'kernel');
    const file = join(dir, 'gw.tar');
    const again = join(dir, 'again.tar');
    for (const [to, at] of [[file, 's1'], [again, 's2']] as const) {
      await makeOciArchive({ files: [{ name: 'kernel.tar.gz', path: join(dir, 'kernel.tar.gz'), mediaType: 'application/octet-stream' }], artifactType: 'application/vnd.build-kernel.artifact.v1', annotations: {}, tag: 'x', epoch: 1_340_000_000, file: to, scratch: join(dir, at) });
    }
    expect(sha(file)).toBe(sha(again));
    const out = join(dir, 'layout');
    mkdirSync(out);
    execFileSync('tar', ['-xf', file, '-C', out]);
    const read = (digest: string): string => {
      const path = join(out, 'blobs/sha256', digest.slice(7));
      expect(sha(path)).toBe(digest.slice(7));
      return readFileSync(path, 'utf8');
    };
    const index = JSON.parse(readFileSync(join(out, 'index.json'), 'utf8')) as { manifests: { digest: string; size: number }[] };
    const text = read(index.manifests[0]?.digest ?? '');
    expect(text.length).toBe(index.manifests[0]?.size);
    const manifest = JSON.parse(text) as { config: { digest: string }; layers: { digest: string; annotations: Record<string, string> }[] };
    expect(read(manifest.config.digest)).toBe('{}');
    expect(manifest.layers.map(({ annotations }) => annotations['org.opencontainers.image.title'])).toEqual(['kernel.tar.gz']);
    expect(read(manifest.layers[0]?.digest ?? '')).toBe('kernel');
  });
});

describe('the network around an image', () => {
  const network: ImageNetwork = {
    interfaces: [
      { device: 'eth0', role: 'inside', addresses: ['10.1.0.1/22', 'fd00::1/64'] },
      { device: 'eth1', role: 'outside', addresses: ['198.51.100.9/29'], gateway: '198.51.100.14' },
      { device: 'eth2', role: 'management', addresses: ['10.9.9.9/24'] },
    ],
    virtual: [],
  };
  it('has a client inside with the gateway as its way out, and the next hop outside', () => {
    const { nodes, unconnected, client } = imageNodes(network);
    expect(client).toBe('10.1.3.254');
    expect(nodes.map(({ name, interfaces, routes }) => [name, interfaces.map(({ segment, addresses }) => `${segment} ${addresses.join(' ')}`), routes])).toEqual([
      ['gateway', ['inside 10.1.0.1/22 fd00::1/64', 'isp1 198.51.100.9/29'], []],
      ['client', ['inside 10.1.3.254/22'], ['default via 10.1.0.1']],
      ['server', ['isp1 198.51.100.14/29'], []],
    ]);
    expect(unconnected).toEqual(['eth2']);
  });
  it('takes VRRP\'s address as the way out', () => {
    const { nodes } = imageNodes({ ...network, virtual: ['10.1.0.3/22'] });
    expect(nodes.find(({ name }) => name === 'client')?.routes).toEqual(['default via 10.1.0.3']);
  });
  it('says what is missing', () => {
    expect(() => imageNodes({ ...network, interfaces: network.interfaces.slice(1) })).toThrow(/no inside/);
  });
});
