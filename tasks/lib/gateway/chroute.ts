import type { Command, Step } from './steps.js';

/** The add-on CHROUTE: rules of the table lbg that give forwarded packets another next hop (modules iptable_lbg, ipt_CHROUTE). */

/** What it selects; IPv4 only. */
export interface RedirectRule {
  from?: string;
  to?: string;
  protocol?: 'tcp' | 'udp';
  /** Destination port. */
  port?: number;
  /** Interface the packets come in by. */
  iif?: string;
  /** Interface that the routing table sends them to. */
  oif?: string;
  /** Only what the routing table sends to this next hop. */
  oldHop?: string;
  nextHop: string;
}

/** Modules that its rules need. */
export const CHROUTE_MODULES = ['iptable_lbg', 'ipt_CHROUTE'] as const;

export function redirectSteps(redirects: readonly RedirectRule[]): Step[] {
  return redirects.map(({ from, to, protocol, port, iif, oif, oldHop, nextHop }): Step => {
    const words = [
      ...(iif === undefined ? [] : ['-i', iif]),
      ...(oif === undefined ? [] : ['-o', oif]),
      ...(from === undefined ? [] : ['-s', from]),
      ...(to === undefined ? [] : ['-d', to]),
      ...(protocol === undefined ? [] : ['-p', protocol, ...(port === undefined ? [] : ['--dport', String(port)])]),
      '-j', 'CHROUTE', '--gw', nextHop,
      ...(oldHop === undefined ? [] : ['--old-gw', oldHop]),
    ];
    const command = (action: string): Command => ['iptables', '-t', 'lbg', action, 'FORWARD', ...words];
    return { key: `lbg ${words.join(' ')}`, list: 'lbg', add: command('-A'), remove: command('-D') };
  });
}
