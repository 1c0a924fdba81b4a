import { describe, expect, it } from 'vitest';
import { renderKeepalived } from '../../../tasks/lib/gateway/keepalived.js';
import { LANGUAGES, type LanguageName } from '../../../tasks/lib/gateway/languages.js';
import { CannotSay, type GatewaySpec } from '../../../tasks/lib/gateway/spec.js';

const spec = (change: Partial<GatewaySpec> = {}): GatewaySpec => ({
  snat: [{ from: '0.0.0.0/0', pool: ['1.2.100.1', '1.2.100.2'] }],
  protocols: ['tcp'],
  services: [],
  nextHop: '1.2.1.1',
  outside: 'eth1',
  ...change,
});
const lines = (name: LanguageName, given: GatewaySpec): string[] => LANGUAGES[name].commands(given).map((command) => command.join(' '));

describe('the configuration languages, as their READMEs have them', () => {
  it('dsnat-220: a pool on the service', () => {
    expect(lines('dsnat', spec())).toEqual(['ipvsadm -A -t 0.0.0.0:0 -s rr', 'ipvsadm -P -t 0.0.0.0:0 -z 1.2.100.1', 'ipvsadm -P -t 0.0.0.0:0 -z 1.2.100.2']);
  });
  it('dsnat-279: a pool on a zone, with -P', () => {
    expect(lines('dsnat-zones', spec({ snat: [{ from: '1.1.0.0/16', pool: ['1.2.100.1'] }] }))).toEqual([
      'ipvsadm -A -t 0.0.0.0:0 -s rr',
      'ipvsadm -K --zone 1.1.0.0/16',
      'ipvsadm -P --zone 1.1.0.0/16 -z 1.2.100.1',
    ]);
  });
  it('lvs-snat-279: a pool on a zone, with -U; -P is the service\'s again', () => {
    const service = { mode: 'fullnat', protocol: 'tcp', address: '1.2.1.9', port: 80, servers: [{ address: '1.1.1.1', port: 8080 }], local: ['1.1.100.9'] } as const;
    expect(lines('lvs-snat-zones', spec({ services: [service] }))).toEqual([
      'ipvsadm -A -t 0.0.0.0:0 -s rr',
      'ipvsadm -K --zone 0.0.0.0/0',
      'ipvsadm -U --zone 0.0.0.0/0 -z 1.2.100.1',
      'ipvsadm -U --zone 0.0.0.0/0 -z 1.2.100.2',
      'ipvsadm -A -t 1.2.1.9:80 -s rr',
      'ipvsadm -P -t 1.2.1.9:80 -z 1.1.100.9',
      'ipvsadm -a -t 1.2.1.9:80 -r 1.1.1.1:8080 -b',
    ]);
  });
  it('nat-snat-279: a persistent service with the public addresses as real servers', () => {
    expect(lines('nat-service', spec())).toEqual(['ipvsadm -A -t 0.0.0.0:0 -s rr -p 10', 'ipvsadm -a -t 0.0.0.0:0 -r 1.2.100.1:0 -m', 'ipvsadm -a -t 0.0.0.0:0 -r 1.2.100.2:0 -m']);
  });
  it('lvs-snat-v2: rules', () => {
    expect(lines('snat-rules', spec({ snat: [{ from: '192.168.50.0/24', gateway: '1.1.2.1', newGateway: '1.1.3.1', pool: ['1.1.3.100', '1.1.3.101'], algorithm: 'sh' }] }))).toEqual([
      'ipvsadm -A -f 1 -s snat_sched',
      'ipvsadm -K -f 1 -F 192.168.50.0/24 -W 1.1.2.1 -U 1.1.3.100-1.1.3.101 -O sh -N 1.1.3.1 -b',
    ]);
  });
  it('iptables', () => {
    expect(lines('iptables', spec({ snat: [{ from: '192.168.100.0/24', pool: ['1.1.2.100', '1.1.2.101', '1.1.2.102'], persistent: true }] }))).toEqual([
      'iptables -t nat -A POSTROUTING -s 192.168.100.0/24 -o eth1 -j SNAT --to-source 1.1.2.100-1.1.2.102 --persistent',
    ]);
  });

  it.each<[LanguageName, Partial<GatewaySpec>, RegExp]>([
    ['dsnat', { snat: [{ from: '10.0.0.0/8', pool: ['1.2.3.4'] }] }, /source network/],
    ['dsnat-zones', { snat: [{ from: '10.0.0.0/8', pool: ['1.2.3.4'], oif: 'eth1' }] }, /oif eth1/],
    ['nat-service', { services: [{ mode: 'fullnat', protocol: 'tcp', address: '1.2.3.4', port: 80, servers: [] }] }, /FULLNAT/],
    ['fullnat', {}, /SNAT/],
    ['fwmark-snat', { nextHop: undefined }, /router/],
    ['iptables', { snat: [{ from: '10.0.0.0/8', pool: ['1.2.3.4'], newGateway: '1.1.1.1' }] }, /new_gw/],
  ])('%s refuses what it cannot say', (name, change, words) => {
    expect(() => lines(name, spec(change))).toThrow(CannotSay);
    expect(() => lines(name, spec(change))).toThrow(words);
  });
});

describe('keepalived.conf', () => {
  it('of dsnat names the pool as a local address group', () => {
    expect(renderKeepalived('dsnat', spec())).toMatch(/local_address_group pool \{\n {4}1\.2\.100\.1\n {4}1\.2\.100\.2\n\}\nvirtual_server 0\.0\.0\.0 0 \{[^}]*lb_kind FNAT[^}]*laddr_group_name pool/);
  });
  it('of lvs-snat-v2 holds rules', () => {
    const conf = renderKeepalived('snat-rules', spec({ snat: [{ from: '192.168.40.0/24', gateway: '1.1.3.1', oif: 'eth2', pool: ['1.1.3.71', '1.1.3.72', '1.1.3.73'], algorithm: 'random' }] }));
    expect(conf).toMatch(/virtual_server fwmark 1 \{[\s\S]*snat_rule \{\s+from 192\.168\.40\.0\/24\s+gw 1\.1\.3\.1\s+oif eth2\s+snat_ip 1\.1\.3\.71-1\.1\.3\.73\s+algo random/);
  });
  it('of lvs-snat-279 cannot configure zones', () => {
    expect(() => renderKeepalived('lvs-snat-zones', spec())).toThrow(CannotSay);
  });
  it('braces pair up, with VRRP too', () => {
    const conf = renderKeepalived('dsnat-zones', spec(), { master: true, password: 'x', instances: [{ name: 'A', interface: 'eth0', id: 1, priority: 100, addresses: ['1.1.1.1/24'] }] });
    expect(conf.split('{')).toHaveLength(conf.split('}').length);
    expect(conf).toContain('vrrp_sync_group GATEWAY');
  });
  it('synchronisation of connections, as each keepalived says it', () => {
    const ha = { master: true, password: 'x', sync: { interface: 'eth2', id: 7 }, instances: ['A', 'B'].map((name, index) => ({ name, interface: `eth${String(index)}`, id: index + 1, priority: 100, addresses: ['1.1.1.1/24'] })) };
    expect(renderKeepalived('nat-snat', spec(), ha)).toMatch(/global_defs \{\n {4}router_id gateway\n {4}lvs_sync_daemon eth2 A id 7\n\}/);
    const old = renderKeepalived('dsnat-zones', spec(), ha);
    expect(old).not.toMatch(/lvs_sync_daemon /);
    expect(old.match(/lvs_sync_daemon_interface eth2/g)).toHaveLength(1);
    expect(old).toMatch(/vrrp_instance A \{\n {4}state MASTER\n {4}interface eth0\n {4}lvs_sync_daemon_interface eth2/);
  });
  it('one that comes back waits before it takes the role', () => {
    const ha = { master: true, password: 'x', preemptDelay: 30, instances: [{ name: 'A', interface: 'eth0', id: 1, priority: 100, addresses: ['1.1.1.1/24'] }] };
    for (const language of ['nat-snat', 'dsnat-zones'] as const) expect(renderKeepalived(language, spec(), ha)).toMatch(/vrrp_instance A \{\n {4}state BACKUP\n {4}preempt_delay 30\n/);
  });
});
