import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder in which artifacts are built that several slow test files use. */
    artifactWork: string;
  }
}

/** One folder for a run of the slow tests, gone at its end. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'bk-artifacts-'));
  project.provide('artifactWork', folder);
  return () => {
    rmSync(folder, { recursive: true, force: true });
  };
}
