import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from './context.js';

/** A real, signed apt archive in a folder. Needs apt, dpkg-deb and gpg. */

const has = (name: string): boolean => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0;
export const aptMissing = ['apt-get', 'dpkg-deb', 'gpg'].every(has) ? undefined : 'apt-get, dpkg-deb and gpg are needed';

function describeFile(name: string, data: Buffer): string {
  return ` ${hex(data)} ${String(data.length)} ${name}\n`;
}

export class AptArchive {
  readonly keyFile: string;
  private readonly home: string;

  constructor(readonly root: string, scratch: string) {
    this.home = join(scratch, 'gnupg-apt');
    mkdirSync(this.home, { mode: 0o700 });
    this.gpg('--passphrase', '', '--quick-gen-key', 'archive@example.org', 'rsa2048', 'sign', 'never');
    this.keyFile = join(scratch, 'archive.gpg');
    writeFileSync(this.keyFile, this.gpg('--export'));
  }

  private gpg(...args: string[]): Buffer {
    return execFileSync('gpg', ['--homedir', this.home, '--batch', '--quiet', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  }

  stopAgent(): void {
    spawnSync('gpgconf', ['--homedir', this.home, '--kill', 'all']);
  }

  /** Publishes one version of package `demo` (binary, all architectures) and its source. Replaces what was there. */
  publish(version: string): void {
    const pool = join(this.root, 'pool');
    execFileSync('rm', ['-rf', pool, join(this.root, 'dists')]);
    mkdirSync(join(pool, 'build/DEBIAN'), { recursive: true });
    const control = `Package: demo\nVersion: ${version}\nArchitecture: all\nMaintainer: a <a@example.org>\nDescription: d\n`;
    writeFileSync(join(pool, 'build/DEBIAN/control'), control);
    const deb = `demo_${version.replace(/^\d+:/, '')}_all.deb`;
    execFileSync('dpkg-deb', ['-b', join(pool, 'build'), join(pool, deb)], { stdio: 'ignore' });
    execFileSync('rm', ['-r', join(pool, 'build')]);
    const bytes = readFileSync(join(pool, deb));
    const packages = `${control}Filename: pool/${deb}\nSize: ${String(bytes.length)}\nSHA256: ${hex(bytes)}\n`;
    const orig = Buffer.from(`upstream ${version}`);
    const dsc = Buffer.from(`Format: 1.0\nSource: demo\nVersion: ${version}\n`);
    writeFileSync(join(pool, 'demo_1.orig.tar.gz'), orig);
    writeFileSync(join(pool, `demo_${version}.dsc`), dsc);
    const list = describeFile(`demo_${version}.dsc`, dsc) + describeFile('demo_1.orig.tar.gz', orig);
    const sources = `Package: demo\nFormat: 1.0\nVersion: ${version}\nMaintainer: a <a@example.org>\nArchitecture: all\nDirectory: pool\nChecksums-Sha256:\n${list}`;
    this.release({ 'main/binary-all/Packages': packages, 'main/binary-amd64/Packages': packages, 'main/binary-arm64/Packages': packages, 'main/source/Sources': sources });
  }

  private release(indexes: Record<string, string>): void {
    const dist = join(this.root, 'dists/stable');
    let text = `Origin: demo\nSuite: stable\nCodename: stable\nDate: ${new Date().toUTCString()}\nArchitectures: all amd64 arm64\nComponents: main\nSHA256:\n`;
    for (const [path, content] of Object.entries(indexes)) {
      mkdirSync(join(dist, path, '..'), { recursive: true });
      writeFileSync(join(dist, path), content);
      text += ` ${hex(content)} ${String(statSync(join(dist, path)).size)} ${path}\n`;
    }
    writeFileSync(join(dist, 'Release'), text);
    this.gpg('--yes', '--clearsign', '-o', join(dist, 'InRelease'), join(dist, 'Release'));
  }
}
