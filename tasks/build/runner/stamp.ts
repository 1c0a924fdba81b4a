import { join } from 'node:path';
import { digestOf } from '../../lib/digest.js';
import { exists, readJson, remove, writeAtomic } from '../../lib/files.js';
import { StageLog } from '../../lib/log.js';
import type { StageProgress } from '../../lib/ui/stages.js';

/**
 * A stage is a function from named inputs to an output folder. Its stamp is written last and holds the key of the
 * inputs and the output: the same key and outputs that are still there mean that there is nothing to do.
 */

export const STAGES = ['fetch', 'unpack', 'patch', 'configure', 'compile', 'tools', 'package'] as const;
export type StageName = (typeof STAGES)[number];

/** The folder of one build. */
export class WorkFolder {
  constructor(readonly path: string) {}
  readonly join = (...parts: string[]): string => join(this.path, ...parts);
  get lock(): string {
    return this.join('lock');
  }
  log(stage: string): StageLog {
    return new StageLog(this.join('logs', `${stage}.log`));
  }
  stamp(stage: StageName): string {
    return this.join('stamps', `${stage}.json`);
  }
}

export interface Stamp<O> {
  key: string;
  output: O;
  /** Milliseconds the stage took when it really ran. */
  ms: number;
}

export interface StageRun {
  log: StageLog;
  progress: StageProgress;
}

/** What became of a stage, for the manifest and --json. */
export interface StageRecord {
  stage: StageName;
  status: 'done' | 'skipped';
  /** Milliseconds of work now (0 when skipped). */
  ms: number;
  /** Milliseconds it took when it last really ran. */
  builtIn: number;
  /** There is nothing to do for it in this kind of build. */
  needless?: true;
}

export interface StageSpec<O> {
  name: StageName;
  /** Everything the output depends on; JSON. */
  inputs: unknown;
  /** Paths that must still be there for the output to count. */
  outputs: (output: O) => string[];
  run: (stage: StageRun) => Promise<O>;
  /** Why there is nothing to do in this build: `run` only names what others made, and the stage counts as skipped. */
  skip?: string;
}

/**
 * Runs a stage unless its stamp says that nothing changed.
 * @param records gets what became of it
 */
export async function runStamped<O>(work: WorkFolder, spec: StageSpec<O>, progress: StageProgress, records: StageRecord[]): Promise<O> {
  const path = work.stamp(spec.name);
  const needless = spec.skip === undefined ? {} : { needless: true as const };
  const key = digestOf(spec.inputs);
  const stamp = (await readJson(path)) as Stamp<O> | undefined;
  if (stamp?.key === key) {
    const there = await Promise.all(spec.outputs(stamp.output).map(exists));
    if (there.every(Boolean)) {
      progress.skip(spec.skip ?? 'unchanged');
      records.push({ stage: spec.name, status: 'skipped', ms: 0, builtIn: stamp.ms, ...needless });
      return stamp.output;
    }
  }
  await remove(path);
  const log = work.log(spec.name);
  const start = Date.now();
  try {
    const output = await spec.run({ log, progress });
    const ms = Date.now() - start;
    await writeAtomic(path, `${JSON.stringify({ key, output, ms } satisfies Stamp<O>, null, 2)}\n`);
    if (spec.skip !== undefined) progress.skip(spec.skip);
    records.push({ stage: spec.name, status: spec.skip === undefined ? 'done' : 'skipped', ms: spec.skip === undefined ? ms : 0, builtIn: ms, ...needless });
    return output;
  } finally {
    log.close();
  }
}

/** The output of a stage that ran earlier; undefined when it has not, or was cut off. */
export async function stampedOutput<O>(work: WorkFolder, stage: StageName): Promise<O | undefined> {
  return ((await readJson(work.stamp(stage))) as Stamp<O> | undefined)?.output;
}
