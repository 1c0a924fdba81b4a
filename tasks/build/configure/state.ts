import { run } from '../../lib/exec.js';
import { sha256 } from '../../lib/digest.js';

/** Digest of size and time of every Kconfig file: an edit there asks for a new configuration. */
export async function kconfigState(kernel: string): Promise<string> {
  const { stdout } = await run(['find', kernel, '-name', 'Kconfig*', '-type', 'f', '-printf', '%P %s %T@\\n']);
  return sha256(stdout.split('\n').sort().join('\n'));
}
