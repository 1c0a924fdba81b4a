import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log file of one stage: gets every command and every line it printed. */
export class StageLog {
  readonly path: string;
  private fd: number | undefined;

  /** Starts the file anew; the folder is made when needed. */
  constructor(path: string) {
    this.path = path;
    mkdirSync(dirname(path), { recursive: true });
    this.fd = openSync(path, 'w');
  }

  /** Adds one line (without its newline). A disk that is full must not hide the real error, so a failed write is dropped. */
  line(text: string): void {
    if (this.fd === undefined) return;
    try {
      writeSync(this.fd, `${text}\n`);
    } catch {
      // The write that matters reports ENOSPC itself.
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}
