import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkProgram } from '../../../tasks/build/tools/check.js';
import { isElf, readElf } from '../../../tasks/build/tools/elf.js';

/** Real programs from the real gcc: what a loader would see, not what a fixture says. */

let folder: string;

function compile(name: string, ...flags: string[]): string {
  execFileSync('gcc', [join(folder, 'main.c'), '-o', join(folder, name), ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  return join(folder, name);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tools-check-'));
  await writeFile(join(folder, 'main.c'), 'int main(void) { return 0; }\n');
  await writeFile(join(folder, 'start.c'), 'void _start(void) { for (;;); }\n');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function bare(name: string): string {
  execFileSync('gcc', [join(folder, 'start.c'), '-nostdlib', '-static', '-no-pie', '-o', join(folder, name)]);
  return join(folder, name);
}

describe('checkProgram', () => {
  it('takes a program with a loader for the host and refuses it for EL6', async () => {
    const path = compile('dynamic');
    expect(await checkProgram(path, 'host')).toBe('dynamic');
    await expect(checkProgram(path, 'static')).rejects.toMatchObject({ code: 'tools', why: expect.stringMatching(/dynamic loader \/lib.*ld-/) as string });
  });

  it('takes a static program without a C library that is too new, and refuses it for the host', async () => {
    const path = bare('bare');
    expect(await checkProgram(path, 'static')).toBe('static');
    await expect(checkProgram(path, 'host')).rejects.toMatchObject({ code: 'tools', why: expect.stringContaining('statically') as string });
  });

  it('refuses static glibc: 2.6.32 would stop it with "kernel too old"', async () => {
    const path = compile('glibc', '-static');
    expect((await readElf(path))?.oldestKernel?.[0]).toBeGreaterThanOrEqual(3);
    await expect(checkProgram(path, 'static')).rejects.toMatchObject({ why: expect.stringContaining('kernel too old') as string });
  });

  it('refuses a library search path of this host', async () => {
    await expect(checkProgram(compile('rpath', '-Wl,-rpath,/opt/lib'), 'host')).rejects.toMatchObject({ why: expect.stringContaining('RPATH') as string });
  });

  it('refuses a program that holds the path of its build folder', async () => {
    await writeFile(join(folder, 'main.c'), `const char *where = "${folder}/x"; int main(void) { return where[0] == 0; }\n`);
    const path = compile('leak');
    await expect(checkProgram(path, 'host', [folder])).rejects.toMatchObject({ why: expect.stringContaining(folder) as string });
    expect(await checkProgram(path, 'host', ['/nowhere/else'])).toBe('dynamic');
  });

  it('refuses what is no program', async () => {
    const path = join(folder, 'script');
    await writeFile(path, '#!/bin/sh\n');
    expect(await isElf(path)).toBe(false);
    await expect(checkProgram(path, 'host')).rejects.toMatchObject({ why: expect.stringContaining('no 64-bit') as string });
    await writeFile(path, '\x7fELF');
    await expect(checkProgram(path, 'host')).rejects.toMatchObject({ code: 'tools' });
  });
});
