import type { YamlPath } from '../../../lib/yaml.js';
import { expandPool, poolEntries } from '../resolve/pools.js';
import type { GatewayFile } from '../schema/index.js';
import type { Rule } from './index.js';

/**
 * "no port available", computed before it happens: to one server (address and port) outside every connection needs a port of
 * its own on a public address.
 */

type Expect = NonNullable<GatewayFile['expect']>;

/** Share of the ports from which clients begin to meet an address that has none left, because they are not spread evenly. */
const TIGHT = 0.7;

const number = (value: number): string => value.toLocaleString('en-US');

export const checkCapacity: Rule = (file, { flavour }, { errors, warnings }) => {
  const { first, last } = flavour.gateway.ports;
  const ports = last - first + 1;
  const sizes = file.snat.map(({ pool }) => new Set(expandPool(poolEntries(file, pool) ?? [])));
  const judge = (expect: Expect, addresses: number, sticky: boolean, path: YamlPath): void => {
    const toOne = Math.ceil(expect.connections / expect.servers);
    const capacity = addresses * ports;
    const sum = `${number(addresses)} address${addresses === 1 ? '' : 'es'} × ${number(ports)} ports (${String(first)} to ${String(last)}) = ${number(capacity)} connections to one server; ${number(expect.connections)} to ${number(expect.servers)} are ${number(toOne)}`;
    const enough = Math.ceil(toOne / (ports * TIGHT));
    if (toOne > capacity) errors.push({ path, message: `ports would run out ("no port available"): ${sum}. It takes ${number(enough)} addresses` });
    else if (toOne > capacity * TIGHT) warnings.push({ path, message: `${String(Math.round((100 * toOne) / capacity))} % of the ports: ${sum}. ${number(enough)} addresses leave room` });
    else if (sticky && toOne > capacity * 0.4) warnings.push({ path, message: `${String(Math.round((100 * toOne) / capacity))} % of the ports, and clients stick to an address: the busiest one may run out. ${sum}` });
  };
  file.snat.forEach(({ expect, algorithm, persistence }, index) => {
    if (expect) judge(expect, sizes[index]?.size ?? 0, algorithm === 'sh' || (persistence ?? false) !== false, ['snat', index, 'expect']);
  });
  if (file.expect) {
    if (file.snat.length === 0) warnings.push({ path: ['expect'], message: 'there is no snat to use ports' });
    else judge(file.expect, new Set(sizes.flatMap((set) => [...set])).size, false, ['expect']);
  }
  const connections = file.expect?.connections ?? Math.max(0, ...file.snat.map(({ expect }) => expect?.connections ?? 0));
  const bits = file.tuning.ipvs.table_bits;
  if (bits !== undefined && connections > 8 * 2 ** bits) warnings.push({ path: ['tuning', 'ipvs', 'table_bits'], message: `${number(2 ** bits)} buckets for ${number(connections)} connections: a look-up goes through ${number(Math.round(connections / 2 ** bits))} of them` });
  const { max } = file.tuning.conntrack;
  const tracked = flavour.language?.name === 'iptables';
  if (max !== undefined && tracked && connections > max) errors.push({ path: ['tuning', 'conntrack', 'max'], message: `${number(max)} entries for ${number(connections)} connections: the table would be full` });
};
