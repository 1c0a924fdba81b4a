import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LANGUAGES, type LanguageName } from '../../../../tasks/lib/gateway/languages.js';
import { redirectSteps } from '../../../../tasks/lib/gateway/chroute.js';
import { CannotSay, type GatewaySpec } from '../../../../tasks/lib/gateway/spec.js';
import { addAll, change, removeAll, type Command, type Step } from '../../../../tasks/lib/gateway/steps.js';

/** A machine that takes steps' commands as kernels do: nothing twice, nothing that is not there, children go with parents. */
class Machine {
  private there: { key: string; add: string }[] = [];
  private readonly steps: Step[];

  constructor(...configurations: (readonly Step[])[]) {
    // nft's table is one thing whatever rules are in it.
    const plain = (key: string): string => key.replace(/^(table ip6?) \[.*\]/, '$1');
    this.steps = configurations.flat().map((step) => ({ ...step, key: plain(step.key), ...(step.parent === undefined ? {} : { parent: plain(step.parent) }) }));
  }

  private do(command: Command): void {
    const text = command.join(' ');
    const has = (key: string): boolean => this.there.some((each) => each.key === key);
    const added = this.steps.find(({ add, parent }) => add.join(' ') === text && (parent === undefined || has(parent)));
    if (added && !has(added.key)) {
      this.there.push({ key: added.key, add: text });
      return;
    }
    const edited = this.steps.find(({ edit, key }) => edit?.join(' ') === text && has(key));
    if (edited) {
      this.there = this.there.map((each) => (each.key === edited.key ? { key: each.key, add: edited.add.join(' ') } : each));
      return;
    }
    const removed = this.steps.find(({ remove, key }) => remove.join(' ') === text && has(key));
    if (!removed) throw new Error(`cannot: ${text}\nthere:\n${this.there.map(({ add }) => add).join('\n')}`);
    if (this.steps.some(({ parent, stays, key }) => parent === removed.key && stays && has(key))) throw new Error(`in use: ${text}`);
    this.there = this.there.filter(({ key }) => key !== removed.key && !this.steps.some((step) => step.key === key && step.parent === removed.key));
  }

  run(commands: readonly Command[]): this {
    for (const command of commands) this.do(command);
    return this;
  }

  /** What is there; of lists whose order counts, in their order. */
  state(): string[] {
    const listed = (key: string): string | undefined => this.steps.find((step) => step.key === key)?.list;
    return [...this.there.filter(({ key }) => listed(key) === undefined).map(({ add }) => add).sort(), ...this.there.filter(({ key }) => listed(key) !== undefined).map(({ add }) => add)];
  }
}

const pool = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }).map((list) => list.map((last) => `203.0.113.${String(last)}`));
const networks = ['192.168.1.0/24', '192.168.2.0/24', '192.168.3.0/24'];
const service = fc.record({
  mode: fc.constant<'nat'>('nat'),
  protocol: fc.constantFrom<('tcp' | 'udp')[]>('tcp', 'udp'),
  address: fc.constantFrom('203.0.113.20', '203.0.113.21'),
  port: fc.constantFrom(80, 443),
  scheduler: fc.constantFrom('rr', 'wlc'),
  servers: fc.uniqueArray(fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), port: fc.constant(80), weight: fc.integer({ min: 0, max: 2 }) }), { selector: ({ address }) => address, maxLength: 3 }),
});
const services = fc.uniqueArray(service, { selector: ({ protocol, address, port }) => `${protocol} ${address} ${String(port)}`, maxLength: 3 });
const rules = fc.uniqueArray(fc.record({ from: fc.constantFrom(...networks), pool }), { selector: ({ from }) => from, maxLength: 3 });
const specs = fc.record({ snat: rules, services }).map(({ snat, services: list }): GatewaySpec => ({ snat, services: list, protocols: ['tcp', 'udp'], outside: 'eth1', nextHop: '203.0.113.254' }));
const everything = (spec: GatewaySpec): GatewaySpec => ({ ...spec, snat: spec.snat.slice(0, 1).map((rule) => ({ ...rule, from: '0.0.0.0/0' })) });

const NAMES = Object.keys(LANGUAGES) as LanguageName[];

describe.each(NAMES)('%s', (name) => {
  const language = LANGUAGES[name];
  const fits = (spec: GatewaySpec): boolean => {
    try {
      language.steps(spec);
      return true;
    } catch (error) {
      if (error instanceof CannotSay) return false;
      throw error;
    }
  };
  const pairs = fc.tuple(fc.oneof(specs, specs.map(everything)), fc.oneof(specs, specs.map(everything))).filter(([one, other]) => fits(one) && fits(other));

  it('clear takes away what commands made, and all of it', () => {
    fc.assert(fc.property(pairs, ([spec]) => {
      const steps = language.steps(spec);
      expect(new Machine(steps).run(language.commands(spec)).run(language.clear(spec)).state()).toEqual([]);
      expect(new Set(steps.map(({ key }) => key)).size).toBe(steps.length);
    }));
  });
  it('reload makes the other configuration', () => {
    fc.assert(fc.property(pairs, ([from, to]) => {
      const steps: [Step[], Step[]] = [language.steps(from), language.steps(to)];
      expect(new Machine(...steps).run(language.commands(from)).run(language.reload(from, to)).state()).toEqual(new Machine(...steps).run(language.commands(to)).state());
    }));
  });
  it('reload of the same does nothing', () => {
    fc.assert(fc.property(pairs, ([spec]) => {
      expect(language.reload(spec, structuredClone(spec))).toEqual([]);
    }));
  });
  it('flushes nothing', () => {
    fc.assert(fc.property(pairs, ([from, to]) => {
      for (const command of [...language.clear(from), ...language.reload(from, to)]) {
        expect(command).not.toContain('-C');
        expect(command).not.toContain('-F POSTROUTING');
        if (command[0] === 'iptables') expect(command).toEqual(expect.arrayContaining([expect.stringMatching(/^-[AD]$/)]));
      }
    }));
  });
});

describe('a change', () => {
  const pools = (name: LanguageName, before: string[], after: string[]): string[] => {
    const spec = (list: string[]): GatewaySpec => ({ snat: [{ from: name === 'snat-rules' ? '10.0.0.0/8' : '0.0.0.0/0', pool: list }], services: [], protocols: ['tcp'], outside: 'eth1' });
    return LANGUAGES[name].reload(spec(before), spec(after)).map((command) => command.join(' '));
  };
  it('of a pool adds before it removes, and leaves the service', () => {
    expect(pools('nat-snat', ['1.0.0.1', '1.0.0.2'], ['1.0.0.2', '1.0.0.3'])).toEqual(['ipvsadm -a -t 0.0.0.0:0 -r 1.0.0.3:0 -m', 'ipvsadm -d -t 0.0.0.0:0 -r 1.0.0.1:0']);
  });
  it('of a rule edits it', () => {
    expect(pools('snat-rules', ['1.0.0.1'], ['1.0.0.1', '1.0.0.2'])).toEqual(['ipvsadm -k -f 1 -F 10.0.0.0/8 -U 1.0.0.1-1.0.0.2 -b']);
  });
  it('of a list whose order counts makes anew what stands behind it', () => {
    const at = (...hops: string[]): Step[] => redirectSteps(hops.map((nextHop) => ({ from: '10.0.0.0/8', nextHop })));
    expect(change(at('1.0.0.1', '1.0.0.2', '1.0.0.3'), at('1.0.0.1', '1.0.0.9', '1.0.0.3')).map((command) => `${command[3] ?? ''} ${command[command.length - 1] ?? ''}`)).toEqual([
      '-D 1.0.0.3', '-D 1.0.0.2', '-A 1.0.0.9', '-A 1.0.0.3',
    ]);
    expect(removeAll(at('1.0.0.1')).concat(addAll(at('1.0.0.1'))).map((command) => command.join(' '))).toEqual([
      'iptables -t lbg -D FORWARD -s 10.0.0.0/8 -j CHROUTE --gw 1.0.0.1',
      'iptables -t lbg -A FORWARD -s 10.0.0.0/8 -j CHROUTE --gw 1.0.0.1',
    ]);
  });
});

describe('a pool with gaps', () => {
  const spec = (change: Partial<GatewaySpec['snat'][number]> = {}): GatewaySpec => ({ snat: [{ from: '10.0.0.0/8', pool: ['1.0.0.1', '1.0.0.2', '1.0.0.9'], ...change }], services: [], protocols: ['tcp'], outside: 'eth1' });
  it('is several rules of iptables, each with its share', () => {
    expect(LANGUAGES.iptables.commands(spec()).map((command) => command.join(' '))).toEqual([
      'iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -o eth1 -m statistic --mode random --probability 0.66666667 -j SNAT --to-source 1.0.0.1-1.0.0.2',
      'iptables -t nat -A POSTROUTING -s 10.0.0.0/8 -o eth1 -j SNAT --to-source 1.0.0.9',
    ]);
  });
  it('is refused where it cannot be said', () => {
    expect(() => LANGUAGES.iptables.commands(spec({ persistent: true }))).toThrow(/one address per client over a pool with gaps/);
    expect(() => LANGUAGES['snat-rules'].commands(spec())).toThrow(/a pool with gaps \(1\.0\.0\.1-1\.0\.0\.2, 1\.0\.0\.9\)/);
    expect(() => LANGUAGES.nftables.commands(spec())).toThrow(CannotSay);
  });
  it('in any order is what it is', () => {
    expect(LANGUAGES['snat-rules'].commands(spec({ pool: ['1.0.0.3', '1.0.0.1', '1.0.0.2'] })).map((command) => command.join(' '))[1]).toContain('-U 1.0.0.1-1.0.0.3');
  });
});
