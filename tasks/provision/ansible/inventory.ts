import { stringify } from 'yaml';
import { shellQuote } from '../../lib/exec.js';
import { socketWord } from '../checks/connections.js';
import { OLD_ALGORITHMS } from '../target/ssh-options.js';
import type { SshAccess } from '../types.js';
import type { PlannedHost } from './types.js';

/** Hosts in the order in which they are changed: backups first, the master last. */
export function inOrder(hosts: readonly PlannedHost[]): PlannedHost[] {
  return [...hosts].sort((a, b) => (a.gateway.ha?.priority ?? 0) - (b.gateway.ha?.priority ?? 0));
}

/** inventory.yml */
export function inventory(hosts: readonly PlannedHost[]): string {
  const ordered = inOrder(hosts);
  const probe = ordered[0]?.gateway.probe;
  const document = {
    all: {
      children: {
        gateways: { hosts: Object.fromEntries(ordered.map((host) => [host.gateway.host, hostVariables(host)])) },
        ...(probe ? { probes: { hosts: { 'probe-client': connection(probe.client) } } } : {}),
      },
    },
  };
  return `# Written by build-kernel provision --ansible; the order of the hosts is the order in which they are changed.\n${stringify(document, { lineWidth: 0 })}`;
}

function hostVariables({ gateway, ssh, become, bundle, plan }: PlannedHost): Record<string, unknown> {
  const { probe, snat } = gateway;
  return {
    ...connection(ssh),
    ...(become ? { ansible_become: true, ansible_become_method: 'sudo' } : {}),
    build_kernel_run: bundle ? bundle.id : '',
    build_kernel_reboot: plan.reboot,
    build_kernel_ssh: ['ssh', ...sshArguments(ssh), ...(ssh.port === undefined ? [] : ['-p', String(ssh.port)]), ...(ssh.identity === undefined ? [] : ['-i', ssh.identity]), '--', ssh.destination],
    ...(probe && snat.length > 0
      ? { build_kernel_probe: { address: probe.connect.address, port: probe.connect.port, word: socketWord(probe.connect) } }
      : {}),
  };
}

/** What Ansible's own ssh takes. */
function connection(ssh: SshAccess): Record<string, unknown> {
  const at = ssh.destination.lastIndexOf('@');
  return {
    ansible_host: ssh.destination.slice(at + 1),
    ...(at > 0 ? { ansible_user: ssh.destination.slice(0, at) } : {}),
    ...(ssh.port === undefined ? {} : { ansible_port: ssh.port }),
    ...(ssh.identity === undefined ? {} : { ansible_ssh_private_key_file: ssh.identity }),
    // What ends with the connection must not be hung up by its terminal.
    ansible_ssh_use_tty: false,
    // Ansible splits them as a shell does.
    ansible_ssh_common_args: shellQuote(sshArguments(ssh)),
  };
}

function sshArguments(ssh: SshAccess): string[] {
  const options = ['BatchMode=yes', 'ConnectTimeout=15', 'ServerAliveInterval=10', 'ServerAliveCountMax=3', ...(ssh.oldAlgorithms ? OLD_ALGORITHMS : [])];
  return [...(ssh.config === undefined ? [] : ['-F', ssh.config]), ...options.flatMap((option) => ['-o', option])];
}
