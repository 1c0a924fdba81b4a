import { ExpectedError } from '../errors.js';

/** What the transports and the download loop say to each other. */

/** A place could not give a file (yet). Never reaches the user as it is. */
export class TransferFailure extends Error {
  /** Ask this place again, or go to the next one. */
  readonly next: 'retry' | 'mirror';
  /** Milliseconds the server wants us to wait. */
  readonly waitMs?: number;

  constructor(next: 'retry' | 'mirror', message: string, waitMs?: number) {
    super(message);
    this.name = 'TransferFailure';
    this.next = next;
    this.waitMs = waitMs;
  }
}

export interface TransferRequest {
  /** File name. */
  name: string;
  /** The bytes can be checked afterwards, so a part of unknown or other origin may be continued. */
  provable: boolean;
  onBytes: (received: number, total: number | undefined) => void;
}

/** True when text that should be a file is a web page: a login wall, a "not found" served with status 200. */
export function looksLikeHtml(start: Buffer, name: string): boolean {
  return !/\.x?html?$/i.test(name) && /^\uFEFF?\s*(<!--[\s\S]*?-->\s*)?<(!doctype\s+html|html[\s>])/i.test(start.subarray(0, 1024).toString('utf8'));
}

/** A file is refused for a reason that lies with us (a key or a permission is missing): it is kept, and no other place is asked. */
export class HeldError extends ExpectedError {}
