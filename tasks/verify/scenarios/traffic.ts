/** Speaks with the guests' traffic program: its arguments, and what it prints (templates/guest/client.c, ping.c, serve.c). */

/** "203.0.113.100:5001" */
export interface EndPoint {
  address: string;
  port: number;
}

export function parseEndPoint(text: string): EndPoint {
  const at = text.lastIndexOf(':');
  return { address: text.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(text.slice(at + 1)) };
}

export interface Connection {
  ok: boolean;
  /** What the client's end calls itself, and what the server saw. */
  local?: EndPoint;
  seen?: EndPoint;
  error?: string;
  /** With -H: after the wait. */
  kept?: boolean;
}

export interface ConnectOptions {
  udp?: boolean;
  count?: number;
  /** Source address. */
  from?: string;
  /** First source port. */
  port?: number;
  /** ms */
  timeout?: number;
  /** Keep connections open this long, then ask again, ms. */
  hold?: number;
  /** At most so many on their way at once. */
  parallel?: number;
  /** UDP: bytes of the question and of the answer. */
  size?: number;
}

/** `traffic connect`, and the longest it can take, ms. */
export function connectCommand(host: string, port: number, options: ConnectOptions): { argv: string[]; longest: number } {
  const { udp, count = 1, from, port: sourcePort, timeout = 3000, hold, parallel, size } = options;
  const numbers: [string, number | undefined][] = [['-n', count], ['-p', sourcePort], ['-T', timeout], ['-H', hold], ['-j', parallel], ['-s', size]];
  return {
    argv: [
      'traffic', 'connect',
      ...(udp ? ['-u'] : []),
      ...(from === undefined ? [] : ['-b', from]),
      ...numbers.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)])),
      host, String(port),
    ],
    // 64 at once is what the program does by itself.
    longest: timeout * (2 + Math.ceil(count / (parallel ?? 64))) + 2 * (hold ?? 0) + 10_000,
  };
}

/** Output of `connect`. */
export function parseConnections(text: string): Connection[] {
  const found: Connection[] = [];
  for (const line of text.split('\n')) {
    const [number, word, first = '', second = ''] = line.split(' ');
    const index = Number(number);
    if (word === 'ok') found[index] = { ok: true, local: parseEndPoint(first), seen: parseEndPoint(second) };
    else if (word === 'err') found[index] = { ok: false, error: first };
    else if (word === 'kept' || word === 'lost') found[index] = { ...(found[index] ?? { ok: false }), kept: word === 'kept', ...(word === 'lost' ? { error: first } : {}) };
  }
  return found;
}

/** `count` values, and all of them so: a list that came out empty proves nothing. */
export function allOf<T>(values: readonly T[], count: number, so: (value: T) => boolean): boolean {
  return count > 0 && values.length === count && values.every(so);
}

/** How often each value occurs, the most frequent first. */
export function tally(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return new Map([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)));
}

/** "100 × 203.0.113.100, 200 × 203.0.113.101" */
export function showTally(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([value, count]) => `${String(count)} × ${value}`).join(', ') || 'none';
}

export interface Ping {
  /** reply, unreachable, exceeded, toobig, timeout, err */
  kind: string;
  rest: string;
}

export function parsePings(text: string): Ping[] {
  return text
    .split('\n')
    .map((line) => /^\d+ (\w+) ?(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ kind: match[1] ?? '', rest: match[2] ?? '' }));
}
