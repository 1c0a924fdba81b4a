import { stripVTControlCharacters } from 'node:util';

/** Where lines go; a WriteStream, or a test's own. */
export interface LineSink {
  write(text: string): unknown;
}

/** Milliseconds between two progress lines of one stage: a CI log wants signs of life, not a film. */
const PROGRESS_EVERY = 10_000;

/** Writes `2026-11-30T12:00:00Z Title: text` lines, one per event. */
export class PlainLines {
  private readonly lastProgress = new Map<string, number>();
  private readonly held = new Map<string, NodeJS.Timeout>();

  /**
   * @param sink where the lines go
   * @param every milliseconds between two progress lines of a stage (0: all of them)
   * @param now clock, milliseconds since the epoch
   */
  constructor(
    private readonly sink: LineSink,
    private readonly every: number = PROGRESS_EVERY,
    private readonly now: () => number = Date.now,
  ) {}

  /** Something that must be seen. A text of several lines becomes several stamped lines. */
  event(title: string, text: string): void {
    const stamp = new Date(this.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    for (const line of stripVTControlCharacters(text).split(/[\r\n]+/)) {
      if (line.trim() !== '') this.sink.write(`${stamp} ${title}: ${line.trimEnd()}\n`);
    }
  }

  /**
   * Progress: the first is written, then one each `every` milliseconds. What comes in between is held back until its
   * time has come, unless another takes its place: nothing may follow it for minutes.
   */
  progress(title: string, text: string): void {
    this.done(title);
    const now = this.now();
    const wait = (this.lastProgress.get(title) ?? -Infinity) + this.every - now;
    if (wait > 0) {
      const timer = setTimeout(() => {
        this.progress(title, text);
      }, wait);
      this.held.set(title, timer.unref());
      return;
    }
    this.lastProgress.set(title, now);
    this.event(title, text);
  }

  /** The stage has ended: what is held back is of the past. */
  done(title: string): void {
    clearTimeout(this.held.get(title));
    this.held.delete(title);
  }
}
