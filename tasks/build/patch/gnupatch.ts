import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';
import type { FileResult } from '../types.js';

/** GNU patch, run so that it never asks, never guesses and leaves nothing behind. */

export interface GnuPatchOptions {
  /** Folder in which the patch is applied. */
  cwd: string;
  /** The patch: a file, or its bytes in a file of ours. */
  patchFile: string;
  strip: number;
  fuzz: number;
  reverse?: boolean;
  dryRun?: boolean;
  log?: StageLog;
}

export interface GnuPatchResult {
  /** 0: all hunks applied; 1: some did not; 2: it could not even read the patch. */
  exitCode: number;
  files: FileResult[];
  /** What it complained about (missing files, refused paths), one line each. */
  complaints: string[];
}

const FILE = /^(?:patching|checking) (?:file|symbolic link) (.+?)(?: \((?:renamed|copied) from .*\))?$/;
const HUNK = /^Hunk #(\d+) (succeeded|FAILED|ignored|skipped)(?: at (-?\d+))?(?: with fuzz (\d+))?(?: \(offset (-?\d+) lines?\))?/;
const COMPLAINT =
  /^patch: \*{4}|^can't find file to patch|^File .* (?:is not|git binary)|^Ignoring potentially dangerous|^Cannot|^The next patch would|^which (?:does not|already) exist|^Not deleting file|^No file to patch|hunks? ignored|binary diffs are not supported|refusing to patch|^Unreversed patch|^Reversed \(or/;

/**
 * Applies a patch with GNU patch (or only tries to).
 * `--force` keeps it from asking and from silently reversing; hunks that fail stay failures.
 */
export async function gnuPatch(options: GnuPatchOptions): Promise<GnuPatchResult> {
  const { exitCode, stdout, stderr } = await run(
    [
      'patch',
      `-p${String(options.strip)}`,
      `-F${String(options.fuzz)}`,
      '--unified',
      '--force',
      '--verbose',
      '--no-backup-if-mismatch',
      '--reject-file=-',
      '--quoting-style=literal',
      '--get=0',
      ...(options.reverse ? ['--reverse'] : []),
      ...(options.dryRun ? ['--dry-run'] : []),
      '--input',
      options.patchFile,
    ],
    {
      cwd: options.cwd,
      // Each of these would change how GNU patch names, keeps or reads files.
      env: { POSIXLY_CORRECT: undefined, PATCH_GET: undefined, QUOTING_STYLE: undefined, VERSION_CONTROL: undefined, PATCH_VERSION_CONTROL: undefined, SIMPLE_BACKUP_SUFFIX: undefined },
      ok: [0, 1, 2],
      log: options.log,
    },
  );
  return { exitCode, ...readOutput(`${stdout}\n${stderr}`) };
}

/** Files, hunks and complaints from `patch --verbose` output. */
export function readOutput(text: string): Pick<GnuPatchResult, 'files' | 'complaints'> {
  const files: FileResult[] = [];
  const complaints: string[] = [];
  for (const line of text.split('\n')) {
    const file = FILE.exec(line);
    const hunk = HUNK.exec(line);
    if (file) files.push({ file: file[1]!, hunks: [] });
    else if (hunk) {
      const ok = hunk[2] === 'succeeded';
      files.at(-1)?.hunks.push({ number: Number(hunk[1]), offset: Number(hunk[5] ?? 0), fuzz: Number(hunk[4] ?? 0), ok });
    } else if (COMPLAINT.test(line)) complaints.push(line);
  }
  return { files, complaints };
}
