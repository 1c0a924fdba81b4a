import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { CannotSay } from '../../../../tasks/lib/gateway/spec.js';
import { desire } from '../../../../tasks/provision/desired/index.js';
import type { Desired, Gateway } from '../../../../tasks/provision/types.js';
import { debian, el6, gateway, pair } from './support/fixtures.js';
import { artifacts, type Artifacts } from './support/rendered.js';

/**
 * Values that a shell would act on, in every field of a gateway: refused, or a word like any other. The spec refuses most of
 * them before; here nothing relies on that.
 */

const HOSTILE = ["a'b", 'a;touch canary', '$(touch canary)', '`touch canary`', 'a" ; touch canary ; "', "'; touch canary; '", 'a\ntouch canary', 'a\ttouch canary', '*', '-x', '\\', '%s $HOME', '203.0.113.1 ; touch canary', '::1', 'x'.repeat(300), ''];

let all: Artifacts;
let cwd: string;
beforeAll(async () => {
  all = await artifacts();
  cwd = join(all.dir, 'cwd');
  mkdirSync(cwd);
});
afterAll(() => {
  rmSync(all.dir, { recursive: true, force: true });
});

const full = (): Gateway =>
  gateway({
    addons: [],
    interfaces: [
      { device: 'eth0', role: 'inside', addresses: ['192.168.40.1/24'], gateways: ['192.168.40.254'], routes: ['10.0.0.0/8'], mtu: 1500 },
      { device: 'eth1', role: 'outside', addresses: ['203.0.113.2/24'], gateways: ['203.0.113.1'], routes: [] },
    ],
    services: [{ mode: 'nat', protocol: 'tcp', address: '203.0.113.110', port: 80, servers: [{ address: '192.168.40.10', port: 80 }], scheduler: 'rr' }],
    redirects: [{ from: '192.168.40.0/24', to: '198.51.100.0/24', iif: 'eth0', nextHop: '203.0.113.9' }],
    ha: { ...pair, sync: { device: 'eth0', id: 3 } },
    access: { management: '192.168.40.2', ports: [22], leakGuard: true },
  });

type Path = (string | number)[];

/** Every text in a value, and where it is; keys of records too. */
function texts(value: unknown, path: Path = []): Path[] {
  if (typeof value === 'string') return [path];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, each]) => texts(each, [...path, Array.isArray(value) ? Number(key) : key]));
}

function replaced(value: unknown, path: Path, text: string): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return text;
  if (Array.isArray(value)) return value.map((each: unknown, index) => (index === first ? replaced(each, rest, text) : each));
  return Object.fromEntries(Object.entries(value as Record<string, unknown>).map(([key, each]) => [key, key === first ? replaced(each, rest, text) : each]));
}

/** Chosen from a list by the spec, or never written to a host. */
const CHOSEN = /^(flavour|artifact|language|host|rulesBy|interfaces\.\d\.role|protocols\.\d|services\.\d\.(mode|protocol)|tuning\.(irq\.|offloads\.\w+\.)|addons)/;
const paths = texts(full()).filter((path) => !CHOSEN.test(path.join('.')));

/** Runs everything that a shell reads of it, with tools that do nothing. */
function execute(desired: Desired): string {
  const script = ['ip() { :; }; ipvsadm() { :; }; iptables() { :; }; ip6tables() { :; }; ethtool() { :; }; systemctl() { :; }'];
  for (const each of desired.resources) {
    if (each.kind !== 'file' || typeof each.content !== 'string') continue;
    if (each.path.endsWith('/gateway.conf')) script.push(each.content);
    if (each.path.endsWith('/build-kernel/rules')) {
      for (const line of each.content.split('\n').filter((text) => text !== '' && !text.startsWith('#'))) {
        const fields = line.split('\t');
        expect(fields).toHaveLength(7);
        script.push(fields[4] ?? '', fields[5] ?? '');
      }
    }
    // Lines of words that a script reads: as many as there should be, and no more of them.
    if (/\/(links|addresses|routes|offloads|rings|irq|rps|hooks|modules)$/.test(each.path)) for (const line of each.content.split('\n').slice(0, -1)) expect(line).toMatch(/^\S+( \S+){0,3}$/);
  }
  for (const { probe, id } of desired.effects) if (id.startsWith('address') || id.startsWith('route') || id.startsWith('sysctl') || id.startsWith('iptables') || id.startsWith('rules') || id.startsWith('offload')) script.push(`( ${probe}\n) >/dev/null 2>&1`);
  const { status, stderr } = spawnSync('dash', ['-s'], { input: `${script.join('\n')}\n:\n`, cwd, encoding: 'utf8', timeout: 60_000 });
  return status === 0 ? '' : stderr;
}

describe('a hostile value', () => {
  it('has many places to go', () => {
    expect(paths.length).toBeGreaterThan(30);
  });

  it.each(paths.map((path) => path.join('.')))('in %s is refused or inert', async (name) => {
    const path = paths.find((each) => each.join('.') === name) ?? [];
    for (const [index, text] of HOSTILE.entries()) {
      // Each value on one of the two kinds of host, each place on both.
      const debians = (index + name.length) % 2 === 1;
      const spec = replaced(debians ? { ...full(), flavour: 'nat-snat', language: 'nat-snat' } : full(), path, text) as Gateway;
      let desired: Desired;
      try {
        desired = await (debians ? desire(spec, debian, all.natSnat) : desire(spec, el6, all.dsnat));
      } catch (error) {
        if (error instanceof ExpectedError || error instanceof CannotSay || (error instanceof Error && error.message.startsWith('no address'))) continue;
        throw error;
      }
      expect(execute(desired), JSON.stringify(text)).toBe('');
      expect(readdirSync(cwd), JSON.stringify(text)).toEqual([]);
    }
  });
});
