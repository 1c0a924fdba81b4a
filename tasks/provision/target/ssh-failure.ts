import { ExpectedError, type ErrorCode } from '../../lib/errors.js';
import { shellQuote } from '../../lib/exec.js';
import type { SshAccess } from '../types.js';

/** What ssh says when a connection fails, and what helps. Its messages are in English whatever the locale. */

interface Cause {
  pattern: RegExp;
  code: ErrorCode;
  what: (host: string) => string;
  /** @param byHand the command line of ssh; @param key what known_hosts has the host's key under */
  fix: (byHand: string, key: string) => string;
}

const CAUSES: readonly Cause[] = [
  {
    pattern: /REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed/i,
    code: 'trust',
    what: (host) => `The host key of ${host} is not the one that was seen before: it is another machine, or somebody is in between.`,
    fix: (_byHand, key) => `When the host was installed anew, compare the fingerprint on its console, then remove the old key: ssh-keygen -R ${key}`,
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known/,
    code: 'trust',
    what: (host) => `The host key of ${host} is not known here.`,
    fix: (byHand) => `Connect once by hand and compare the fingerprint: ${byHand}. In CI put the key into known_hosts.`,
  },
  {
    pattern: /no matching (host key type|key exchange method|cipher|MAC) found/i,
    code: 'network',
    what: (host) => `${host} offers only algorithms that this ssh does not take by itself.`,
    fix: () => 'For a host with the OpenSSH of EL6 say `old_algorithms: true` below its ssh in gateway.yaml.',
  },
  {
    pattern: /UNPROTECTED PRIVATE KEY|Load key .*: |Identity file .* not accessible/,
    code: 'environment',
    what: () => 'The private key cannot be used.',
    fix: () => 'Name a readable key that only you can read (chmod 600).',
  },
  {
    pattern: /Permission denied|Too many authentication failures|No supported authentication methods/,
    code: 'environment',
    what: (host) => `${host} does not let us in.`,
    fix: (byHand) => `Try by hand: ${byHand}. Keys come from your ssh agent, your ssh configuration or --identity; the user from the same or from gateway.yaml.`,
  },
  {
    pattern: /Bad configuration option|Can't open user config file|terminating, \d+ bad configuration/,
    code: 'usage',
    what: () => 'ssh does not understand its configuration.',
    fix: () => 'Correct the ssh configuration file at the place named.',
  },
  {
    pattern: /Could not resolve hostname/,
    code: 'network',
    what: (host) => `The name ${host} has no address.`,
    fix: () => 'Give an address, or a Host entry in your ssh configuration.',
  },
  {
    pattern: /Connection refused/,
    code: 'network',
    what: (host) => `${host} refuses the connection: nothing listens on that port.`,
    fix: () => 'Check the port and that sshd runs.',
  },
  {
    pattern: /timed out|No route to host|Network is unreachable|Host is down/i,
    code: 'network',
    what: (host) => `${host} does not answer.`,
    fix: () => 'Check that it is on and reachable from here (route, firewall, port).',
  },
];

/** What known_hosts calls it: no user, and with another port in brackets. */
function keyName({ destination, port }: Pick<SshAccess, 'destination' | 'port'>): string {
  const host = destination.replace(/^.*@/, '');
  return port === undefined || port === 22 ? shellQuote([host]) : shellQuote([`[${host}]:${String(port)}`]);
}

function byHand({ destination, port, config, identity }: SshAccess): string {
  return shellQuote(['ssh', ...(config === undefined ? [] : ['-F', config]), ...(port === undefined ? [] : ['-p', String(port)]), ...(identity === undefined ? [] : ['-i', identity]), destination]);
}

/**
 * @param started something was being done on the host when the connection broke
 */
export function sshFailure(access: SshAccess, stderr: string, started: boolean): ExpectedError {
  const host = access.destination;
  const why = stderr.trim().split('\n').slice(-8).join('\n');
  const cause = CAUSES.find(({ pattern }) => pattern.test(stderr));
  if (cause && !started) return new ExpectedError({ code: cause.code, what: cause.what(host), why, fix: cause.fix(byHand(access), keyName(access)) });
  return new ExpectedError({
    code: 'network',
    what: started ? `The connection to ${host} broke in the middle of a step.` : `No connection to ${host}.`,
    why: why === '' ? undefined : why,
    fix: 'Run the same command again: it looks at what the host has and goes on from there. A trial that nobody confirms goes back by itself.',
  });
}
