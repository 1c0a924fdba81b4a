import type { Host } from './host.js';
import type { HostNetwork } from './network.js';

/** Gives a host the addresses of its place in the topology, in the files its distribution has for that: they outlive reboots. */

const prefixed = (address: string): { ip: string; length: string } => {
  const [ip = '', length = ''] = address.split('/');
  return { ip, length };
};

function el6(name: string, addresses: readonly string[]): string {
  const lines = [`DEVICE=${name}`, 'TYPE=Ethernet', 'ONBOOT=yes', 'BOOTPROTO=none'];
  addresses.filter((each) => !each.includes(':')).forEach((address, index) => {
    const { ip, length } = prefixed(address);
    const number = index === 0 ? '' : String(index + 1);
    lines.push(`IPADDR${number}=${ip}`, `PREFIX${number}=${length}`);
  });
  return `${lines.join('\n')}\n`;
}

function debian(name: string, addresses: readonly string[], routes: readonly string[]): string {
  const stanzas = addresses.map((address, index) => {
    const family = address.includes(':') ? 'inet6' : 'inet';
    return [`iface ${name} ${family} static`, `\taddress ${address}`, ...(index === 0 ? routes.map((route) => `\tup ip route replace ${route} || true`) : [])].join('\n');
  });
  return `auto ${name}\n${stanzas.join('\n')}\n`;
}

/** Routes of the topology that leave by an interface (their next hop is in one of its networks, by the first three bytes). */
function routesBy(routes: readonly string[], addresses: readonly string[]): string[] {
  const networks = addresses.filter((each) => !each.includes(':')).map((address) => address.split('.').slice(0, 3).join('.'));
  return routes.filter((route) => networks.some((network) => route.includes(`via ${network}.`)));
}

/**
 * Writes the settings of a host's three NICs and brings them up.
 * @returns names of the NICs by segment
 */
export async function giveAddresses(host: Host, network: HostNetwork, name: 'gateway' | 'gateway2'): Promise<Record<'inside' | 'isp1' | 'isp2', string>> {
  const names = await network.names(host, name);
  const script = ['set -e'];
  for (const segment of ['inside', 'isp1', 'isp2'] as const) {
    const { addresses } = network.interface(name, segment);
    const routes = routesBy(network.routes(name), addresses);
    const nic = names[segment];
    const put = (path: string, text: string): string => `cat > ${path} <<'END'\n${text}END`;
    if (host.options.image.kind === 'el6') {
      script.push(put(`/etc/sysconfig/network-scripts/ifcfg-${nic}`, el6(nic, addresses)));
      if (routes.length > 0) script.push(put(`/etc/sysconfig/network-scripts/route-${nic}`, routes.map((route) => `${route}\n`).join('')));
    } else {
      script.push(put(`/etc/network/interfaces.d/${nic}`, debian(nic, addresses, routes)));
    }
    script.push(`ifup ${nic}`);
  }
  await host.run([...script, 'sync'].join('\n'));
  return names;
}
