import { doctorCommand } from './doctor/command.js';
import { build } from './build/commands/build.js';
import type { BuildOptions } from './build/options.js';
import type { Io } from './lib/io.js';
import { verify } from './verify/command.js';
import type { VerifyOptions } from './verify/options.js';

/** `build-kernel start`: the whole way on a fresh machine, with the flavour that needs nothing but the distribution's packages. */

const FLAVOUR = 'nat-snat';

/** A minute's worth; `build-kernel verify nat-snat` runs all. */
const SCENARIOS = ['boot', 'snat-tcp', 'snat-udp', 'icmp', 'pool-distribution', 'ipv6', 'no-leak', 'nat-beside'];

const NEXT = `
What next:
  build-kernel verify ${FLAVOUR}          every claim of it, with commands and packets
  build-kernel shell ${FLAVOUR}           the same guests, with a shell on the gateway
  build-kernel show ${FLAVOUR}            what it can say, and its limits
  build-kernel list                    the published gateways for RHEL 6's kernel: dsnat, lvs-snat, FULLNAT …
  build-kernel dsnat-220               one of them, from the SRPM to a tested kernel
To use it on this machine: install artifacts/${FLAVOUR}/linux-modules-${FLAVOUR}-*.deb; removing the package brings the stock modules back.`;

/**
 * Installs what is missing (asks at a terminal unless `yes`), builds, boots, passes traffic, says what to do next.
 * @throws ExpectedError of the step that failed; usage with what works here when the distribution's kernel has no series
 */
export async function start(io: Io, options: { yes: boolean; build: BuildOptions; verify: VerifyOptions }): Promise<void> {
  await doctorCommand(io, { install: true, yes: options.yes || !process.stdin.isTTY, purposes: ['kernel', 'tools', 'package', 'verify'], work: options.build.work });
  await build(io, FLAVOUR, { ...options.build, tools: ['static'] });
  await verify(io, { name: FLAVOUR, with: [], out: options.build.out, distro: false }, { ...options.verify, scenarios: SCENARIOS }, options.build);
  io.print(NEXT);
}
