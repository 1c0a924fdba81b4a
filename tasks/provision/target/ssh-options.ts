import type { SshAccess } from '../types.js';

/** How ssh is called. The user's own configuration holds; what is said here is what provisioning depends on. */

export interface SshSettings extends SshAccess {
  /** How messages call the host: its name in gateway.yaml. */
  name: string;
  /** An image's root folder on that host, in place of the host itself. */
  root?: string;
}

/** EL6's sshd: RSA host keys with SHA-1, these key exchanges, CBC ciphers. `+` adds to what the client offers by itself. */
export const OLD_ALGORITHMS: readonly string[] = [
  'HostKeyAlgorithms=+ssh-rsa',
  'PubkeyAcceptedAlgorithms=+ssh-rsa',
  'KexAlgorithms=+diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1',
  'Ciphers=+aes128-cbc,3des-cbc',
  'MACs=+hmac-sha1',
];

/**
 * Options before the host's name.
 * @param socket path of the control socket
 * @param interactive ssh may ask at the terminal (a password, an unknown host key)
 */
export function sshOptions(settings: SshSettings, socket: string, interactive: boolean): string[] {
  const options = [
    `ControlPath=${socket}`,
    `BatchMode=${interactive ? 'no' : 'yes'}`,
    'ConnectTimeout=15',
    // A host that is gone is noticed within 40 s.
    'ServerAliveInterval=10',
    'ServerAliveCountMax=3',
    'RequestTTY=no',
    'RemoteCommand=none',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    ...(settings.oldAlgorithms ? OLD_ALGORITHMS : []),
  ];
  return [
    ...(settings.config === undefined ? [] : ['-F', settings.config]),
    ...(settings.port === undefined ? [] : ['-p', String(settings.port)]),
    ...(settings.identity === undefined ? [] : ['-i', settings.identity]),
    ...options.flatMap((option) => ['-o', option]),
  ];
}
