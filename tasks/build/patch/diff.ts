import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import { readEntryData, type Entry } from '../gitid.js';
import type { PatchOutput } from '../types.js';
import { findEdits, type Edit } from './edits.js';
import { quoteName } from './names.js';
import { readIndex, readPending, readState, writeIndex } from './state.js';
import type { Targets } from './rehearse.js';

export interface TreeDiff {
  /** The edits as a patch for the tree's root (-p1), as text; bytes that are no UTF-8 are lost here. */
  patch: string;
  /** The same, byte for byte: what a file or a pipe must get. */
  bytes: Buffer;
  /** Edited files, sorted by path. */
  files: string[];
  /** What the patch cannot carry. */
  warnings: string[];
}

/** After this many files had to be read for nothing, a new index is worth its writing. */
const STALE = 200;

/** One side of an edit: its bytes, and a file that holds them for diff(1). */
interface Side {
  entry: Entry;
  data: Buffer;
  file: string;
}

class DiffWriter {
  private readonly parts: Buffer[] = [];
  readonly warnings: string[] = [];

  constructor(
    private readonly output: Pick<PatchOutput, 'tree' | 'baseline'>,
    private readonly pristine: string,
    private readonly targets: Targets,
    private readonly temp: string,
  ) {}

  bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  async add(edit: Edit): Promise<void> {
    const { path } = edit;
    const was = edit.was && (await this.side(edit.was, join(this.targets[path] === undefined ? this.pristine : this.output.baseline, path), 'old'));
    const is = edit.is && (await this.side(edit.is, join(this.output.tree, path), 'new'));
    if ([was, is].some((side) => side && side.entry.mode !== '120000' && side.data.subarray(0, 8000).includes(0))) {
      this.warnings.push(`${path} is a binary file: its ${was ? (is ? 'change' : 'removal') : 'content'} is not in the patch.`);
    } else if (was && is && (was.entry.mode === '120000') !== (is.entry.mode === '120000')) {
      // As git does it: a link that becomes a file, or the reverse, is removed and made anew.
      await this.section(path, was, null);
      await this.section(path, null, is);
    } else await this.section(path, was, is);
  }

  private async side(entry: Entry, path: string, name: string): Promise<Side> {
    const found = await readEntryData(path);
    if (!found) throw new ExpectedError({ code: 'patch', what: `${path} went away while it was compared.`, fix: 'Run the command again.' });
    if (entry.mode !== '120000') return { entry, data: found.data, file: path };
    const file = join(this.temp, name);
    await writeFile(file, found.data);
    return { entry, data: found.data, file };
  }

  private async section(path: string, was: Side | null, is: Side | null): Promise<void> {
    const [a, b] = [quoteName(`a/${path}`), quoteName(`b/${path}`)];
    const lines = [`diff --git ${a} ${b}`];
    if (!was) lines.push(`new file mode ${is!.entry.mode}`);
    else if (!is) lines.push(`deleted file mode ${was.entry.mode}`);
    else if (was.entry.mode !== is.entry.mode) lines.push(`old mode ${was.entry.mode}`, `new mode ${is.entry.mode}`);
    if (was?.entry.id !== is?.entry.id) {
      const none = '0'.repeat(12);
      const mode = was && is && was.entry.mode === is.entry.mode ? ` ${is.entry.mode}` : '';
      lines.push(`index ${was?.entry.id.slice(0, 12) ?? none}..${is?.entry.id.slice(0, 12) ?? none}${mode}`);
    }
    const hunks = await this.hunks(was, is);
    if (hunks.length > 0) lines.push(`--- ${was ? a : '/dev/null'}`, `+++ ${is ? b : '/dev/null'}`);
    this.parts.push(Buffer.from(`${lines.join('\n')}\n`), hunks);
  }

  /** The hunks, by GNU diff; through a file, because they may hold bytes that are no UTF-8. */
  private async hunks(was: Side | null, is: Side | null): Promise<Buffer> {
    const out = join(this.temp, 'hunks');
    const names = [was?.file ?? '/dev/null', is?.file ?? '/dev/null'] as const;
    await run(['sh', '-c', 'exec diff "$@" >"$0"', out, '-u', '-p', '--text', '--label', 'a', '--label', 'b', ...names], {
      ok: [0, 1],
      fail: { code: 'patch', what: 'GNU diff failed.' },
    });
    const text = await readFile(out);
    const start = text.indexOf('\n@@ ');
    return start < 0 ? Buffer.alloc(0) : text.subarray(start + 1);
  }
}

/**
 * What was edited by hand in a prepared tree, against the tree as the series left it.
 * @param pristine root of the pristine tree
 * @returns a patch that applies with `patch -p1 -F0` in the tree's root, sorted by path and without times: the same edits
 *   give the same bytes
 * @throws ExpectedError patch when the tree was never finished
 */
export async function diffTree(output: Pick<PatchOutput, 'tree' | 'baseline'>, pristine: string): Promise<TreeDiff> {
  const state = await readState(output.baseline);
  if (!state || (await readPending(output.baseline)).length > 0) {
    throw new ExpectedError({
      code: 'patch',
      what: `The tree is not ready: ${output.tree}`,
      why: 'The patch stage has not come to its end there.',
      fix: 'Run build-kernel build (or prepare) first; it goes on where it stopped.',
    });
  }
  const { targets } = state;
  // The tree's own base: the one at hand may be newer. After the cache was moved only the one at hand is there.
  const base = (await exists(state.pristine)) ? state.pristine : pristine;
  const { edits, read } = await findEdits({ tree: output.tree, pristine: base, targets, index: await readIndex(output.baseline) });
  // A tree that was copied or restored has other times everywhere: read it all once, not each time.
  if (edits.length === 0 && read > STALE) await writeIndex(output.baseline, output.tree);
  const temp = await mkdtemp(join(tmpdir(), 'build-kernel-diff-'));
  try {
    const writer = new DiffWriter(output, base, targets, temp);
    for (const edit of edits) await writer.add(edit);
    const bytes = writer.bytes();
    return { patch: bytes.toString('utf8'), bytes, files: edits.map(({ path }) => path), warnings: writer.warnings };
  } finally {
    await remove(temp);
  }
}
