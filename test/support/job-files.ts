import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../../tasks/lib/paths.js';

/** The ready-made job files, parsed. */

export interface Workflow {
  jobs: Record<string, { steps: { name?: string; run?: string }[] }>;
}
export interface Pipeline {
  [job: string]: { before_script?: string[]; script?: string[] };
}

export const GITHUB = 'ci/github/build-kernel.yml';
export const GITLAB = 'ci/gitlab/build-kernel.gitlab-ci.yml';

export const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
export const workflow = parse(read(GITHUB)) as Workflow;
export const pipeline = { ...(parse(read(GITLAB)) as Pipeline), ...(parse(read('ci/gitlab/flavour.gitlab-ci.yml')) as Pipeline) };

export const lines = (text: string): string[] => text.split('\n').map((line) => line.trim()).filter((line) => line !== '');
/** The script of a step of the GitHub workflow. */
export const step = (job: string, name: string): string => workflow.jobs[job]?.steps.find((each) => each.name === name)?.run ?? '';
