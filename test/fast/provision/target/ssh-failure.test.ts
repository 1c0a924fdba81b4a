import { expect, it } from 'vitest';
import { sshFailure } from '../../../../tasks/provision/target/ssh-failure.js';

it('what helps can be typed as it stands: user, port, configuration and key of gateway.yaml', () => {
  const access = { destination: 'root@gw1', port: 2222, config: '/srv/my ssh/config', identity: '/keys/gw', oldAlgorithms: false };
  const fix = (said: string, of: typeof access | { destination: string; oldAlgorithms: boolean } = access): string | undefined => sshFailure(of, said, false).fix;
  const changed = '@@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@';
  expect(fix(changed)).toMatch(/: ssh-keygen -R '\[gw1\]:2222'$/);
  expect(fix(changed, { destination: 'root@gw1', oldAlgorithms: false })).toMatch(/: ssh-keygen -R gw1$/);
  expect(fix('Host key verification failed.')).toContain("fingerprint: ssh -F '/srv/my ssh/config' -p 2222 -i /keys/gw root@gw1. In CI");
  expect(fix('root@gw1: Permission denied (publickey).')).toContain("by hand: ssh -F '/srv/my ssh/config' -p 2222 -i /keys/gw root@gw1. Keys");
});
