import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../lib/paths.js';
import type { Target } from '../types.js';
import { parseTables, readSocketWord, searchWords, socketWord, translation, type End } from './connections.js';
import type { CheckResult } from './types.js';

/**
 * Live traffic: a client inside opens a connection to something outside, and the gateway's connection table must show it
 * translated to a public address. A gateway cannot prove that alone: what it sends itself is not forwarded.
 */

export interface TrafficProbe {
  /** A host whose way outside is the gateway. */
  client: Target;
  /** A TCP service outside. */
  connect: End;
  /** Addresses that clients may leave as. */
  pool: readonly string[];
}

const SCRIPTS = join(packageRoot, 'templates', 'provision', 'probe');
/** Seconds that opening may take: a SYN that is lost is sent again after one, three and seven. */
const OPENING = 10;

/** One attempt. @returns one result; `skip` without a probe */
export async function checkTraffic(gateway: Target, probe: TrafficProbe | undefined): Promise<CheckResult> {
  if (!probe) return result('skip', '', 'no client to try it from: name one as `probe:` in gateway.yaml');
  if (gateway.kind === 'folder') return result('skip', '', 'nothing runs in a folder');
  const { client, connect, pool } = probe;
  const where = `${connect.address.includes(':') ? `[${connect.address}]` : connect.address}:${String(connect.port)}`;
  const claim = `A connection from ${client.name} to ${where} leaves as a public address.`;
  const expected = `one of ${pool.length > 4 ? `${pool.slice(0, 3).join(', ')}, … ${pool.at(-1) ?? ''}` : pool.join(', ')}`;
  const opened = await client.sh(await readFile(join(SCRIPTS, 'client.sh'), 'utf8'), [connect.address, String(connect.port), String(OPENING), socketWord(connect)], {
    timeout: (OPENING + 30) * 1000,
  });
  const [word, local = '', ...rest] = opened.stdout.trim().split(/\s+/);
  if (word === 'none') return { ...result('error', '', `${client.name} has no program that opens a connection (bash, python3, nc, curl)`), claim, expected };
  const own = readSocketWord(local);
  if (word !== 'open' || !own) return { ...result('fail', `no connection within ${String(OPENING)} s`, opened.stderr.trim() === '' ? undefined : opened.stderr.trim()), claim, expected };
  const tables = await gateway.sh(await readFile(join(SCRIPTS, 'tables.sh'), 'utf8'), searchWords(connect), { timeout: 60_000 });
  const seen = translation(parseTables(tables.stdout), own, connect, new Set(pool));
  const from = `${own.address}, port ${String(own.port)}, by ${rest.join(' ')}`;
  if (seen === undefined) return { ...result('fail', `opened from ${from}, but it is in no connection table of ${gateway.name}: it went another way`), claim, expected };
  if (seen === false) return { ...result('fail', `opened from ${from}; ${gateway.name} knows it and did not translate it to a public address`), claim, expected };
  return { ...result('pass', `${seen.address}, port ${String(seen.port)} (from ${from})`), claim, expected };
}

function result(status: CheckResult['status'], seen: string, reason?: string): CheckResult {
  return {
    id: 'traffic from inside',
    part: 'traffic',
    kind: 'traffic',
    claim: 'A connection from inside leaves as a public address.',
    status,
    expected: 'a public address of a pool',
    seen,
    ...(reason === undefined ? {} : { reason }),
  };
}
