import { z } from 'zod';
import { address, device, feature, hostCidr, name, network, onOff, poolEntry, port, httpPath, sysctlName, sysctlValue, vrrpPassword, localPath, sshDestination, hostName } from './values.js';

/** The parts of gateway.yaml. Descriptions go into the JSON Schema and the reference (docs/GATEWAY-YAML.md). */

const positive = (max: number): z.ZodNumber => z.number().int().min(1).max(max);

export const interfaceSchema = z
  .strictObject({
    device: device.describe('Name of the network device: eth0, bond0, eth1.100.'),
    role: z.enum(['inside', 'outside', 'management', 'other']).describe('inside: towards the clients; outside: an uplink; management: ssh only; other: left alone.'),
    addresses: z.array(hostCidr).max(64).default([]).describe("The host's own addresses, with the length of their network. Left out: whatever the host gives it. Pool and service addresses do not belong here: they are added by themselves."),
    gateway: z
      .union([address, z.array(address).min(1).max(2)], { error: 'an address, or a list of two: IPv4 and IPv6' })
      .optional()
      .describe('Next hop of the default route (outside), or of `routes`; a list: one for IPv4, one for IPv6.'),
    routes: z.array(network).max(256).default([]).describe('Networks reached through `gateway` in place of the default route of their family.'),
    mtu: z.number().int().min(576).max(65535).optional().describe('Left out: what the device has.'),
  })
  .describe('A network device of the gateway.');

const poolReference = z.union([name, z.array(poolEntry).min(1).max(256)], { error: 'the name of a pool, or a list of addresses, ranges and networks' });

const expectSchema = z
  .strictObject({
    connections: positive(1e9).describe('Connections at one time, at the busiest.'),
    servers: positive(1e9).default(1).describe('Different servers (address and port) outside that they spread over; 1 is the worst case: all to one.'),
  })
  .describe('Load to expect: whether the ports of a pool suffice is computed from it.');

export const snatSchema = z
  .strictObject({
    from: z.union([network, z.array(network).min(1).max(64)], { error: 'a network, as 192.168.40.0/24, or a list of them' }).optional().describe('Source networks; left out: all.'),
    to: network.optional().describe('Only what goes to this network.'),
    oif: device.optional().describe('Only what leaves by this device.'),
    gw: address.optional().describe('Only what the routing table sends to this next hop.'),
    new_gw: address.optional().describe('Send it to this next hop instead.'),
    pool: poolReference.describe('Public addresses: the name of a pool, or addresses, ranges first-last and networks.'),
    algorithm: z.enum(['rr', 'sh', 'sdh', 'random']).optional().describe('How an address is chosen: in turn (rr), by source (sh), by source and destination (sdh), at random.'),
    persistence: z.union([z.boolean(), positive(86400)], { error: 'true, false or seconds' }).optional().describe('One client keeps one address; a number says how many seconds after its last connection.'),
    expect: expectSchema.optional(),
  })
  .describe('What is translated, and to which addresses. The first rule that fits decides (lvs-snat-v2: the one with the longest source prefix).');

const checkSchema = z
  .strictObject({
    kind: z.enum(['tcp', 'http', 'https']).default('tcp').describe('tcp: a connection is opened; http, https: a page is asked for.'),
    path: httpPath.optional().describe('http, https: what is asked for; / when left out.'),
    status: z.number().int().min(100).max(599).optional().describe('http, https: the status expected; 200 when left out.'),
    digest: z.string().regex(/^[0-9a-f]{32}$/, "32 hexadecimal digits, as genhash prints them").optional().describe("http, https: MD5 of the page (keepalived's genhash prints it)."),
    port: port.optional().describe("Another port than the real server's."),
    timeout: positive(300).default(3).describe('Seconds until an answer must be there.'),
    interval: positive(3600).default(6).describe('Seconds between checks.'),
    retries: positive(20).optional().describe("Further tries before a server is taken out; left out: keepalived's own. keepalived 1.2 has none for tcp."),
  })
  .describe("How the health of real servers is looked at. A service with a check is keepalived's.");

export const serviceSchema = z
  .strictObject({
    mode: z.enum(['nat', 'fullnat']).describe("nat: real servers see the clients' addresses and answer through this gateway; fullnat: they see local addresses."),
    protocol: z.enum(['tcp', 'udp']).default('tcp').describe('Protocol of the service.'),
    address: address.describe('Address that clients use.'),
    port: port.describe('Port that clients use.'),
    scheduler: z.enum(['rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'sed', 'nq']).default('rr').describe("IPVS's scheduler."),
    persistence: positive(86400).optional().describe('Seconds a client keeps its real server.'),
    local: z.array(poolEntry).min(1).max(256).optional().describe('fullnat: addresses that real servers see.'),
    servers: z
      .array(
        z.strictObject({
          address: address.describe('Address of the real server.'),
          port: port.optional().describe("Its port; the service's when left out."),
          weight: z.number().int().min(0).max(65535).default(1).describe('0: no new connections.'),
        }),
      )
      .min(1)
      .max(1024)
      .describe('Real servers.'),
    check: checkSchema.optional(),
  })
  .describe('A virtual service beside SNAT.');

export const redirectSchema = z
  .strictObject({
    from: network.optional().describe('Source network.'),
    to: network.optional().describe('Destination network.'),
    protocol: z.enum(['tcp', 'udp']).optional().describe('Only this protocol; left out: all.'),
    port: port.optional().describe('Destination port; needs protocol.'),
    iif: device.optional().describe('Device the packets come in by.'),
    oif: device.optional().describe('Device the routing table sends them to.'),
    gw: address.optional().describe('Only what the routing table sends to this next hop.'),
    next_hop: address.describe('Where they go instead.'),
  })
  .describe('CHROUTE: forwarded packets that fit leave by another next hop (add-on chroute).');

const ring = z.union([z.literal('max'), positive(65536)], { error: "max or a number of descriptors" });

export const tuningSchema = z
  .strictObject({
    gro: onOff.optional().describe("Generic receive offload on inside and outside devices; left out: what the flavour needs (off for dsnat and LVS v1), or the driver's own."),
    lro: onOff.optional().describe('Large receive offload; it is always off on a gateway: on is refused.'),
    offloads: z.record(device, z.record(feature, onOff)).default({}).describe('Other offloads by device, in the words of ethtool -K: {eth1: {tso: off}}.'),
    rings: z.record(device, z.strictObject({ rx: ring.optional().describe('Receive ring, entries.'), tx: ring.optional().describe('Send ring, entries.') })).default({}).describe('Ring sizes by device; max: what the device can.'),
    irq: z
      .strictObject({
        policy: z.enum(['spread', 'numa', 'none']).default('spread').describe("spread: a queue's interrupt to a core each; numa: only to cores of the device's node; none: left alone."),
        irqbalance: z.enum(['ban', 'off', 'keep']).default('ban').describe("ban: irqbalance leaves these interrupts alone; off: it does not run; keep: as it is (it overwrites the spread)."),
      })
      .default({ policy: 'spread', irqbalance: 'ban' })
      .describe('Interrupts of inside and outside devices.'),
    rps: z.boolean().default(false).describe('Receive packet steering over all cores, for inside and outside devices with fewer queues than cores.'),
    conntrack: z
      .strictObject({ max: positive(268435456).optional().describe('Entries of the table.'), buckets: positive(67108864).optional().describe('Its hash buckets, a multiple of 512.') })
      .default({})
      .describe("Size of the connection tracking table; left out: the kernel's."),
    ipvs: z.strictObject({ table_bits: z.number().int().min(8).max(20).optional().describe("log2 of the buckets of IPVS's connection table (parameter conn_tab_bits; 2.6.32 has none and takes --set CONFIG_IP_VS_TAB_BITS at its build).") }).default({}).describe("IPVS's own."),
    sysctls: z.record(sysctlName, sysctlValue).default({}).describe("Kernel settings, after the toolkit's own and winning over them: {net.core.netdev_max_backlog: 10000}."),
    debug: z.number().int().min(0).max(12).optional().describe("IPVS's debug level; needs a kernel built with --debug-ipvs."),
  })
  .describe('Settings of devices and kernel.');

export const haSchema = z
  .strictObject({
    password: vrrpPassword.optional().describe('Password of VRRP, at most 8 characters. Better: password_file.'),
    password_file: localPath.optional().describe('File with the password, relative to gateway.yaml.'),
    sync_group: name.default('GATEWAY').describe('Name of the VRRP sync group: all instances change sides together.'),
    instances: z
      .array(
        z.strictObject({
          name: name.optional().describe('Left out: INSIDE, OUTSIDE, … by the role of the device.'),
          device: device.describe('Device the adverts go out by.'),
          id: z.number().int().min(1).max(255).describe('Virtual router id: one no other VRRP router of the network uses.'),
          addresses: z.array(hostCidr).max(512).default([]).describe('Addresses that move with the role: the gateway of the clients. Pool and service addresses are added by themselves.'),
        }),
      )
      .min(1)
      .max(64)
      .describe('VRRP instances, one for each network whose addresses move.'),
    unicast: z.boolean().default(false).describe("Adverts go to the other hosts' addresses in place of multicast (current keepalived only)."),
    sync: z
      .strictObject({
        device: device.describe('Device of the synchronisation.'),
        id: z.number().int().min(0).max(255).optional().describe("Id of the pair; left out: 1. keepalived 1.2 takes the first instance's."),
      })
      .optional()
      .describe("IPVS's connection synchronisation: connections live on when the role moves."),
    preempt_delay: z
      .number()
      .int()
      .min(0)
      .max(1000)
      .optional()
      .describe('Seconds that a host which comes back leaves the role where it is; left out: 30 with `sync`, in which it learns the connections there are, else 0.'),
  })
  .describe('Two or more gateways, one of them master. They are the hosts of `hosts`.');

const sshSchema = z.strictObject({
  destination: sshDestination.optional().describe("Host, user@host or a name of ssh's configuration; left out: the host's name."),
  port: port.optional().describe("Port of its sshd; left out: ssh's own."),
  config: localPath.optional().describe("ssh's configuration file, relative to gateway.yaml; left out: the user's."),
  identity: localPath.optional().describe('Private key file.'),
  old_algorithms: z.boolean().default(false).describe("Allow what EL6's sshd needs and current ssh refuses: ssh-rsa, diffie-hellman-group14-sha1, aes128-cbc."),
});

export const hostSchema = z
  .strictObject({
    ssh: sshSchema
      .default({ old_algorithms: false })
      .describe('How the host is reached.'),
    addresses: z.record(device, z.array(hostCidr).max(64)).default({}).describe("This host's addresses by device, in place of the interface's."),
    management: address.optional().describe("This host's management address, in place of access.management."),
    priority: z.number().int().min(1).max(254).optional().describe('VRRP priority; the highest is master.'),
  })
  .describe('Values of one host.');

export const probeSchema = z
  .strictObject({
    from: sshSchema.extend({ destination: sshDestination.describe("Host, user@host or a name of ssh's configuration.") }).describe('A client inside, whose way outside is the gateway; reached by ssh.'),
    connect: z.strictObject({ address: address.describe('Its address.'), port: port.describe('Its port.') }).describe('A TCP service outside that accepts connections.'),
  })
  .describe('Proof by traffic: before a gateway is kept, the client opens a connection, and the gateway must show it translated to a pool address.');

export const accessSchema = z
  .strictObject({
    management: address.optional().describe('Address of the host that ssh goes to and no service or pool uses. FULLNAT takes all traffic to its addresses, ssh included.'),
    ports: z.array(port).max(64).default([22]).describe('TCP ports of the host that stay open to outside.'),
    leak_guard: z.boolean().default(true).describe('Stop what comes from inside and would leave untranslated.'),
  })
  .describe('How the host itself is reached.');

export const hostKey = hostName;
export { expectSchema, poolReference };
