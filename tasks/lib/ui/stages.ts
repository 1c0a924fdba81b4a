import { stripVTControlCharacters } from 'node:util';
import { DefaultRenderer, Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput, type ListrTask } from 'listr2';
import { chooseLook, type Look } from './choose.js';
import { formatDuration } from './format.js';
import { PlainLines } from './plain.js';

/** Runs a verb's stages one after another and shows how far they are. The look is chosen in choose.ts. */

/** What a stage may say while it runs. */
export interface StageProgress {
  /** The present figure ("312 of 400 objects, 0:40 left"); a later one replaces it. */
  progress(text: string): void;
  /** Something that stays on the screen (a warning, a path). */
  note(text: string): void;
  /** The stage had nothing to do; say why ("same inputs as the last build"). The stage then returns by itself. */
  skip(reason: string): void;
}

export interface StageTask {
  title: string;
  /** False: the stage is left out and not shown. */
  enabled?: boolean;
  run(p: StageProgress): Promise<void>;
}

export interface RunStagesOptions {
  json?: boolean;
  /** Plain lines with every progress text, also on a terminal. */
  verbose?: boolean;
  /** A stage hands the terminal to another program: plain lines, nothing redrawn. */
  interactive?: boolean;
  /** Progress goes to standard error: standard output is for results. */
  stderr?: NodeJS.WriteStream;
  stdout?: NodeJS.WriteStream;
  env?: Record<string, string | undefined>;
  /** Overrides the choice (tests). */
  look?: Look;
}

export interface StageResult {
  title: string;
  status: 'done' | 'skipped' | 'failed';
  /** Milliseconds. */
  ms: number;
  /** Why it was skipped. */
  reason?: string;
}

/** listr2's list also for a terminal on standard error while standard output is a pipe; its own check looks at standard output only. */
class TerminalRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** One event stream of a stage, whatever shows it. */
interface View {
  started(): void;
  progress(text: string): void;
  note(text: string): void;
  skipped(reason: string): void;
  finished(result: StageResult): void;
}

const SILENT: View = { started() {}, progress() {}, note() {}, skipped() {}, finished() {} };

function plainView(title: string, lines: PlainLines): View {
  return {
    started: () => lines.event(title, 'started'),
    progress: (text) => lines.progress(title, text),
    note: (text) => lines.event(title, text),
    skipped: (reason) => lines.event(title, `skipped: ${reason}`),
    finished: ({ status, ms }) => {
      lines.done(title);
      if (status !== 'skipped') lines.event(title, `${status} after ${formatDuration(ms)}`);
    },
  };
}

type Wrapper = Parameters<ListrTask<unknown, typeof TerminalRenderer>['task']>[1];

/** Progress stands in the title, where it is replaced; notes stand below it and stay. */
function terminalView(title: string, task: Wrapper): View {
  const line = (text: string): string => stripVTControlCharacters(text).trim();
  return {
    started: () => {},
    progress: (text) => {
      task.title = `${title}: ${line(text).split('\n').pop() ?? ''}`;
    },
    note: (text) => {
      task.output = line(text);
    },
    skipped: (reason) => {
      task.title = title;
      task.skip(`${title}: ${line(reason)}`);
    },
    finished: () => {
      task.title = title;
    },
  };
}

async function runStage(stage: StageTask, view: View, results: StageResult[]): Promise<void> {
  const start = Date.now();
  const result: StageResult = { title: stage.title, status: 'done', ms: 0 };
  results.push(result);
  view.started();
  try {
    await stage.run({
      progress: (text) => {
        if (result.status === 'done') view.progress(text);
      },
      note: (text) => view.note(text),
      skip: (reason) => {
        result.status = 'skipped';
        result.reason = reason;
        view.skipped(reason);
      },
    });
  } catch (error) {
    result.status = 'failed';
    throw error;
  } finally {
    result.ms = Date.now() - start;
    view.finished(result);
  }
}

/** A list that was hidden by a signal or a bug must give the cursor back. */
function withCursor<T>(stream: NodeJS.WriteStream, work: () => Promise<T>): Promise<T> {
  // Taken before listr2 puts its buffer in the stream's place.
  const write = stream.write.bind(stream);
  const show = (): void => {
    write('\u001B[?25h');
  };
  process.once('exit', show);
  return work().finally(() => process.removeListener('exit', show));
}

async function runOnTerminal(stages: StageTask[], options: RunStagesOptions, results: StageResult[]): Promise<void> {
  const stderr = options.stderr ?? process.stderr;
  const stdout = options.stdout ?? process.stdout;
  // ProcessOutput draws on its first stream: it is given standard error there.
  const logger = new ListrLogger<ListrDefaultRendererLogLevels>({
    useIcons: true,
    toStderr: [],
    processOutput: new ProcessOutput(stderr, stdout, { leaveEmptyLine: false }),
  });
  const list = new Listr<unknown, typeof TerminalRenderer>(
    stages.map((stage) => ({
      title: stage.title,
      rendererOptions: { outputBar: Infinity, persistentOutput: true },
      task: (_context: unknown, task: Wrapper) => runStage(stage, terminalView(stage.title, task), results),
    })),
    {
      renderer: TerminalRenderer,
      rendererOptions: {
        logger,
        collapseErrors: false,
        // The caller prints the error, whole, after the list.
        showErrorMessage: false,
        collapseSkips: true,
        timer: { condition: (ms) => ms >= 100, field: (ms) => formatDuration(ms), format: () => (text) => text ?? '' },
      },
      // lib/exec owns the signals: listr2's handler would exit with 127 at once and orphan the children.
      registerSignalListeners: false,
    },
  );
  await withCursor(stderr, () => list.run());
}

/**
 * Runs the stages in order; the first failure ends the run.
 * Progress is shown on standard error: redrawn on a terminal, timestamped lines in a pipe or a CI job, nothing with `json`.
 * @returns what became of each stage that ran, in order
 * @throws whatever a stage throws, unchanged
 */
export async function runStages(tasks: readonly StageTask[], options: RunStagesOptions = {}): Promise<StageResult[]> {
  const stages = tasks.filter((task) => task.enabled !== false);
  const results: StageResult[] = [];
  const look = options.look ?? chooseLook(options);
  if (look === 'terminal') {
    await runOnTerminal(stages, options, results);
    return results;
  }
  const lines = new PlainLines(options.stderr ?? process.stderr, options.verbose ? 0 : undefined);
  for (const stage of stages) await runStage(stage, look === 'silent' ? SILENT : plainView(stage.title, lines), results);
  return results;
}
