import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { LANGUAGES } from '../../../../tasks/lib/gateway/languages.js';
import type { GatewaySpec } from '../../../../tasks/lib/gateway/spec.js';
import { change, type Step } from '../../../../tasks/lib/gateway/steps.js';
import { render } from '../../../../tasks/provision/desired/templates.js';
import { command } from '../../../../tasks/provision/desired/words.js';
import { packageRoot } from '../../../../tasks/lib/paths.js';

/** What the host's awk makes of two lists of rules is what the library makes of them. */

const AWK = join(packageRoot, 'templates/provision/gateway/rules.awk');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'rules-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const pool = fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }).map((list) => list.map((last) => `203.0.113.${String(last)}`));
const service = fc.record({
  mode: fc.constant<'nat'>('nat'),
  protocol: fc.constantFrom<('tcp' | 'udp')[]>('tcp', 'udp'),
  address: fc.constantFrom('203.0.113.20', '203.0.113.21'),
  port: fc.constant(80),
  scheduler: fc.constantFrom('rr', 'wlc'),
  servers: fc.uniqueArray(fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2'), port: fc.constant(80), weight: fc.integer({ min: 0, max: 2 }) }), { selector: ({ address }) => address, maxLength: 2 }),
});
const specs = fc.record({
  snat: fc.uniqueArray(fc.record({ from: fc.constantFrom('192.168.1.0/24', '192.168.2.0/24', '192.168.3.0/24'), pool }), { selector: ({ from }) => from, maxLength: 3 }),
  services: fc.uniqueArray(service, { selector: ({ protocol, address }) => `${protocol} ${address}`, maxLength: 2 }),
}).map((spec): GatewaySpec => ({ ...spec, protocols: ['tcp', 'udp'], outside: 'eth1' }));
const everything = specs.map((spec): GatewaySpec => ({ ...spec, snat: spec.snat.slice(0, 1).map((rule) => ({ ...rule, from: '0.0.0.0/0' })) }));

function byAwk(awk: readonly string[], old: readonly Step[], now: readonly Step[]): string[] {
  for (const [name, steps] of [['old', old], ['now', now]] as const) writeFileSync(join(dir, name), render('rules.eta', { steps }));
  const [program = '', ...rest] = awk;
  const printed = execFileSync(program, [...rest, '-f', AWK, 'old=1', join(dir, 'old'), 'old=0', join(dir, 'now')], { encoding: 'utf8' });
  return printed.split('\n').filter(Boolean).map((line) => line.slice(2));
}

describe.each(['awk', 'busybox awk'])('%s', (awk) => {
  it.each([
    ['dsnat', everything],
    ['dsnat-zones', specs],
    ['lvs-snat-zones', specs],
    // One range a rule.
    ['snat-rules', specs.map((spec): GatewaySpec => ({ ...spec, snat: spec.snat.map((rule) => ({ ...rule, pool: rule.pool.slice(0, 1) })) }))],
    ['nat-snat', specs],
  ] as const)('changes %s as the library does', (name, some) => {
    const { steps } = LANGUAGES[name];
    fc.assert(
      fc.property(some, some, (from, to) => {
        const [old, now] = [steps(from), steps(to)];
        expect(byAwk(awk.split(' '), old, now)).toEqual(change(old, now).map(command));
      }),
      { numRuns: 25 },
    );
  });

  it('keeps a value with quotes and expansions one word', () => {
    const step: Step = { key: "it's $(id)", add: ['ipvsadm', '-A', "a'b $(id) `id` \\ \"x\""], remove: ['ipvsadm', '-D', '$HOME'] };
    const [line = ''] = byAwk(awk.split(' '), [], [step]);
    expect(execFileSync('sh', ['-c', `ipvsadm() { printf '%s\\n' "$@"; }; eval "$1"`, 'sh', line], { encoding: 'utf8' })).toBe("-A\na'b $(id) `id` \\ \"x\"\n");
  });
});

describe.each(['sh', 'busybox sh'])('rules.sh under %s', (shell) => {
  /** What is told to ipvsadm when all of `old` goes and this is listed. */
  function told(old: readonly Step[], listing: string): string[] {
    writeFileSync(join(dir, 'old'), render('rules.eta', { steps: old }));
    const [program = '', ...rest] = shell.split(' ');
    const script = `here=$1 STATE=$2 LISTING=$3
ipvsadm() { case $1 in -Sn) ;; -G) printf '%s\\n' "$LISTING" ;; *) printf 'ipvsadm %s\\n' "$*" >>"$STATE/told" ;; esac; }
. "$here/rules.sh"
: >"$STATE/told"
rules_change "$STATE/old" /dev/null
cat "$STATE/told"`;
    return execFileSync(program, [...rest, '-c', script, 'sh', join(AWK, '..'), dir, listing], { encoding: 'utf8' }).split('\n').filter(Boolean);
  }
  const zones = LANGUAGES['dsnat-zones'].steps({ snat: [{ from: '10.0.0.0/8', pool: ['1.0.0.1'] }, { from: '110.0.0.0/8', pool: ['1.0.0.100'] }], services: [], protocols: ['tcp'], outside: 'eth1' });
  const deleted = (lines: readonly string[]): string[] => lines.filter((line) => line.includes(' -Q '));

  it('deletes an address of a zone only where both are listed', () => {
    expect(deleted(told(zones, ''))).toEqual([]);
    expect(deleted(told(zones, '110.0.0.0/255.0.0.0 1\n 1.0.0.100 0 4'))).toEqual(['ipvsadm -Q --zone 110.0.0.0/8 -z 1.0.0.100']);
    expect(deleted(told(zones, '10.0.0.0/255.0.0.0 1\n 1.0.0.1 0 4\n110.0.0.0/255.0.0.0 1\n 1.0.0.100 0 4'))).toHaveLength(2);
    expect(told(zones, '').length).toBeGreaterThan(2);
  });

  it('makes ours anew when another changed them, not when keepalived’s services come and go', () => {
    const ours = LANGUAGES['nat-snat'].steps({ snat: [{ from: '0.0.0.0/0', pool: ['203.0.113.100'] }, { from: '::/0', pool: ['2001:db8::1'] }], services: [], protocols: ['tcp'], outside: 'eth1' }).filter(({ add }) => add[0] === 'ipvsadm');
    const listed = ['-A -t 0.0.0.0:0 -s rr -p 10', '-a -t 0.0.0.0:0 -r 203.0.113.100:0 -m -w 1', '-A -t [::]:0 -s rr -p 10', '-a -t [::]:0 -r [2001:db8::1]:0 -m -w 1'];
    const reloaded = (first: readonly string[], second: readonly string[], pools: readonly string[] = [], later = pools): string[] => {
      writeFileSync(join(dir, 'rules'), render('rules.eta', { steps: ours }));
      const [program = '', ...rest] = shell.split(' ');
      const script = `here=$1 CONF=$2 STATE=$2/state SN=$3 G=$5
rm -rf "$STATE"; mkdir "$STATE"
ipvsadm() { case $1 in -Sn) printf '%s\\n' "$SN" ;; -G) printf '%s\\n' "$G" ;; *) printf 'ipvsadm %s\\n' "$*" >>"$STATE/told" ;; esac; }
. "$here/rules.sh"
rules_start
SN=$4 G=$6
: >"$STATE/told"
rules_start
cat "$STATE/told"`;
      return execFileSync(program, [...rest, '-c', script, 'sh', join(AWK, '..'), dir, first.join('\n'), second.join('\n'), pools.join('\n'), later.join('\n')], { encoding: 'utf8' }).split('\n').filter(Boolean);
    };
    expect(reloaded(listed, listed)).toEqual([]);
    const theirs = ['-A -t 203.0.113.20:443 -s rr', '-a -t 203.0.113.20:443 -r 192.168.40.10:443 -m -w 1', '-A -f 7 -s rr', '-a -f 7 -r 192.168.40.10:443 -m -w 1'];
    expect(reloaded(listed, [...theirs, ...listed])).toEqual([]);
    const pools = ['VIP:VPORT            TOTAL    SNAT_IP              CONFLICTS  CONNS', '0.0.0.0:0            1', '                              203.0.113.100        0          4'];
    expect(reloaded(listed, listed, pools, [...pools, '203.0.113.20:443     1', '                              192.168.40.5         0          4'])).toEqual([]);
    const anew = reloaded(listed, listed.slice(0, 1));
    expect(anew).toContain('ipvsadm -a -t 0.0.0.0:0 -r 203.0.113.100:0 -m');
    expect(reloaded(listed, listed, pools, pools.slice(0, 2))).toEqual(anew);
  });
});

describe.each(['dash', 'busybox sh'])('modules.sh under %s', (shell) => {
  it('gives conntrack its buckets, and what it had when they are said no longer', () => {
    const hashsize = join(dir, 'module/nf_conntrack/parameters/hashsize');
    mkdirSync(dirname(hashsize), { recursive: true });
    mkdirSync(join(dir, 'buckets'), { recursive: true });
    writeFileSync(hashsize, '16384\n');
    const [program = '', ...rest] = shell.split(' ');
    const start = (buckets: string, file = '.'): string => execFileSync(program, [...rest, '-c', 'BUILD_KERNEL_STATE=$2/buckets BUILD_KERNEL_SYS=$2/$4; . "$1/common.sh"; . "$1/modules.sh"; CONNTRACK_BUCKETS=$3; buckets_start 2>&1; echo "$failed"', 'sh', join(AWK, '..'), dir, buckets, file], { encoding: 'utf8' }).trim();
    expect(start('65536')).toBe('0');
    expect(readFileSync(hashsize, 'utf8')).toBe('65536\n');
    expect(start('')).toBe('0');
    expect(readFileSync(hashsize, 'utf8')).toBe('16384\n');
    expect(start('65536', 'none')).toMatch(/does not tell the buckets of conntrack\n1$/);
  });

  it('says when ip_vs was loaded anew, and keepalived is then started anew', () => {
    const [program = '', ...rest] = shell.split(' ');
    const state = mkdtempSync(join(dir, 'anew-'));
    const sh = (script: string): string => execFileSync(program, [...rest, '-c', script], { encoding: 'utf8' });
    const activate = render('activate.eta', { systemd: true, keepalived: true, rcFolder: '/etc' }).replaceAll('/var/run/build-kernel', state);
    const activated = (): string[] => sh(`systemctl() { printf '%s\\n' "$*"; }; udevadm() { :; }; ${activate}`).split('\n').filter((line) => line.includes('keepalived'));
    expect(activated()).toEqual(['reload-or-restart keepalived.service']);
    sh(`BUILD_KERNEL_STATE=${state}; . ${join(AWK, '..')}/common.sh; . ${join(AWK, '..')}/modules.sh; rmmod() { :; }; ipvsadm() { :; }; unload_ip_vs`);
    expect(activated()).toEqual(['restart keepalived.service']);
    expect(activated()).toEqual(['reload-or-restart keepalived.service']);
  });
});
