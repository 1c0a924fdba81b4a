import { afterAll } from 'vitest';

/**
 * What a test file started ends with it. Registered once per file, when this module is loaded: an afterAll that is
 * called from within beforeAll is not heeded.
 */
const jobs: (() => unknown)[] = [];
afterAll(async () => {
  for (const job of jobs.splice(0).reverse()) await job();
});

/** @param job what it returns is waited for; the last one comes first */
export function onCleanup(job: () => unknown): void {
  jobs.push(job);
}
