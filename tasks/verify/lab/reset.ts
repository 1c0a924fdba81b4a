import type { Lab } from './lab.js';

/** Puts nodes back as they were after boot, much faster than a boot. */

/** Takes IPVS out of the kernel, with all it holds, and netfilter's rules and connections. */
const GATEWAY = `
pkill keepalived
ipvsadm -C 2>/dev/null
# The guard of nat-snat holds the module.
[ -e /proc/sys/net/ipv4/vs/snat_guard ] && echo 0 > /proc/sys/net/ipv4/vs/snat_guard
for t in nat mangle raw filter lbg; do iptables -t $t -F 2>/dev/null; done
ip6tables -t mangle -F 2>/dev/null
command -v nft >/dev/null && nft flush ruleset
for pass in 1 2 3; do
  for m in $(awk '/^(ip_vs|ipt_CHROUTE|iptable_lbg)/ { print $1 }' /proc/modules); do rmmod $m 2>/dev/null; done
done
left=$(awk '/^ip_vs/ { printf "%s ", $1 }' /proc/modules)
[ -z "$left" ] || echo "left: $left"
command -v conntrack >/dev/null && conntrack -F 2>/dev/null
true`;

const OTHERS = 'pkill traffic; true';

/** IPVS waits for its connections to go; longer than this it hangs. */
const TIMEOUT = 8000;

/**
 * @returns what could not be taken away; undefined when all is as at boot
 * @throws GuestFault
 */
export async function resetNodes(lab: Lab): Promise<string | undefined> {
  for (const node of lab.nodes) {
    const ran = await lab.node(node.name).sh(node.role === 'gateway' ? GATEWAY : OTHERS, TIMEOUT);
    if (!ran.ok) return `the reset of ${node.name} ended with ${ran.ended}`;
    const left = /left: (.*)/.exec(ran.stdout)?.[1];
    if (left !== undefined) return `the modules ${left.trim()} do not unload`;
    await lab.configure(node);
  }
  return undefined;
}
