import { POOL } from '../../lab/topology.js';
import type { Context, Subject } from '../context.js';
import { showTally, tally, type Connection } from '../traffic.js';

/** What the scenarios of nat-snat share. */

/** For `notFor`: claims that only nat-snat makes. */
export const onlyNatSnat = ({ language }: Subject): string | undefined => (language === 'nat-snat' ? undefined : "nat-snat's own claim");

/** For `notFor`: pools are chosen by marks, which iptables sets. */
export const needsMarks = ({ programs }: Subject): string | undefined => (programs.includes('iptables') ? undefined : 'its gateway has no iptables, which marks');

/** Folder of its settings. */
export const SETTINGS = '/proc/sys/net/ipv4/vs';

/** A number of /proc/net/ip_vs_snat; NaN when it has no such line. */
export async function counter(context: Context, name: string): Promise<number> {
  const { stdout } = await context.run('gateway', `awk '$1 == "${name}" { print $2 }' /proc/net/ip_vs_snat`);
  return stdout.trim() === '' ? NaN : Number(stdout.trim());
}

/** What the server saw of each connection, or why there was none. */
export function peers(connections: readonly Connection[]): Map<string, number> {
  return tally(connections.map(({ seen, error }) => seen?.address ?? error ?? '?'));
}

/** Looks whether each pool address got its number of connections. */
export function checkShares(context: Context, what: string, connections: readonly Connection[], shares: readonly number[]): boolean {
  const seen = peers(connections);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const expected = shares.map((share, index) => `${String(share)} × ${POOL[index] ?? '?'}`).join(', ');
  return context.check(what, expected, showTally(seen), connections.length === total && shares.every((share, index) => (seen.get(POOL[index] ?? '') ?? 0) === share));
}

/** What came of connections that stay open: lines of `traffic flows`. */
export function readFlows(text: string): { alive: boolean; address: string; longest: number }[] {
  return text
    .split('\n')
    .map((line) => /^\d+ (alive|lost) (\S+) .*longest gap (\d+)/.exec(line))
    .filter((match) => match !== null)
    .map(([, word, seen = '', gap]) => ({ alive: word === 'alive', address: seen.slice(0, seen.lastIndexOf(':')), longest: Number(gap) }));
}

/** All of `count` open connections talked to their end. */
export function checkAlive(context: Context, what: string, text: string, count: number): boolean {
  const flows = readFlows(text);
  const alive = flows.filter((flow) => flow.alive);
  const longest = Math.max(0, ...alive.map((flow) => flow.longest));
  return context.check(what, `${String(count)} of ${String(count)}`, `${String(alive.length)} of ${String(flows.length)}, longest pause ${String(longest)} ms`, flows.length === count && alive.length === count);
}
