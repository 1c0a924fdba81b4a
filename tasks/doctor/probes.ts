import { constants } from 'node:fs';
import { access, mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { run } from '../lib/exec.js';
import { exists, remove } from '../lib/files.js';
import type { Finding } from './findings.js';
import type { Probe, Requirement } from './requirements.js';

/** Looks whether a requirement is met. Probes run side by side and change nothing. */

/** depmod and sshd stand in sbin, which a user's PATH on Debian leaves out. */
function searchPath(): string[] {
  return [...new Set([...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'])].filter((dir) => dir !== '');
}

/** Path of an executable, or undefined. */
export async function findProgram(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    for (const path of isAbsolute(name) ? [name] : searchPath().map((dir) => join(dir, name))) {
      const usable = await access(path, constants.X_OK).then(async () => (await stat(path)).isFile()).catch(() => false);
      if (usable) return path;
    }
  }
  return undefined;
}

/** Compiles and links a program that includes the header. Returns what stopped it, or undefined. */
async function tryLibrary({ header, libs = [], pkg }: Extract<Probe, { kind: 'library' }>): Promise<string | undefined> {
  const gcc = await findProgram(['gcc', 'cc']);
  if (gcc === undefined) return 'there is no compiler to try it with';
  let flags = libs.map((name) => `-l${name}`);
  if (pkg !== undefined) {
    const config = await findProgram(['pkg-config', 'pkgconf']);
    if (config === undefined) return 'there is no pkg-config to ask';
    const { exitCode, stdout } = await run([config, '--cflags', '--libs', pkg], { ok: [0, 1] });
    if (exitCode !== 0) return `pkg-config knows no ${pkg}`;
    flags = stdout.split(/\s+/).filter((flag) => flag !== '');
  }
  const dir = await mkdtemp(join(tmpdir(), 'build-kernel-doctor-'));
  try {
    const source = join(dir, 'probe.c');
    await writeFile(source, `#include <stddef.h>\n#include <${header}>\nint main(void) { return 0; }\n`);
    const { exitCode, stderr } = await run([gcc, '-o', join(dir, 'probe'), source, ...flags], { ok: [0, 1] });
    return exitCode === 0 ? undefined : (stderr.split('\n').find((line) => /error|cannot find/.test(line)) ?? 'it does not compile').replace(`${dir}/`, '').trim();
  } finally {
    await remove(dir);
  }
}

async function probe(it: Probe): Promise<{ ok: boolean; detail: string }> {
  switch (it.kind) {
    case 'program': {
      const path = await findProgram(it.any);
      return path === undefined ? { ok: false, detail: `no ${it.any.join(' or ')} on the PATH` } : { ok: true, detail: path };
    }
    case 'library': {
      const problem = await tryLibrary(it);
      return problem === undefined ? { ok: true, detail: `<${it.header}> compiles and links` } : { ok: false, detail: problem };
    }
    case 'path':
      for (const path of it.any) if (await exists(path)) return { ok: true, detail: path };
      return { ok: false, detail: `no ${it.any.join(', no ')}` };
  }
}

/** Probes one requirement. */
export async function check(requirement: Requirement): Promise<Finding> {
  const { id, purposes, why, packages, optional } = requirement;
  const { ok, detail } = await probe(requirement.probe);
  return { id, state: ok ? 'ok' : optional ? 'advice' : 'missing', detail, why, purposes, ...(ok ? {} : { packages }) };
}
