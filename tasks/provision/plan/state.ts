import { ExpectedError } from '../../lib/errors.js';
import type { Target } from '../types.js';

/** What the paths of a plan are now: one script for all of them, thousands of modules too. */

export type PathState =
  | { kind: 'absent' }
  | { kind: 'file'; sha256: string; /** Permission bits. */ mode: number; /** Owner. */ uid: number; /** Bytes. */ size: number }
  | { kind: 'link'; to: string }
  | { kind: 'folder' | 'other' };

/** $ROOT, and the paths as a here-document of the function `paths`. */
const SCRIPT = `
files() { paths | while IFS= read -r p; do [ ! -L "$ROOT$p" ] && [ -f "$ROOT$p" ] && printf '%s\\0' "$ROOT$p"; done; }
paths | while IFS= read -r p; do
  if [ -L "$ROOT$p" ]; then printf 'link\\t%s\\t%s\\n' "$p" "$(readlink "$ROOT$p")"
  elif [ -f "$ROOT$p" ]; then :
  elif [ -d "$ROOT$p" ]; then printf 'folder\\t%s\\n' "$p"
  elif [ -e "$ROOT$p" ]; then printf 'other\\t%s\\n' "$p"
  fi
done
echo digests
files | xargs -0 -n 100 sha256sum || [ -z "$(files | head -c 1 | tr '\\0' x)" ] || exit 9
echo modes
files | xargs -0 -n 100 stat -c '%a %u %s %n' || [ -z "$(files | head -c 1 | tr '\\0' x)" ] || exit 9
echo end
`;

/**
 * @param paths absolute on the host
 * @returns the state of every path
 * @throws ExpectedError provision when a file cannot be read
 */
export async function readState(target: Target, paths: readonly string[]): Promise<Map<string, PathState>> {
  for (const path of paths) {
    if (!/^\/[^\n\t\\]*$/.test(path)) throw new ExpectedError({ code: 'usage', what: `A file on a host cannot be called ${JSON.stringify(path)}.`, fix: 'Use names without control characters and backslashes.' });
  }
  const states = new Map<string, PathState>(paths.map((path) => [path, { kind: 'absent' }]));
  if (paths.length === 0) return states;
  const mark = 'end of the paths';
  const { stdout } = await target.sh(`paths() {\ncat <<'${mark}'\n${paths.join('\n')}\n${mark}\n}\n${SCRIPT}`, [], { timeout: 600_000 });
  const lines = stdout.split('\n');
  const digestsAt = lines.indexOf('digests');
  const modesAt = lines.indexOf('modes', digestsAt);
  if (digestsAt === -1 || modesAt === -1 || lines.at(-1) !== 'end') {
    throw new ExpectedError({ code: 'provision', what: `The files of ${target.name} could not be read.`, why: lines.slice(-5).join('\n') });
  }
  for (const line of lines.slice(0, digestsAt)) {
    const [kind, path = '', to = ''] = line.split('\t');
    if (!states.has(path)) continue;
    if (kind === 'link') states.set(path, { kind, to });
    else if (kind === 'folder' || kind === 'other') states.set(path, { kind });
  }
  const digests = new Map<string, string>();
  for (const line of lines.slice(digestsAt + 1, modesAt)) {
    // "DIGEST  PATH", "DIGEST *PATH" where the tool reads in binary mode.
    const match = /^([0-9a-f]{64})[ ][ *](.*)$/.exec(line);
    if (match) digests.set(match[2]!.slice(target.root.length), match[1]!);
  }
  for (const line of lines.slice(modesAt + 1, -1)) {
    const match = /^([0-7]+) (\d+) (\d+) (.*)$/.exec(line);
    const path = match?.[4]?.slice(target.root.length);
    const sha256 = path === undefined ? undefined : digests.get(path);
    if (match && path !== undefined && sha256 !== undefined && states.has(path)) states.set(path, { kind: 'file', sha256, mode: Number.parseInt(match[1]!, 8), uid: Number(match[2]), size: Number(match[3]) });
  }
  return states;
}

/** A state as an engine's index names it: sha256 of a file, "link TARGET", "absent". */
export function stateWord(state: PathState): string {
  switch (state.kind) {
    case 'file':
      return state.sha256;
    case 'link':
      return `link ${state.to}`;
    default:
      return 'absent';
  }
}
