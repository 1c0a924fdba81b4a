import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';

/**
 * After kill -9 (or power loss) in the middle of make, the files that were being written are cut off, yet newer than
 * their sources, and kbuild would take them for finished: its .cmd files of an earlier build are still there.
 */

/** Seconds before the newest write in which a file may have been open. An assembler or linker writes for less. */
const WINDOW = 15;

/**
 * Removes what the last make of an interrupted compile stage may have left half-written.
 * Kconfig's own files are renamed into place and stay.
 * @returns how many files were removed
 */
export async function removeCutOff(obj: string, log: StageLog): Promise<number> {
  const { stdout } = await run(['find', obj, '-type', 'f', '-printf', '%T@\\t%P\\n']);
  const files = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [time = '0', path = ''] = line.split('\t');
      return { time: Number(time), path };
    })
    .filter(({ path }) => !/^\.config|^include\/config\/|^include\/(linux|generated)\/autoconf\.h$/.test(path));
  const newest = files.reduce((latest, { time }) => Math.max(latest, time), 0);
  const suspects = files.filter(({ time }) => time >= newest - WINDOW);
  for (const { path } of suspects) await rm(join(obj, path), { force: true });
  log.line(`the last build was cut off: removed ${String(suspects.length)} files it may have left half-written`);
  return suspects.length;
}
