import { join } from 'node:path';
import { writeAtomic } from '../../lib/files.js';
import { shellQuote } from '../../lib/exec.js';
import { LANGUAGES, type LanguageName } from '../../lib/gateway/languages.js';
import type { GatewaySpec, SnatRule } from '../../lib/gateway/spec.js';
import type { Lab, Ran } from '../lab/lab.js';
import { captureSize, captureSlice, describePacket, parseCapture, type Packet } from '../lab/pcap.js';
import { ISP1, POOL, SEGMENTS, type NodeName, type Segment } from '../lab/topology.js';
import { captureFile } from '../lab/wiring.js';
import type { Capture, Check, Step } from '../types.js';
import { connectCommand, parseConnections, parsePings, type Connection, type ConnectOptions, type Ping } from './traffic.js';

/** What a scenario works with: commands that are recorded, checks, packets. */

/** What is tested: facts of the flavour and its build. */
export interface Subject {
  name: string;
  language: LanguageName;
  addons: readonly string[];
  release: string;
  /** Words of what the flavour's language can say and what not. */
  debug: boolean;
  /** Which of these its gateway has. */
  programs: readonly ('keepalived' | 'iptables')[];
}

/** Lines of output that a report keeps of a command. */
const OUTPUT_LINES = 40;
/** Packets that a report prints of a capture. */
const CAPTURE_LINES = 20;

function shorten(text: string): string {
  const lines = text.trimEnd().split('\n');
  return lines.length <= OUTPUT_LINES ? lines.join('\n') : [...lines.slice(0, OUTPUT_LINES / 2), `… ${String(lines.length - OUTPUT_LINES)} lines …`, ...lines.slice(-OUTPUT_LINES / 2)].join('\n');
}

export class Context {
  readonly steps: Step[] = [];
  readonly checks: Check[] = [];
  private readonly starts = new Map<string, number>();
  /** Where each capture stood when the gateway was configured. */
  private readonly configuredAt = new Map<string, number>();
  private readonly cleanups: (() => Promise<void>)[] = [];
  private configured: GatewaySpec | undefined;
  private servers = 0;

  constructor(
    readonly lab: Lab,
    readonly subject: Subject,
  ) {}

  private gateways(): NodeName[] {
    return this.lab.nodes.filter(({ role }) => role === 'gateway').map(({ name }) => name);
  }

  private captures(): { node: NodeName; segment: Segment; path: string }[] {
    return this.lab.nodes
      .filter(({ role }) => role === 'gateway')
      .flatMap(({ name: node, interfaces }) => SEGMENTS.filter((segment) => interfaces.some((each) => each.segment === segment)).map((segment) => ({ node, segment, path: captureFile(this.lab.options.folder, node, segment) })));
  }

  /** Remembers where each capture stands. */
  async begin(): Promise<void> {
    for (const { path } of this.captures()) this.starts.set(path, await captureSize(path));
  }

  /** Runs a command on a node, to its end; it is recorded as it would be typed. */
  async run(node: NodeName, command: string | readonly string[], timeout?: number): Promise<Ran> {
    const argv = typeof command === 'string' ? ['sh', '-c', command] : command;
    const ran = await this.lab.node(node).exec(argv, timeout);
    this.record(node, typeof command === 'string' ? command : shellQuote(command), ran);
    return ran;
  }

  private record(node: NodeName, command: string, ran: Ran): void {
    this.steps.push({ node, command, ended: ran.ended, output: shorten([ran.stdout.trimEnd(), ran.stderr.trimEnd()].filter(Boolean).join('\n')), at: ran.at, took: ran.took });
  }

  /** A command whose failure ends the scenario. */
  async must(node: NodeName, command: string | readonly string[], timeout?: number): Promise<Ran> {
    const ran = await this.run(node, command, timeout);
    if (!ran.ok) throw new ScenarioFailure(`${node}: ${typeof command === 'string' ? command : shellQuote(command)} ended with ${ran.ended}: ${(ran.stderr || ran.stdout).trim().split('\n').slice(-3).join('; ')}`);
    return ran;
  }

  check(what: string, expected: string, seen: string, ok: boolean): boolean {
    this.checks.push({ what, expected, seen, ok });
    return ok;
  }

  /** A rule for everything from inside to the usual pool, in this flavour's terms. */
  usualRule(pool: readonly string[] = POOL): SnatRule {
    switch (this.subject.language) {
      case 'snat-rules':
        return { from: '192.168.0.0/16', pool, gateway: ISP1, oif: 'eth1', algorithm: 'random' };
      case 'dsnat':
      case 'nat-service':
      case 'nat-snat':
        // They know no source network.
        return { from: '0.0.0.0/0', pool };
      default:
        return { from: '192.168.0.0/16', pool };
    }
  }

  /** A gateway with the usual rule (none where the language has no SNAT). */
  spec(change: Partial<GatewaySpec> = {}): GatewaySpec {
    return { snat: this.subject.language === 'fullnat' ? [] : [this.usualRule()], protocols: ['tcp', 'udp'], services: [], nextHop: ISP1, outside: 'eth1', ...change };
  }

  /** The commands that a spec becomes here. @throws CannotSay */
  commands(spec: GatewaySpec): (readonly string[])[] {
    return LANGUAGES[this.subject.language].commands(spec);
  }

  /** Gives the gateway public and local addresses. */
  async addresses(node: NodeName, list: readonly { address: string; device: string }[]): Promise<void> {
    for (const { address, device } of list) await this.must(node, address.includes(':') ? ['ip', '-6', 'addr', 'add', `${address}/64`, 'dev', device] : ['ip', 'addr', 'add', `${address}/24`, 'dev', device]);
  }

  /** Addresses that a spec needs on the gateway. */
  private addressesOf(spec: GatewaySpec): { address: string; device: string }[] {
    const outside = [...new Set([...spec.snat.flatMap(({ pool }) => pool), ...spec.services.map(({ address }) => address)])];
    const local = [...new Set(spec.services.flatMap(({ local }) => local ?? []))];
    return [
      ...outside.map((address) => ({ address, device: address.startsWith('198.51.100.') ? 'eth2' : 'eth1' })),
      ...local.map((address) => ({ address, device: 'eth0' })),
    ];
  }

  /** Configures the gateway as an operator would: addresses, then the flavour's own commands. */
  async configure(spec: GatewaySpec, node: NodeName = 'gateway'): Promise<void> {
    // Rendered first: what a language cannot say is no command.
    const commands = this.commands(spec);
    await this.addresses(node, this.addressesOf(spec));
    if (commands.some(([program]) => program === 'ipvsadm')) await this.loadIpvs(node);
    // Refusals are looked at, and Linux limits how many ICMP errors it sends.
    if (this.subject.language === 'nat-snat') await this.must(node, 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 100000 > /proc/sys/net/ipv4/icmp_msgs_per_sec; echo 100000 > /proc/sys/net/ipv4/icmp_msgs_burst; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit');
    await this.apply(spec, commands, node);
    await this.markConfigured();
  }

  /** For scenarios that configure in their own way: from here on the gateway is one. */
  async markConfigured(): Promise<void> {
    for (const { path } of this.captures()) this.configuredAt.set(path, await captureSize(path));
  }

  private async apply(spec: GatewaySpec, commands: readonly (readonly string[])[], node: NodeName): Promise<void> {
    this.configured = spec;
    for (const command of commands) await this.must(node, command);
  }

  /** Another configuration in place of the one that was taken away; its addresses are there already. */
  async reconfigure(spec: GatewaySpec, node: NodeName = 'gateway'): Promise<void> {
    await this.apply(spec, this.commands(spec), node);
  }

  /** The tools load the module only where they were installed as the distribution does it. */
  async loadIpvs(node: NodeName = 'gateway'): Promise<void> {
    await this.must(node, ['modprobe', 'ip_vs']);
  }

  /** Takes the configuration away, once: an upstream kernel can break over what is gone already (dsnat-279's zones). */
  async clear(node: NodeName = 'gateway'): Promise<void> {
    const { configured } = this;
    this.configured = undefined;
    if (configured) for (const command of LANGUAGES[this.subject.language].clear(configured)) await this.run(node, command);
  }

  /** The same, without being recorded: the lab's own tidying. */
  async clearQuietly(node: NodeName = 'gateway'): Promise<void> {
    if (!this.configured || this.lab.down(node)) return;
    await this.lab.node(node).sh(LANGUAGES[this.subject.language].clear(this.configured).map((command) => shellQuote(command)).join('\n'));
  }

  /** Starts the answering program. @returns ends it and gives the peers it saw */
  async serve(node: NodeName, ports: { tcp?: readonly number[]; udp?: readonly number[] }): Promise<() => Promise<{ protocol: string; peer: string }[]>> {
    this.servers += 1;
    const ready = `/tmp/serving-${String(this.servers)}`;
    const argv = ['traffic', 'serve', '-r', ready, ...(ports.tcp ?? []).flatMap((port) => ['-t', String(port)]), ...(ports.udp ?? []).flatMap((port) => ['-u', String(port)])];
    const handle = await this.lab.node(node).start(argv);
    await this.lab.node(node).sh(`i=0; while [ ! -e ${ready} ] && [ $i -lt 100 ]; do sleep 0.05; i=$((i+1)); done; rm -f ${ready}`);
    let seen: { protocol: string; peer: string }[] | undefined;
    const finish = async (): Promise<{ protocol: string; peer: string }[]> => {
      if (seen) return seen;
      const ran = await this.lab.node(node).finish(handle);
      this.record(node, `${argv.join(' ')} &`, { ...ran, ended: ran.ended === 'signal 15' ? '0' : ran.ended });
      seen = ran.stdout.split('\n').flatMap((line) => {
        const [protocol = '', peer] = line.split(' ');
        return peer === undefined ? [] : [{ protocol, peer }];
      });
      return seen;
    };
    this.cleanups.push(async () => {
      await finish();
    });
    return finish;
  }

  /** Starts a program that goes on beside the scenario. @returns waits for its end */
  async background(node: NodeName, argv: readonly string[], timeout: number): Promise<() => Promise<Ran>> {
    const handle = await this.lab.node(node).start(argv);
    return async () => {
      const ran = await this.lab.node(node).wait(handle, timeout);
      this.record(node, `${shellQuote(argv)} &`, ran);
      return ran;
    };
  }

  /** Opens connections (or sends datagrams) and tells what the other end saw. */
  async connect(node: NodeName, host: string, port: number, options: ConnectOptions = {}): Promise<Connection[]> {
    const { argv, longest } = connectCommand(host, port, options);
    const ran = await this.run(node, argv, longest);
    return parseConnections(ran.stdout);
  }

  async ping(node: NodeName, host: string, ...options: string[]): Promise<Ping[]> {
    return parsePings((await this.run(node, ['traffic', 'ping', ...options, host])).stdout);
  }

  private async packetsFrom(marks: ReadonlyMap<string, number>, segment: Segment, node: NodeName): Promise<Packet[]> {
    const path = captureFile(this.lab.options.folder, node, segment);
    return parseCapture(await captureSlice(path, marks.get(path) ?? this.starts.get(path) ?? 24, await captureSize(path)));
  }

  /** Packets that a gateway's NIC has seen on a segment since the scenario began. */
  packets(segment: Segment, node: NodeName = 'gateway'): Promise<Packet[]> {
    return this.packetsFrom(this.starts, segment, node);
  }

  /** The same since the gateway was configured: what an earlier scenario's clients still send before that is nobody's leak. */
  packetsConfigured(segment: Segment, node: NodeName = 'gateway'): Promise<Packet[]> {
    return this.packetsFrom(this.configuredAt, segment, node);
  }

  /** Something to do at the scenario's end, whatever becomes of it. */
  later(work: () => Promise<void>): void {
    this.cleanups.push(work);
  }

  /** Ends what still runs. */
  async end(): Promise<void> {
    for (const cleanup of this.cleanups.reverse()) await cleanup();
    this.cleanups.length = 0;
  }

  /** Writes this scenario's captures beside the report. */
  async keepCaptures(folder: string, name: string): Promise<Capture[]> {
    const kept: Capture[] = [];
    for (const { node, segment, path } of this.captures()) {
      const start = this.starts.get(path) ?? 24;
      const end = await captureSize(path);
      if (end <= start) continue;
      const slice = await captureSlice(path, start, end);
      const packets = parseCapture(slice);
      const file = join('captures', `${name}-${node}-${segment}.pcap`);
      await writeAtomic(join(folder, file), slice);
      kept.push({ segment: this.gateways().length > 1 ? `${node} ${segment}` : segment, file, packets: packets.length, lines: packets.slice(0, CAPTURE_LINES).map(describePacket) });
    }
    return kept;
  }
}

/** A scenario cannot go on; its claim does not hold. */
export class ScenarioFailure extends Error {}

/** A scenario does not apply; the message says why. */
export class NotApplicable extends Error {}

export interface Scenario {
  name: string;
  /** What is claimed, one sentence. */
  claim: string;
  /** Needs more than one gateway. */
  nodes?: 'pair';
  /** Takes long (minutes under emulation): only run when named or with --slow. */
  slow?: boolean;
  /** Why it does not apply to a subject; undefined when it does. */
  notFor?: (subject: Subject) => string | undefined;
  run: (context: Context) => Promise<void>;
}
