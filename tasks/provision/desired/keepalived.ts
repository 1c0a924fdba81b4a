import type { Effect, HostFacts, Resource } from '../types.js';
import { absent, file, link, nothing, script, type Context, type Part } from './context.js';
import { probe } from './effects.js';
import { rcLinks } from './services.js';
import { render } from './templates.js';

/** keepalived: health of real servers, VRRP, and the rules themselves where it configures IPVS. */

const CONF = '/etc/keepalived/keepalived.conf';

/** First line by which facts.sh knows it. */
const MARK = '# build-kernel: written from gateway.yaml';

/** An earlier gateway's, which would go on moving addresses about. Its program stays; a file that is somebody else's is not touched. */
function left({ init, rcFolder }: HostFacts): Resource[] {
  const why = 'keepalived has nothing to do for this gateway any more';
  const started = init === 'systemd' ? ['/etc/systemd/system/multi-user.target.wants/keepalived.service'] : rcLinks('keepalived', rcFolder, 'keepalived', 21, 79, why).map(({ path }) => path);
  return [CONF, ...started].map((path) => absent('keepalived', path, why));
}

export function keepalived(context: Context): Part {
  const { gateway, facts, tools, words } = context;
  if (words.keepalived === undefined) return { resources: facts.keepalivedConf === 'ours' ? left(facts) : [], effects: [] };
  if (tools.keepalived === undefined) return nothing;
  const secret = gateway.ha !== undefined;
  const why = secret ? 'VRRP with its password, and what keepalived sets up' : 'what keepalived sets up and looks after';
  const resources: Resource[] = [{ kind: 'file', part: 'keepalived', path: CONF, content: `${MARK}\n${words.keepalived}`, mode: 0o600, why, ...(secret ? { secret } : {}) }];
  const start = 'keepalived starts after the gateway';
  if (facts.init === 'sysv') {
    resources.push(
      file('keepalived', '/etc/sysconfig/keepalived', render('keepalived.sysconfig.eta'), 'options of keepalived'),
      script('keepalived', `${facts.rcFolder}/init.d/keepalived`, render('keepalived.init.eta', { program: tools.keepalived }), 'starts and stops keepalived'),
      ...rcLinks('keepalived', facts.rcFolder, 'keepalived', 21, 79, start),
    );
  } else if (tools.ownKeepalived) {
    resources.push(
      file('keepalived', '/etc/systemd/system/keepalived.service.d/build-kernel.conf', render('systemd/keepalived-drop-in.conf'), start),
      link('keepalived', '/etc/systemd/system/multi-user.target.wants/keepalived.service', '/lib/systemd/system/keepalived.service', 'keepalived starts at boot'),
    );
  } else {
    resources.push(
      file('keepalived', '/etc/systemd/system/keepalived.service', render('systemd/keepalived.service.eta', { program: tools.keepalived }), 'starts and stops keepalived'),
      link('keepalived', '/etc/systemd/system/multi-user.target.wants/keepalived.service', '../keepalived.service', 'keepalived starts at boot'),
    );
  }
  const effects: Effect[] = [
    {
      id: 'service keepalived',
      part: 'keepalived',
      claim: 'keepalived runs',
      probe: probe.process('keepalived'),
      expect: { equals: 'running' },
    },
  ];
  return { resources, effects };
}
