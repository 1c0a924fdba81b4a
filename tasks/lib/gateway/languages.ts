import { CannotSay, type GatewaySpec, type Service, type SnatRule } from './spec.js';

/**
 * The configuration languages of the flavours' tools. Sources: the READMEs of xiaomi-sa/dsnat (its first edition for
 * dsnat-220, the later for zones), jlijian3/lvs-snat (d108c44 for the 279 kernels, HEAD for rules), `ipvsadm --help` of each.
 */

export type Command = readonly string[];

export interface Language {
  /** Commands that configure a gateway, in order. @throws CannotSay */
  commands(spec: GatewaySpec): Command[];
  /** Commands that take a configuration away again; some may fail when a part of it is gone already. */
  clear(spec: GatewaySpec): Command[];
}

const ANY = '0.0.0.0/0';
const flag = (protocol: 'tcp' | 'udp'): string => (protocol === 'tcp' ? '-t' : '-u');

/** 203.0.113.100-203.0.113.102 */
function range(pool: readonly string[]): string {
  const first = pool[0] ?? '';
  const last = pool[pool.length - 1] ?? '';
  return first === last ? first : `${first}-${last}`;
}

/** Refuses rules that choose by what a language does not know. */
function onlyKnows(language: string, rules: readonly SnatRule[], known: readonly (keyof SnatRule)[]): void {
  for (const rule of rules) {
    for (const key of Object.keys(rule) as (keyof SnatRule)[]) {
      if (rule[key] !== undefined && !known.includes(key)) throw new CannotSay(language, `${key} ${String(rule[key])}`);
    }
  }
}

/** NAT and FULLNAT services as every ipvsadm takes them; local addresses with -P -t where the language has it. */
function services(list: readonly Service[], locals: boolean): Command[] {
  return list.flatMap(({ mode, protocol, address, port, servers, local }) => {
    const service = [flag(protocol), `${address}:${String(port)}`];
    return [
      ['ipvsadm', '-A', ...service, '-s', 'rr'],
      ...(locals ? (local ?? []) : []).map((each) => ['ipvsadm', '-P', ...service, '-z', each]),
      ...servers.map((server) => ['ipvsadm', '-a', ...service, '-r', `${server.address}:${String(server.port)}`, mode === 'nat' ? '-m' : '-b']),
    ];
  });
}

function refuseFullnat(language: string, list: readonly Service[]): void {
  if (list.some(({ mode }) => mode === 'fullnat')) throw new CannotSay(language, 'a FULLNAT service');
}

const CLEAR: Command = ['ipvsadm', '-C'];

/** dsnat's first edition: one pool for all, on the 0.0.0.0:0 service of each protocol. */
const dsnat: Language = {
  commands(spec) {
    onlyKnows('dsnat', spec.snat, ['from', 'pool']);
    if (spec.snat.length > 1 || spec.snat.some(({ from }) => from !== ANY)) throw new CannotSay('dsnat', 'a choice by source network; dsnat-279 has zones');
    const all = spec.snat.length === 0 ? [] : spec.protocols;
    return [
      ...all.flatMap((protocol) => {
        const service = [flag(protocol), '0.0.0.0:0'];
        return [['ipvsadm', '-A', ...service, '-s', 'rr'], ...spec.snat.flatMap(({ pool }) => pool.map((address) => ['ipvsadm', '-P', ...service, '-z', address]))];
      }),
      ...services(spec.services, true),
    ];
  },
  clear: () => [CLEAR],
};

/** Zones: local addresses hang on source networks, which match in the order they were added. */
function zones(name: string, addLocal: string, deleteLocal: string, serviceLocals: boolean): Language {
  /** SNAT's zones; where services have no local addresses of their own, those of FULLNAT are the last zone's, for all other sources. */
  const allZones = (spec: GatewaySpec): { from: string; pool: readonly string[] }[] => {
    const locals = serviceLocals ? [] : [...new Set(spec.services.flatMap(({ local }) => local ?? []))];
    return [...spec.snat, ...(locals.length > 0 ? [{ from: ANY, pool: locals }] : [])];
  };
  return {
    commands(spec) {
      onlyKnows(name, spec.snat, ['from', 'pool']);
      return [
        ...(spec.snat.length === 0 ? [] : spec.protocols).map((protocol) => ['ipvsadm', '-A', flag(protocol), '0.0.0.0:0', '-s', 'rr']),
        ...allZones(spec).flatMap(({ from, pool }) => [['ipvsadm', '-K', '--zone', from], ...pool.map((address) => ['ipvsadm', addLocal, '--zone', from, '-z', address])]),
        ...services(spec.services, serviceLocals),
      ];
    },
    // -C leaves zones.
    clear: (spec) => [
      CLEAR,
      ...allZones(spec).flatMap(({ from, pool }) => [...pool.map((address) => ['ipvsadm', deleteLocal, '--zone', from, '-z', address]), ['ipvsadm', '-V', '--zone', from]]),
    ],
  };
}

/** SNAT as an extension of NAT: the "real servers" of a persistent 0.0.0.0:0 service are the public addresses. */
const natService: Language = {
  commands(spec) {
    onlyKnows('nat-service', spec.snat, ['from', 'pool', 'persistent']);
    refuseFullnat('nat-service', spec.services);
    if (spec.snat.length > 1 || spec.snat.some(({ from }) => from !== ANY)) throw new CannotSay('nat-service', 'a choice by source network');
    return [
      ...(spec.snat.length === 0 ? [] : spec.protocols).flatMap((protocol) => {
        const service = [flag(protocol), '0.0.0.0:0'];
        // ipvsadm takes port 0 for persistent services only.
        return [['ipvsadm', '-A', ...service, '-s', 'rr', '-p', '10'], ...spec.snat.flatMap(({ pool }) => pool.map((address) => ['ipvsadm', '-a', ...service, '-r', `${address}:0`, '-m']))];
      }),
      ...services(spec.services, false),
    ];
  },
  clear: () => [CLEAR],
};

/** Rules on the service "fwmark 1", which here is only a switch: no packet needs a mark. */
const snatRules: Language = {
  commands(spec) {
    onlyKnows('snat-rules', spec.snat, ['from', 'pool', 'oif', 'gateway', 'newGateway', 'algorithm']);
    return [
      ...(spec.snat.length === 0 ? [] : [['ipvsadm', '-A', '-f', '1', '-s', 'snat_sched']]),
      ...spec.snat.map(({ from, pool, oif, gateway, newGateway, algorithm }) => [
        'ipvsadm', '-K', '-f', '1', '-F', from,
        ...(gateway === undefined ? [] : ['-W', gateway]),
        ...(oif === undefined ? [] : ['--oif', oif]),
        '-U', range(pool),
        ...(algorithm === undefined ? [] : ['-O', algorithm]),
        ...(newGateway === undefined ? [] : ['-N', newGateway]),
        '-b',
      ]),
      ...services(spec.services, true),
    ];
  },
  clear: () => [CLEAR],
};

/** The first edition of the rules: marked packets, the ISP's router as real server, the pool as local addresses. */
const fwmarkSnat: Language = {
  commands(spec) {
    onlyKnows('fwmark-snat', spec.snat, ['from', 'pool']);
    if (spec.snat.length > 1) throw new CannotSay('fwmark-snat', 'more than one rule to one ISP');
    const { nextHop } = spec;
    if (spec.snat.length > 0 && nextHop === undefined) throw new CannotSay('fwmark-snat', 'SNAT without the address of the ISP\'s router');
    return [
      ...spec.snat.flatMap(({ from, pool }) => [
        ['iptables', '-t', 'mangle', '-A', 'PREROUTING', '-s', from, '-j', 'MARK', '--set-mark', '1'],
        ['ipvsadm', '-A', '-f', '1', '-s', 'rr'],
        ...pool.map((address) => ['ipvsadm', '-P', '-f', '1', '-z', address]),
        ['ipvsadm', '-a', '-f', '1', '-r', nextHop ?? '', '-b'],
      ]),
      ...services(spec.services, true),
    ];
  },
  clear: () => [CLEAR, ['iptables', '-t', 'mangle', '-F', 'PREROUTING']],
};

/** Services only. */
const fullnat: Language = {
  commands(spec) {
    if (spec.snat.length > 0) throw new CannotSay('fullnat', 'SNAT');
    return services(spec.services, true);
  },
  clear: () => [CLEAR],
};

const iptables: Language = {
  commands(spec) {
    onlyKnows('iptables', spec.snat, ['from', 'pool', 'oif', 'persistent']);
    refuseFullnat('iptables', spec.services);
    return [
      ...spec.snat.map(({ from, pool, oif, persistent }) => [
        'iptables', '-t', 'nat', '-A', 'POSTROUTING', '-s', from, '-o', oif ?? spec.outside, '-j', 'SNAT', '--to-source', range(pool),
        ...(persistent ? ['--persistent'] : []),
      ]),
      ...services(spec.services, false),
    ];
  },
  clear: (spec) => [['iptables', '-t', 'nat', '-F', 'POSTROUTING'], ...(spec.services.length > 0 ? [CLEAR] : [])],
};

/** nftables' own words for the same: for comparison on current kernels. */
const nftables: Language = {
  commands(spec) {
    onlyKnows('nftables', spec.snat, ['from', 'pool', 'oif', 'persistent']);
    refuseFullnat('nftables', spec.services);
    return [
      ['nft', 'add', 'table', 'ip', 'gateway'],
      ['nft', 'add', 'chain', 'ip', 'gateway', 'postrouting', '{ type nat hook postrouting priority srcnat; }'],
      ...spec.snat.map(({ from, pool, oif, persistent }) => [
        'nft', 'add', 'rule', 'ip', 'gateway', 'postrouting', 'ip', 'saddr', from, 'oifname', oif ?? spec.outside, 'snat', 'to', range(pool),
        ...(persistent ? ['persistent'] : []),
      ]),
      ...services(spec.services, false),
    ];
  },
  clear: (spec) => [['nft', 'delete', 'table', 'ip', 'gateway'], ...(spec.services.length > 0 ? [CLEAR] : [])],
};

const isV6 = (address: string): boolean => address.includes(':');
const withPort = (address: string, port: number): string => (isV6(address) ? `[${address}]:${String(port)}` : `${address}:${String(port)}`);

/**
 * nat-snat, our own for current kernels, in the stock ipvsadm's words. One pool for all: the catch-all services. Pools by
 * source: a mark for each source network, and a service for each mark.
 */
const natSnat: Language = {
  commands(spec) {
    onlyKnows('nat-snat', spec.snat, ['from', 'pool', 'persistent', 'algorithm']);
    refuseFullnat('nat-snat', spec.services);
    const scheduler = (rule: SnatRule): string => {
      if (rule.algorithm !== undefined && rule.algorithm !== 'rr' && rule.algorithm !== 'sh') throw new CannotSay('nat-snat', `algorithm ${rule.algorithm}`);
      return rule.algorithm ?? 'rr';
    };
    const all = spec.snat.length > 0 && spec.snat.every(({ from }) => from === ANY || from === '::/0');
    return [
      ...(all
        ? [
            // ipvsadm takes port 0 for persistent services only; the setting says whether clients shall really stick.
            ['sysctl', '-w', `net.ipv4.vs.snat_persist=${spec.snat.some(({ persistent }) => persistent) ? '1' : '0'}`],
            ...spec.snat.flatMap((rule) =>
              spec.protocols.flatMap((protocol) => {
                const service = [flag(protocol), rule.pool.some(isV6) ? '[::]:0' : '0.0.0.0:0'];
                return [['ipvsadm', '-A', ...service, '-s', scheduler(rule), '-p', '10'], ...rule.pool.map((address) => ['ipvsadm', '-a', ...service, '-r', withPort(address, 0), '-m'])];
              }),
            ),
          ]
        : spec.snat.flatMap((rule, index) => {
            const mark = String(index + 1);
            const family = rule.pool.some(isV6) ? ['-6'] : [];
            return [
              // The first rule that matches decides, as in every other language.
              [isV6(rule.from) ? 'ip6tables' : 'iptables', '-t', 'mangle', '-A', 'PREROUTING', '-s', rule.from, '-m', 'mark', '--mark', '0', '-j', 'MARK', '--set-mark', mark],
              ['ipvsadm', '-A', '-f', mark, ...family, '-s', scheduler(rule), ...(rule.persistent ? ['-p', '300'] : [])],
              ...rule.pool.map((address) => ['ipvsadm', '-a', '-f', mark, ...family, '-r', withPort(address, 0), '-m']),
            ];
          })),
      ...services(spec.services, false),
    ];
  },
  clear: (spec) => [CLEAR, ...(spec.snat.every(({ from }) => from === ANY || from === '::/0') ? [] : [['iptables', '-t', 'mangle', '-F', 'PREROUTING']])],
};

export const LANGUAGES = {
  'nat-snat': natSnat,
  dsnat,
  'dsnat-zones': zones('dsnat-zones', '-P', '-Q', false),
  'lvs-snat-zones': zones('lvs-snat-zones', '-U', '-W', true),
  'nat-service': natService,
  'snat-rules': snatRules,
  'fwmark-snat': fwmarkSnat,
  fullnat,
  iptables,
  nftables,
} as const satisfies Record<string, Language>;

export type LanguageName = keyof typeof LANGUAGES;
