import { patienceOf, type FetchContext } from './context.js';

/** Follows `git fetch --progress`: figures for the user, and an end to transfers that stall. */

const UNITS: Record<string, number> = { bytes: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Percent and bytes of a progress line, if it is one of the receiving phase. */
export function parseGitProgress(line: string): { percent: number; received: number; bytesPerSecond: number } | undefined {
  const match = /Receiving objects:\s+(\d+)% \(\d+\/\d+\)(?:, ([\d.]+) (bytes|[KMG]iB))?(?: \| ([\d.]+) (bytes|[KMG]iB)\/s)?/.exec(line);
  if (!match) return undefined;
  const size = (figure: string | undefined, unit: string | undefined): number => Number(figure ?? 0) * (UNITS[unit ?? ''] ?? 0);
  return { percent: Number(match[1]), received: size(match[2], match[3]), bytesPerSecond: size(match[4], match[5]) };
}

export interface GitWatch {
  onOutput: (chunk: string, stream: 'stdout' | 'stderr') => void;
  /** Fires when git has said nothing for too long. */
  signal: AbortSignal;
  stop: () => void;
}

/** Watches one `git fetch`. */
export function gitWatch(name: string, ctx: FetchContext): GitWatch {
  const stop = new AbortController();
  // git is silent while the server counts and while deltas are resolved on a slow disk: five times the patience of a download.
  const silence = patienceOf(ctx).stallSeconds * 5;
  const started = Date.now();
  const timer = setTimeout(() => stop.abort(`no data for ${String(silence)} s`), silence * 1000);
  let rest = '';
  return {
    signal: stop.signal,
    stop: () => clearTimeout(timer),
    onOutput: (chunk, stream) => {
      timer.refresh();
      if (stream !== 'stderr') return;
      const lines = (rest + chunk).split(/[\r\n]/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const seen = parseGitProgress(line);
        if (!seen) {
          // The rest of the progress lines would fill the log.
          if (!/\d+% \(/.test(line) && line.trim() !== '') ctx.log?.line(line);
          continue;
        }
        const elapsed = (Date.now() - started) / 1000;
        const etaSeconds = seen.percent > 0 ? (elapsed * (100 - seen.percent)) / seen.percent : undefined;
        ctx.progress?.({ name, received: seen.received, bytesPerSecond: seen.bytesPerSecond, etaSeconds });
      }
    },
  };
}
