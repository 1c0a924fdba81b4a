import { z } from 'zod';
import { formatNetwork, isHostAddress, parseAddress, parseCidr, parseRange, sizeOf } from '../../../lib/net/address.js';

/**
 * The values of gateway.yaml. Each takes only what the thing it names can be: what passes here may be written into a
 * configuration file of root's. Patterns leave room for no white space, quote, semicolon, dollar, slash or control character
 * unless the value needs one.
 */

/** Addresses that one entry of a pool may stand for. */
export const POOL_LIMIT = 4096n;

/** Longest text that any value can be. */
const LINE = 256;

/** Characters of addresses and ranges, before they are read as what they are. */
const chars = (pattern: RegExp, message: string): z.ZodString => z.string({ error: message }).max(LINE, 'too long').regex(pattern, message);

export const address = chars(/^[0-9a-fA-F:.]{2,45}$/, 'an IPv4 or IPv6 address, as 203.0.113.10').refine(
  (text) => {
    const parsed = parseAddress(text);
    return parsed !== undefined && isHostAddress(parsed);
  },
  { error: 'an address that a host can have: not unspecified, loopback, multicast or reserved', abort: true },
).meta({ title: 'address' });

/** The address of a host with its network's length. */
export const hostCidr = chars(/^[0-9a-fA-F:.]{2,45}\/\d{1,3}$/, "an address with its network's length, as 192.168.40.1/24").superRefine((text, context) => {
  const fault = (message: string): void => context.addIssue({ code: 'custom', message });
  const cidr = parseCidr(text);
  if (!cidr) fault('an address with the length of its network, as 192.168.40.1/24');
  else if (!isHostAddress({ family: cidr.family, value: cidr.address })) fault('not an address that a host can have');
  else if (cidr.prefix === 0) fault('a network of length 0 is all addresses');
  else if (cidr.family === 4 && cidr.prefix < 31 && (cidr.address === cidr.first || cidr.address === cidr.last)) fault(`the ${cidr.address === cidr.first ? 'network' : 'broadcast'} address of ${formatNetwork(cidr)} is no host's`);
}).meta({ title: 'address/length' });

/** A network, or a single address. */
export const network = chars(/^[0-9a-fA-F:.]{2,45}(\/\d{1,3})?$/, 'a network, as 192.168.40.0/24').superRefine((text, context) => {
  const cidr = parseCidr(text);
  if (!cidr) context.addIssue({ code: 'custom', message: 'a network, as 192.168.40.0/24, or an address' });
  else if (cidr.address !== cidr.first) context.addIssue({ code: 'custom', message: `an address inside a network; the network is ${formatNetwork(cidr)}` });
}).meta({ title: 'network' });

export const poolEntry = chars(/^[0-9a-fA-F:.]{2,45}(\/\d{1,3}|-[0-9a-fA-F:.]{2,45})?$/, 'an address, a range first-last, or a network, as 203.0.113.100-203.0.113.110').superRefine((text, context) => {
  const range = parseRange(text);
  const fault = (message: string): void => context.addIssue({ code: 'custom', message });
  if (!range) fault('an address, a range first-last (first not after last, both of one family), or a network whose first address it is');
  else if (sizeOf(range) > POOL_LIMIT) fault(`stands for more than ${String(POOL_LIMIT)} addresses`);
  else if (!isHostAddress({ family: range.family, value: range.first }) || !isHostAddress({ family: range.family, value: range.last })) fault('has addresses that no host can have');
}).meta({ title: 'addresses' });

/** A network device: at most 15 characters (IFNAMSIZ), those that interfaces, VLANs and bonds are called by. */
export const device = chars(/^(?!\.{1,2}$)[A-Za-z0-9_][A-Za-z0-9._@-]{0,14}$/, 'the name of a network device: at most 15 letters, digits and . _ @ -').meta({ title: 'device' });

/** Names that people choose: pools, hosts, VRRP instances. */
export const name = chars(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, 'a name: at most 32 letters, digits and _ . -').meta({ title: 'name' });

export const hostName = chars(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/, 'the name of a host: letters, digits, dots and dashes').meta({ title: 'host' });

export const port = z.number({ error: 'a port, 1 to 65535' }).int().min(1, 'a port, 1 to 65535').max(65535, 'a port, 1 to 65535').meta({ title: 'port' });

export const flavourName = chars(/^[a-z0-9][a-z0-9.-]{0,63}$/, 'the name of a flavour (build-kernel list shows them)').meta({ title: 'flavour' });

/** A path on this machine. */
export const localPath = z.string().max(1024, 'too long').regex(/^(?!-)[^\u0000-\u001f\u007f]+$/, 'a path without control characters that does not begin with a dash').meta({ title: 'path' });

/** What ssh is given: a host of its configuration, an address, user@host. */
export const sshDestination = chars(/^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@)?([A-Za-z0-9_]([A-Za-z0-9._-]{0,252})|[0-9a-fA-F:]{2,45})$/, "what ssh's command line takes: host, user@host").meta({ title: 'ssh destination' });

export const sysctlName = chars(
  /^(net|vm|fs|kernel)(\.[A-Za-z0-9_][A-Za-z0-9_/@-]{0,63}){1,6}$/,
  'the name of a setting below net, vm, fs or kernel, as net.core.netdev_max_backlog (a dot in a device\'s name is written as /)',
).refine((text) => !/\/\//.test(text) && !/^kernel\.(core_pattern|modprobe|poweroff_cmd|hotplug|usermodehelper|sysrq|kexec)/.test(text), 'this setting names a program of the kernel\'s, or ends the machine: not set from here').meta({ title: 'setting' });

export const sysctlValue = z.union([
  z.number().int().min(-2147483648).max(9007199254740991),
  chars(/^[A-Za-z0-9_.:,=\/-]+([ \t][A-Za-z0-9_.:,=\/-]+){0,15}$/, 'numbers or words with single spaces between'),
], { error: 'a whole number, or numbers and words with single spaces between' }).meta({ title: 'value' });

/** keepalived takes eight characters and no more; # and ! begin its comments. */
export const vrrpPassword = z.string({ error: 'a text' }).regex(/^[A-Za-z0-9._%+=,:@\/-]{1,8}$/, "1 to 8 letters, digits and . _ % + = , : @ / - (VRRP's passwords have eight characters)").meta({ title: 'password' });

/** Path and query of an HTTP request. */
export const httpPath = chars(/^\/[A-Za-z0-9._~%\/?&=+,:@-]{0,200}$/, 'a path that begins with /').meta({ title: 'path of a URL' });

export const feature = chars(/^[a-z0-9][a-z0-9-]{0,30}$/, 'the name of an offload as ethtool -K takes it').meta({ title: 'offload' });

export const onOff = z.enum(['on', 'off'], { error: 'on or off' }).meta({ title: 'on or off' });
