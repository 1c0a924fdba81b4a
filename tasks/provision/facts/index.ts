import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { packageRoot } from '../../lib/paths.js';
import type { HostFacts, Target } from '../types.js';
import { CutShort, parseFacts } from './parse.js';

/**
 * What a host is, in one go; nothing on it is changed.
 * @throws ExpectedError provision when the script does not come to its end there; network when the connection breaks
 */
export async function readFacts(target: Target): Promise<HostFacts> {
  const script = await readFile(join(packageRoot, 'templates/provision/facts.sh'), 'utf8');
  const { stdout, stderr } = await target.sh(script, [], { timeout: 300_000, ok: Array.from({ length: 256 }, (_, status) => status) });
  try {
    return parseFacts(stdout);
  } catch (error) {
    if (!(error instanceof CutShort)) throw error;
    throw new ExpectedError({ code: 'provision', what: `What ${target.name} is could not be read.`, why: `${stderr.trim()}\n${error.message}`.trim() });
  }
}
