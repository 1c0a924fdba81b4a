import { afterAll } from 'vitest';

/**
 * What a test file started ends with it. Registered once per file, when this module is loaded: an afterAll that is
 * called from within beforeAll is not heeded.
 */
const jobs: (() => void)[] = [];
afterAll(() => {
  for (const job of jobs.splice(0).reverse()) job();
});

export function onCleanup(job: () => void): void {
  jobs.push(job);
}
