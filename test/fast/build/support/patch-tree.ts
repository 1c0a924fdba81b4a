import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import type { ApplyInput } from '../../../../tasks/build/patch/index.js';
import type { SeriesPatch } from '../../../../tasks/build/types.js';

/** Small trees and patches for the tests of the patch stage. Contents by path; "->target" is a symbolic link. */
export type Files = Record<string, string>;

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function tempDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bk-patch-'));
  made.push(folder);
  return folder;
}

export function writeTree(root: string, files: Files): string {
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    rmSync(full, { force: true });
    if (content.startsWith('->')) symlinkSync(content.slice(2), full);
    else writeFileSync(full, content, 'latin1');
  }
  return root;
}

/** All files of a tree: content (latin1), "x:" before that of executables, "->target" for links. */
export function readTree(root: string): Files {
  const files: Files = {};
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isSymbolicLink()) files[path] = `->${readlinkSync(join(root, path))}`;
      else files[path] = `${(lstatSync(join(root, path)).mode & 0o100) !== 0 ? 'x:' : ''}${readFileSync(join(root, path), 'latin1')}`;
    }
  };
  walk('.');
  return Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A patch between two trees, by git's or GNU diff's own program: the tests must not trust our writer. */
export function makePatch(before: Files, after: Files, how: 'git' | 'diff' = 'git', exec: string[] = []): string {
  const work = tempDir();
  writeTree(join(work, 'a'), before);
  writeTree(join(work, 'b'), after);
  mkdirSync(join(work, 'a'), { recursive: true });
  for (const path of exec) chmodSync(join(work, 'b', path), 0o755);
  const argv = how === 'git' ? ['git', 'diff', '--no-index', '--no-prefix', '--no-renames', 'a', 'b'] : ['diff', '-urN', '--no-dereference', 'a', 'b'];
  try {
    return execFileSync(argv[0]!, argv.slice(1), { cwd: work, encoding: 'latin1', env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', TZ: 'UTC' } });
  } catch (error) {
    // Exit status 1: they differ.
    if (typeof error === 'object' && error !== null && 'stdout' in error && typeof error.stdout === 'string' && error.stdout !== '') return error.stdout;
    throw error;
  }
}

/** Lines "1 name", "2 name", … with some replaced. */
export function numbered(name: string, count: number, changes: Record<number, string> = {}): string {
  return Array.from({ length: count }, (_, index) => `${changes[index + 1] ?? `${String(index + 1)} ${name}`}\n`).join('');
}

/** A work folder with a pristine tree, and the input of applySeries for it. */
export class Lab {
  readonly root = tempDir();
  readonly pristine: string;
  private count = 0;

  constructor(files: Files) {
    this.pristine = writeTree(join(this.root, 'pristine'), files);
  }

  patch(text: string, options: Partial<SeriesPatch> = {}): SeriesPatch {
    this.count += 1;
    const name = options.name ?? `p${String(this.count)}`;
    const path = join(this.root, `${name}.patch`);
    writeFileSync(path, text, 'latin1');
    return { name, from: 'flavour', path, sha256: '', strip: 1, dir: '.', fuzz: 0, drop: [], ...options };
  }

  input(series: SeriesPatch[], more: Partial<ApplyInput> = {}): ApplyInput {
    return {
      pristine: this.pristine,
      kernel: '.',
      series,
      remove: [],
      treeDir: this.tree,
      baselineDir: join(this.root, 'baseline'),
      flavour: 'test',
      ...more,
    };
  }

  get tree(): string {
    return join(this.root, 'tree');
  }
}
