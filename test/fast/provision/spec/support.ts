import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { loadSpec, type LoadedSpec } from '../../../../tasks/provision/spec/load.js';

/** Loads a text as gateway.yaml, a file of its own beside a password file. */
export async function load(text: string): Promise<LoadedSpec> {
  const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  try {
    const path = join(folder, 'gateway.yaml');
    await writeFile(path, text, { mode: 0o600 });
    await writeFile(join(folder, 'vrrp.password'), 's3cr3t\n');
    await chmod(join(folder, 'vrrp.password'), 0o600);
    return await loadSpec(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The lines of an error, without the file's folder. */
export async function refusal(text: string): Promise<string[]> {
  try {
    const { warnings } = await load(text);
    throw new Error(`loaded; warnings: ${warnings.join('; ')}`);
  } catch (error) {
    if (!(error instanceof ExpectedError)) throw error;
    return (error.why ?? '').split('\n').map((line) => line.replace(/^.*gateway\.yaml:/, ''));
  }
}

/** A small gateway; `more` is appended. */
export const small = (more = '', flavour = 'nat-snat'): string => `flavour: ${flavour}
interfaces:
  - {device: eth0, role: inside, addresses: [192.168.40.1/24]}
  - {device: eth1, role: outside, addresses: [203.0.113.2/24], gateway: 203.0.113.254}
pools:
  public: [203.0.113.100-203.0.113.103]
snat:
  - {pool: public}
${more}`;
