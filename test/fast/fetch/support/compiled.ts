import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The library as JavaScript, for tests that need a process of their own (to kill it, to run two at once). */

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');

/** Transpiles tasks/lib into a folder. Returns the URL of lib/fetch/index.js. */
export function compileLibrary(into: string): string {
  const from = join(repository, 'tasks', 'lib');
  for (const name of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const target = join(into, 'lib', name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    const { outputText } = ts.transpileModule(readFileSync(join(from, name), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
    });
    writeFileSync(target, outputText);
  }
  symlinkSync(join(repository, 'node_modules'), join(into, 'node_modules'));
  writeFileSync(join(into, 'package.json'), '{"type":"module"}');
  return `file://${join(into, 'lib', 'fetch', 'index.js')}`;
}
