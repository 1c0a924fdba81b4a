import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** Ports that the kernel gives to nobody by itself, and that no service has. */
function range(): { first: number; count: number } {
  const [low = 32_768, high = 60_999] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);
  return low > 12_000 ? { first: 10_240, count: low - 10_240 } : { first: high + 1, count: 65_535 - high };
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

let asked = 0;

/**
 * A port on loopback for a program that is started later, and perhaps again: no connection of another program has it
 * meanwhile, as one from listen(0) may, and other processes begin to look elsewhere.
 */
export async function lastingPort(): Promise<number> {
  const { first, count } = range();
  for (let tries = 0; tries < count; tries += 1) {
    const port = first + ((process.pid * 37 + asked) % count);
    asked += 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free between ${String(first)} and ${String(first + count - 1)}`);
}
