import { join } from 'node:path';
import { sha256 } from '../../lib/digest.js';
import type { Target } from '../types.js';
import type { Bundle } from './bundle.js';
import { engine } from './driver.js';
import { ENGINE, ENGINE_FOLDER, engineScript } from './engine.js';

export interface UploadProgress {
  /** Bytes sent or there already, and in all. */
  done: number;
  total: number;
}

/** Makes the run's folder. Prints the run's state, and the names and digests of what is there already. Nothing is taken away: another may be at work with it. */
const PREPARE = `
umask 077
home=$ROOT${ENGINE_FOLDER}
[ -d "$ROOT/var/lib" ] || (umask 022; mkdir -p "$ROOT/var/lib") || exit 1
mkdir -p "$home/runs/$1" && chmod 700 "$home" "$home/runs" || exit 1
cd "$home/runs/$1" || exit 1
state=
[ ! -f state ] || read -r state <state
printf 'state %s\\n' "$state"
[ ! -f ../../engine ] || sha256sum ../../engine
for file in payload.* parts index undo boot activate deactivate restored; do
  [ ! -f "$file" ] || sha256sum "$file"
done
exit 0
`;

/** States in which the engine reads the run's files yet. */
const NEEDS_FILES: readonly string[] = ['', 'staged', 'reverted', 'applying'];

/**
 * Sends the engine and a bundle; what is there already is not sent again. The run is then staged: nothing is changed yet.
 * @throws ExpectedError network when the connection breaks: call it again, it goes on; busy when another is at work on the host
 */
export async function upload(target: Target, bundle: Bundle, onProgress?: (progress: UploadProgress) => void): Promise<void> {
  const { stdout } = await target.sh(PREPARE, [bundle.id]);
  const there = new Map<string, string>();
  let state = '';
  for (const line of stdout.split('\n')) {
    const [first = '', second = ''] = line.split(/ +/);
    if (first === 'state') state = second;
    else there.set(second.replace(/^\*/, ''), first);
  }
  const script = await engineScript();
  if (there.get('../../engine') !== sha256(script)) await target.put(ENGINE, Buffer.from(script), 0o700);
  const total = bundle.files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const { name, sha256: digest, size } of NEEDS_FILES.includes(state) ? bundle.files : []) {
    if (there.get(name) !== digest) await target.put(`${ENGINE_FOLDER}/runs/${bundle.id}/${name}`, { file: join(bundle.folder, name) }, 0o600);
    done += size;
    onProgress?.({ done, total });
  }
  await engine(target, 'stage', bundle.id);
}
