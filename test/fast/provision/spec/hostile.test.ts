import fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { loadBase, loadFlavour } from '../../../../tasks/lib/flavours/catalog.js';
import { YamlSource } from '../../../../tasks/lib/yaml.js';
import { gatewayJsonSchema } from '../../../../tasks/provision/spec/json-schema.js';
import { resolveGateway, sshAccess } from '../../../../tasks/provision/spec/resolve/index.js';
import { checkRules } from '../../../../tasks/provision/spec/rules/index.js';
import { gatewaySchema } from '../../../../tasks/provision/spec/schema/index.js';
import { toolWords } from '../../../../tasks/provision/spec/tools.js';
import { load, refusal, small } from './support.js';

/** Hostile values in every field: refused, or they come out as one inert word. */

/** A file with every key that the schema has. */
const EVERYTHING = {
  flavour: 'lvs-snat-v2',
  with: ['chroute'],
  artifact: 'artifacts/mine',
  interfaces: [
    { device: 'eth0', role: 'inside', addresses: ['192.168.40.1/24'], gateway: '192.168.40.254', routes: ['192.168.60.0/24'], mtu: 1500 },
    { device: 'eth1', role: 'outside', gateway: '203.0.113.254' },
  ],
  pools: { public: ['203.0.113.100-203.0.113.103'] },
  snat: [{ from: '192.168.40.0/24', to: '198.51.100.0/24', oif: 'eth1', gw: '203.0.113.254', new_gw: '203.0.113.253', pool: 'public', algorithm: 'sh', persistence: false, expect: { connections: 100, servers: 10 } }],
  protocols: ['tcp'],
  services: [
    {
      mode: 'fullnat', protocol: 'tcp', address: '203.0.113.20', port: 80, scheduler: 'wrr', persistence: 60, local: ['192.168.40.200'],
      servers: [{ address: '192.168.40.10', port: 8080, weight: 2 }],
      check: { kind: 'http', path: '/health', status: 200, digest: '0123456789abcdef0123456789abcdef', port: 8081, timeout: 3, interval: 6, retries: 2 },
    },
  ],
  redirects: [{ from: '192.168.60.0/24', to: '198.51.100.0/24', protocol: 'tcp', port: 443, iif: 'eth0', oif: 'eth1', gw: '203.0.113.254', next_hop: '203.0.113.253' }],
  rules_by: 'script',
  tuning: {
    gro: 'off', lro: 'off', offloads: { eth1: { tso: 'off' } }, rings: { eth1: { rx: 'max', tx: 512 } }, irq: { policy: 'numa', irqbalance: 'ban' }, rps: true,
    conntrack: { max: 100000, buckets: 25088 }, ipvs: { table_bits: 20 }, sysctls: { 'net.core.netdev_max_backlog': 10000 }, debug: 3,
  },
  ha: { password: 's3cr3t', password_file: 'vrrp.password', sync_group: 'GROUP', unicast: false, instances: [{ name: 'IN', device: 'eth0', id: 51, addresses: ['192.168.40.3/24'] }, { device: 'eth1', id: 52 }], sync: { device: 'eth0', id: 1 }, preempt_delay: 30 },
  hosts: {
    gw1: { ssh: { destination: 'root@gw1', port: 22, config: 'ssh_config', identity: 'id', old_algorithms: true }, addresses: { eth1: ['203.0.113.2/24'], eth0: ['192.168.40.11/24'] }, management: '192.168.40.11', priority: 150 },
    gw2: { addresses: { eth1: ['203.0.113.3/24'], eth0: ['192.168.40.12/24'] }, management: '192.168.40.12' },
  },
  access: { management: '192.168.40.1', ports: [22], leak_guard: true },
  confirm_minutes: 10,
  watchdog: 'on',
  probe: { from: { destination: 'root@client', port: 22, config: 'ssh_config', identity: 'id', old_algorithms: false }, connect: { address: '198.51.100.9', port: 80 } },
  expect: { connections: 100, servers: 10 },
};

type Path = (string | number)[];

/** Places of all values that are no mappings or lists, and of all keys that people choose. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (Array.isArray(value)) return value.flatMap((each, index) => leaves(each, [...path, index]));
  if (value !== null && typeof value === 'object') return Object.entries(value).flatMap(([key, each]) => leaves(each, [...path, key]));
  return [path];
}

function put(root: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(root)) return root.map((each, index) => (index === key ? put(each, rest, value) : (each as unknown)));
  return Object.fromEntries(Object.entries(root as Record<string, unknown>).map(([name, each]) => [name, name === key ? put(each, rest, value) : each]));
}

/** The same with a key renamed. */
function rename(root: unknown, path: Path, name: string): unknown {
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], root) as Record<string, unknown>;
  return put(root, path.slice(0, -1), Object.fromEntries(Object.entries(parent).map(([key, value]) => [key === path[path.length - 1] ? name : key, value])));
}

const CHOSEN: Path[] = [['pools', 'public'], ['hosts', 'gw1'], ['hosts', 'gw1', 'addresses', 'eth1'], ['tuning', 'offloads', 'eth1'], ['tuning', 'offloads', 'eth1', 'tso'], ['tuning', 'rings', 'eth1'], ['tuning', 'sysctls', 'net.core.netdev_max_backlog']];

const HOSTILE: readonly unknown[] = [
  "'", '"', '`id`', '$(reboot)', '${IFS}', '; reboot', 'a;b', 'a|b', 'a&b', 'a>b', 'a<b', 'a b', 'a\tb', 'a\nb', '\n', 'a\rb', 'a\u0000b', '\u001b[2J', 'é', '１.2.3.4', '‮x', '\u2028', '..', '../../etc/passwd', '-rf', '--help', '#x', '!x', '{', '}', 'a}\nvrrp_script x {',
  'x'.repeat(300), '9'.repeat(300), '', ' ', '*', '?', '%s', '\\', '~', '^', '%n%n', '0x10', '1e3', '010.1.1.1', '1.2.3', '1.2.3.4.5', '256.1.1.1', '2001:db8::1', '2001:db8::1/64', '::ffff:1.2.3.4', 'fe80::1%eth0', 'fe80::1%$(id)', '0.0.0.0', '0.0.0.0/0', '255.255.255.255', '1.2.3.4/33', '203.0.113.9-203.0.113.1', '0.0.0.0-255.255.255.255', '::/0',
  '__proto__', 'constructor', 'toString', 'hasOwnProperty', null, true, false, 0, -1, 1.5, 2 ** 53, 1e308, -0, [], {}, [[]], ['a', 'b'], { a: 1 }, { __proto__: null },
];

/** Fields whose text goes nowhere but into an argument or a file name on this machine. */
const LOCAL = /^(artifact|ha\.password_file|(hosts\.[^.]+\.ssh|probe\.from)\.(config|identity))$/;

const SAFE_WORD = /^[A-Za-z0-9_.:,/@=[\]+%~?&-]*$/;
const SAFE_LINE = /^ *(\}|[A-Za-z0-9_.:,/@=+%~?& -]*[A-Za-z0-9_.:,/@=+%~?&-]( \{)?)?$/;
const control = new RegExp('[\\u0000-\\u0008\\u000b-\\u001f\\u007f\\u2028\\u202e]');

const flavour = await loadFlavour('lvs-snat-v2');
/** 2.6.32 has not all that the file can say. */
const base = await loadBase('debian-6.1');
const nesting = (conf: string): number => conf.split('\n').reduce((depth, text) => depth + (text.endsWith('{') ? 1 : 0) - (text.trim() === '}' ? 1 : 0), 0);

/** @returns why it was refused; undefined: it was taken, and what came out was looked at */
async function attempt(document: unknown, field: string, words = true): Promise<string | undefined> {
  const parsed = gatewaySchema.safeParse(document);
  if (!parsed.success) {
    if (!words) return '';
    try {
      YamlSource.parse(stringify(document), 'gateway.yaml').check(gatewaySchema);
    } catch (error) {
      if (error instanceof ExpectedError) return error.why ?? '';
      throw error;
    }
    throw new Error(`refused, and not refused from YAML: ${field}`);
  }
  const file = parsed.data;
  const context = { file: '/srv/gateway.yaml', flavour, base, addons: [], password: 's3cr3t' };
  const { errors } = await checkRules(file, context);
  if (errors.length > 0) return errors.map(({ message }) => message).join('\n');
  for (const host of Object.keys(file.hosts)) {
    const gateway = resolveGateway(file, host, context);
    const { steps, keepalived } = toolWords(gateway);
    for (const { add, remove, edit } of steps) for (const word of [...add, ...remove, ...(edit ?? [])]) expect(word, field).toMatch(SAFE_WORD);
    for (const text of (keepalived ?? '').split('\n')) expect(text, field).toMatch(SAFE_LINE);
    expect(nesting(keepalived ?? ''), field).toBe(0);
    const { probe } = gateway;
    for (const text of JSON.stringify({ ...gateway, artifact: '', probe: undefined }).match(/"(?:[^"\\]|\\.)*"/g) ?? []) expect(JSON.parse(text) as string, field).toMatch(/^[A-Za-z0-9_.:,/@=+%~?& \t-]*$/);
    for (const { destination } of [sshAccess(file, host, context.file), ...(probe ? [probe.client] : [])]) expect(destination, field).toMatch(/^[A-Za-z0-9_:][A-Za-z0-9_.:@-]*$/);
  }
  return undefined;
}

describe('the file with every key', () => {
  it('is valid', async () => {
    expect(await attempt(EVERYTHING, '')).toBeUndefined();
  });
  it('has them all', () => {
    const { definitions } = gatewayJsonSchema() as { definitions: Record<string, never> };
    const missing: string[] = [];
    const walk = (schema: { properties?: Record<string, never>; items?: never; additionalProperties?: never; anyOf?: never[] }, value: unknown, path: string): void => {
      for (const branch of schema.anyOf ?? []) if ('properties' in (branch as object) || value !== null) walk(branch, value, path);
      for (const [key, inner] of Object.entries(schema.properties ?? {})) {
        const own = value !== null && typeof value === 'object' ? (value as Record<string, unknown>)[key] : undefined;
        if (own === undefined) missing.push(`${path}.${key}`);
        else walk(inner, own, `${path}.${key}`);
      }
      if (schema.items && Array.isArray(value)) walk(schema.items, value[0], `${path}[]`);
      if (typeof schema.additionalProperties === 'object' && value !== null && typeof value === 'object') walk(schema.additionalProperties, Object.values(value)[0], `${path}.NAME`);
    };
    walk(definitions['gateway.yaml'] ?? {}, EVERYTHING, '');
    expect(missing).toEqual([]);
  });
});

describe('hostile values', () => {
  const places = leaves(EVERYTHING);
  it.each(places.map((path) => [path.join('.'), path] as const))('%s', async (field, path) => {
    for (const [index, value] of HOSTILE.entries()) {
      if (LOCAL.test(field) && index % 5 !== 0) continue;
      // Every place's faults are told from YAML for some of the values; that is what takes the time.
      const why = await attempt(put(EVERYTHING, path, value), field, index % 8 === field.length % 8);
      if (why === undefined) continue;
      expect(why, field).not.toMatch(control);
      expect(why.length, field).toBeLessThan(20_000);
    }
  });
  it.each(CHOSEN.map((path) => [path.join('.'), path] as const))('as the key %s', async (field, path) => {
    for (const value of HOSTILE) {
      if (typeof value !== 'string') continue;
      const why = await attempt(rename(EVERYTHING, path, value), field);
      if (why !== undefined) expect(why, field).not.toMatch(control);
    }
  });
  it('anything at all, anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), fc.oneof(fc.string({ maxLength: 40, unit: 'binary' }), fc.string({ maxLength: 20 }), fc.integer(), fc.double(), fc.ipV4(), fc.ipV6(), fc.jsonValue({ maxDepth: 2 })), async (path, value) => {
        await attempt(put(EVERYTHING, path, value), path.join('.'));
      }),
      { numRuns: 200 },
    );
  });
  it('text of local paths is never a word of a command', async () => {
    for (const path of places.filter((each) => LOCAL.test(each.join('.')))) expect(await attempt(put(EVERYTHING, path, 'it\'s "$(here)"; ok'), path.join('.'))).toBeUndefined();
  });
});

describe('hostile files', () => {
  it.each<[string, string, RegExp]>([
    ['aliases that blow up', `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n`, /aliases that stand for too much/],
    ['an alias to itself', 'a: &a [*a]\nflavour: nat-snat\n', /no such key|alias/],
    ['keys twice', small('confirm_minutes: 5\nconfirm_minutes: 6\n'), /Map keys must be unique/],
    ['no YAML', 'flavour: [\n', /^2:1: |flow/],
    ['two documents', 'flavour: nat-snat\n---\nflavour: x\n', /./],
    ['nothing', '', /a mapping of keys to values/],
    ['a list', '- a\n', /a mapping of keys to values/],
    ['a scalar', '$(reboot)\n', /a mapping of keys to values/],
    ['too large', `# ${'x'.repeat(1 << 20)}\n`, /larger than/],
    ['a huge number', small('confirm_minutes: 999999999999999999999999999999999999\n'), /confirm_minutes/],
    ['a number that is none', small('confirm_minutes: .nan\n'), /confirm_minutes/],
    ['a tag of a language', small('confirm_minutes: !!js/function "x"\n'), /./],
    ['a key that is every object\'s', small('__proto__: {confirm_minutes: 1}\n'), /no such key/],
    ['NUL', small('expect: "\\0"\n'), /expect/],
    ['deep nesting', `flavour: ${'['.repeat(3000)}${']'.repeat(3000)}\n`, /./],
  ])('%s', async (_name, text, words) => {
    expect((await refusal(text)).join('\n')).toMatch(words);
  });
  it('text in any encoding is read or refused', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (text) => {
      try {
        await load(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ExpectedError);
      }
    }), { numRuns: 60 });
  });
});
