import type { FetchContext } from './context.js';

/** Called with bytes in hand and, when known, bytes of the whole. `last` reports whatever the time since the report before. */
export type Meter = (received: number, total: number | undefined, last?: boolean) => void;

/** Seconds the mean rate looks back. */
const WINDOW = 5;
const EVERY_MS = 250;

/** Turns byte counts into rate and remaining time, a few times per second. */
export function meter(name: string, ctx: FetchContext): Meter {
  const samples: { at: number; received: number }[] = [];
  let reported = 0;
  return (received, total, last = false) => {
    const at = Date.now();
    const newest = samples.at(-1);
    // Fewer bytes than before: the transfer was started anew, and so is the mean.
    if (newest && received < newest.received) samples.length = 0;
    if (samples.length === 0 || last || at - reported >= EVERY_MS) {
      samples.push({ at, received });
      while (samples.length > 2 && at - (samples[0]?.at ?? at) > WINDOW * 1000) samples.shift();
      const first = samples[0] ?? { at, received };
      const seconds = (at - first.at) / 1000;
      const bytesPerSecond = seconds > 0 ? (received - first.received) / seconds : 0;
      const etaSeconds = total !== undefined && bytesPerSecond > 0 ? (total - received) / bytesPerSecond : undefined;
      reported = at;
      ctx.progress?.({ name, received, total, bytesPerSecond, etaSeconds });
    }
  };
}
