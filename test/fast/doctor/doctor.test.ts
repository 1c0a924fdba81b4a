import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { doctorCommand } from '../../../tasks/doctor/command.js';
import type { Finding } from '../../../tasks/doctor/findings.js';
import { doctor, install, installCommand, installCommands, knownHere, packageManager, packagesFor, parsePurposes, PURPOSES, REQUIREMENTS } from '../../../tasks/doctor/index.js';
import { checkCase, checkExec, checkGcc, checkMemory, checkNode, checkPath, checkSpace } from '../../../tasks/doctor/machine.js';
import { check, findProgram } from '../../../tasks/doctor/probes.js';
import { makeIo } from '../../../tasks/lib/io.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'doctor-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await rm(dir, { recursive: true, force: true });
});

/** A program that writes down how it was called. */
async function fake(name: string, body = ''): Promise<void> {
  await writeFile(join(dir, name), `#!/bin/sh\necho "${name} $*" >>"${dir}/calls"\n${body}\n`);
  await chmod(join(dir, name), 0o755);
}
const missing = (id: string, apt: string[], dnf: string[] = apt): Finding => ({ id, state: 'missing', detail: '', why: 'x', purposes: ['kernel'], packages: { apt, dnf } });

describe('the table', () => {
  it('has each name once, and packages for every one', () => {
    expect(new Set(REQUIREMENTS.map(({ id }) => id)).size).toBe(REQUIREMENTS.length);
    for (const { packages } of REQUIREMENTS) expect([packages.apt.length, packages.dnf.length]).not.toContain(0);
  });
  it('serves every purpose', () => {
    for (const purpose of PURPOSES) expect(REQUIREMENTS.some(({ purposes }) => purposes.includes(purpose))).toBe(true);
  });
});

describe('probes', () => {
  it('find a program on the PATH, in sbin, by any of its names, and no folder or plain file', async () => {
    await fake('other-name');
    await mkdir(join(dir, 'a-folder'));
    await writeFile(join(dir, 'plain'), '');
    vi.stubEnv('PATH', dir);
    expect(await findProgram(['no-such', 'other-name'])).toBe(join(dir, 'other-name'));
    expect(await findProgram(['a-folder', 'plain'])).toBeUndefined();
    expect(await findProgram(['ldconfig'])).toMatch(/sbin\/ldconfig$/);
    expect(await findProgram([join(dir, 'other-name')])).toBe(join(dir, 'other-name'));
  });
  it('try a header and a library by compiling and linking', async () => {
    const library = (header: string, libs: string[]): Promise<Finding> => check({ id: 'l', purposes: ['kernel'], why: 'x', probe: { kind: 'library', header, libs }, packages: { apt: ['a'], dnf: ['b'] } });
    expect((await library('math.h', ['m'])).state).toBe('ok');
    expect(await library('no/such.h', [])).toMatchObject({ state: 'missing', detail: expect.stringContaining('no/such.h: No such file') as string });
    expect(await library('math.h', ['no_such_library'])).toMatchObject({ state: 'missing', detail: expect.stringContaining('cannot find -lno_such_library') as string });
  });
  it('say that a library cannot be tried without a compiler', async () => {
    vi.stubEnv('PATH', dir);
    expect(await check({ id: 'l', purposes: ['kernel'], why: 'x', probe: { kind: 'library', header: 'stdio.h' }, packages: { apt: [], dnf: [] } })).toMatchObject({
      state: 'missing',
      detail: 'there is no compiler to try it with',
    });
  });
  it('tell missing from nice to have', async () => {
    const report = await doctor(['kernel'], { work: dir, out: dir, cache: dir }, [
      { id: 'here', purposes: ['kernel'], why: 'x', probe: { kind: 'program', any: ['sh'] }, packages: { apt: [], dnf: [] } },
      { id: 'gone', purposes: ['kernel'], why: 'x', probe: { kind: 'program', any: ['no-such-program'] }, packages: { apt: ['p'], dnf: ['p'] } },
      { id: 'nice', purposes: ['kernel'], why: 'x', probe: { kind: 'path', any: [join(dir, 'nothing')] }, packages: { apt: ['q'], dnf: ['q'] }, optional: true },
      { id: 'other purpose', purposes: ['test'], why: 'x', probe: { kind: 'program', any: ['no-such-program'] }, packages: { apt: ['r'], dnf: ['r'] } },
    ]);
    expect(report.missing.map(({ id }) => id)).toEqual(['gone']);
    expect(report.optional.map(({ id }) => id)).toContain('nice');
    expect(report.found.map(({ id }) => id)).toEqual(expect.arrayContaining(['here', 'Node.js', 'case-sensitive work folder', 'temporary folder runs programs']));
    expect(JSON.stringify(report)).not.toContain('other purpose');
  });
});

describe('the machine', () => {
  it.each([
    ['/srv/build', 'ok'],
    ['/srv/my build', 'missing'],
    ['/srv/a:b', 'missing'],
    ['/srv/100%', 'missing'],
  ])('path %s is %s', (path, state) => expect(checkPath(path).state).toBe(state));
  it('adds up what folders on one disk need', async () => {
    const places = { work: join(dir, 'not', 'yet'), out: dir, cache: dir };
    expect(await checkSpace(places, { work: 1, out: 1, cache: 1 })).toMatchObject([{ id: 'free space (work, cache, out)', state: 'ok' }]);
    const huge = 1e18;
    expect(await checkSpace(places, { work: huge, out: 1, cache: 1 })).toMatchObject([{ state: 'missing', detail: expect.stringMatching(/free at .*a build takes about/) as string }]);
  });
  it('knows old Nodes, little memory, old and unproven compilers', async () => {
    expect([checkNode('18.20.0').state, checkNode('20.0.0').state, checkNode('24.1.0').state]).toEqual(['missing', 'ok', 'ok']);
    expect([checkMemory(512 * 1024 ** 2).state, checkMemory(4 * 1024 ** 3).state]).toEqual(['advice', 'ok']);
    vi.stubEnv('PATH', `${dir}:/usr/bin:/bin`);
    for (const [version, state] of [['4.1.2', 'missing'], ['12.2.0', 'ok'], ['11', 'ok'], ['14.2.0', 'advice']] as const) {
      await fake('fakecc', `echo ${version}`);
      expect((await checkGcc('fakecc'))[0]?.state, version).toBe(state);
    }
    expect(await checkGcc('no-such-cc')).toEqual([]);
  });
  it('looks at the nearest folder that exists, and leaves nothing there', async () => {
    expect((await checkCase(join(dir, 'not', 'yet'))).state).toBe('ok');
    expect((await checkExec('work folder', join(dir, 'not', 'yet'))).state).toBe('ok');
    expect(await (await import('node:fs/promises')).readdir(dir)).toEqual([]);
  });
  it('says when a folder cannot be written', async () => {
    expect((await checkCase('/proc')).state).toBe('missing');
    expect((await checkExec('work folder', '/proc')).detail).toBe('/proc cannot be written');
  });
});

describe('installing', () => {
  const findings = [missing('gcc', ['gcc', 'libc6-dev'], ['gcc', 'glibc-devel']), missing('make', ['make']), missing('gcc too', ['gcc'])];
  it('names each package once, by manager', () => {
    expect(packagesFor(findings, 'apt')).toEqual(['gcc', 'libc6-dev', 'make']);
    expect(packagesFor(findings, 'yum')).toEqual(['gcc', 'glibc-devel', 'make']);
  });
  it('prints the exact command, with sudo for a user', () => {
    expect(installCommand(findings, 'apt', true)).toBe(
      'apt-get update && env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends gcc libc6-dev make',
    );
    expect(installCommand(findings.slice(1), 'apt', false)).toBe('sudo apt-get update && sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends gcc make');
    expect(installCommand(findings, 'dnf', false)).toBe('sudo dnf install -y gcc glibc-devel make');
    expect(installCommand(findings, undefined)).toBe('install these with your package manager: gcc, make, gcc too');
    expect(installCommand([], 'apt')).toBeUndefined();
    expect(installCommands([{ ...missing('disk', []), packages: undefined }], 'apt')).toEqual([]);
  });
  it('finds the manager of the machine, and says when it knows none', async () => {
    vi.stubEnv('PATH', dir);
    expect(await packageManager()).toBeUndefined();
    await fake('yum');
    expect(await packageManager()).toBe('yum');
    await fake('dnf');
    expect(await packageManager()).toBe('dnf');
    await expect(install(findings, undefined, { yes: true, terminal: false, say: () => {} })).rejects.toMatchObject({ code: 'environment', why: expect.stringContaining('gcc, make') as string });
  });
  it('leaves out what this release of Debian does not have, but not before the lists are there', async () => {
    vi.stubEnv('PATH', `${dir}:/usr/bin:/bin`);
    await fake('apt-cache', 'case "$3" in gcc|libc6-dev|make) exit 0;; esac; exit 100');
    const some = [...findings, missing('keys', ['no-such-package'])];
    expect((await knownHere(some, 'apt')).map(({ id }) => id)).toEqual(['gcc', 'make', 'gcc too']);
    expect(await knownHere(some, 'dnf')).toEqual(some);
    await fake('apt-cache', 'exit 100');
    expect(await knownHere(some, 'apt')).toEqual(some);
  });
  it('never asks without a terminal', async () => {
    const ask = vi.fn();
    await expect(install(findings, 'apt', { yes: false, terminal: false, say: () => {}, ask })).rejects.toMatchObject({ code: 'environment', why: expect.stringContaining('apt-get install') as string });
    expect(ask).not.toHaveBeenCalled();
  });
  it('installs nothing after a no', async () => {
    await fake('apt-get');
    vi.stubEnv('PATH', `${dir}:/usr/bin:/bin`);
    expect(await install(findings, 'apt', { yes: false, terminal: true, say: () => {}, ask: async () => '' })).toBe(false);
    await expect(readFile(join(dir, 'calls'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
  it('runs the command with --yes, and says what failed', async () => {
    await fake('apt-get', 'echo "Setting up gcc"');
    await fake('sudo', 'exec "$@"');
    vi.stubEnv('PATH', `${dir}:/usr/bin:/bin`);
    const lines: string[] = [];
    expect(await install(findings, 'apt', { yes: true, terminal: false, say: (line) => lines.push(line) })).toBe(true);
    expect((await readFile(join(dir, 'calls'), 'utf8')).split('\n').filter((line) => line.startsWith('apt-get'))).toEqual([
      'apt-get update',
      'apt-get install --yes --no-install-recommends gcc libc6-dev make',
    ]);
    expect(lines).toContain('Setting up gcc');
    await fake('apt-get', 'echo "E: Unable to locate package" >&2; exit 100');
    await expect(install(findings, 'apt', { yes: true, terminal: false, say: () => {} })).rejects.toMatchObject({ code: 'environment', why: expect.stringContaining('Unable to locate') as string });
  });
});

describe('the command', () => {
  const stdout = (): string[] => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    return written;
  };
  it('knows its purposes', async () => {
    expect(() => parsePurposes(['kernle'])).toThrow(expect.objectContaining({ fix: expect.stringContaining('Did you mean kernel?') as string }) as Error);
  });
  it('answers with one JSON document and a status', async () => {
    const written = stdout();
    await doctorCommand(makeIo({ json: true }), { install: false, yes: false, purposes: ['package'], work: join(dir, 'with blank') });
    const report = JSON.parse(written.join('')) as { missing: Finding[]; manager: string };
    expect(report.missing.map(({ id }) => id)).toContain('path of the work folder');
    expect(process.exitCode).toBe(3);
  });
  it('shows what is missing, what for, and what to do', async () => {
    const written = stdout();
    await doctorCommand(makeIo({}), { install: false, yes: false, purposes: ['package'], work: join(dir, 'with blank') });
    expect(written.join('')).toMatch(/MISSING +path of the work folder .*for: make and rpmbuild .* --work/);
  });
  it('checks again after installing', async () => {
    const written = stdout();
    // Installing makes the missing program appear.
    await fake('apt-get', `if [ "$1" = install ]; then ln -sf /bin/true ${dir}/dpkg-deb; fi`);
    await fake('sudo', 'exec "$@"');
    for (const name of ['env', 'ln', 'gcc', 'rpmbuild', 'depmod']) await symlink(name === 'env' || name === 'ln' ? `/usr/bin/${name}` : '/bin/true', join(dir, name));
    vi.stubEnv('PATH', `${dir}`);
    await doctorCommand(makeIo({}), { install: true, yes: true, purposes: ['package'], work: dir });
    expect(written.join('')).toMatch(/ok +dpkg-deb/);
    expect(await readFile(join(dir, 'calls'), 'utf8')).toContain('dpkg');
  });
});
