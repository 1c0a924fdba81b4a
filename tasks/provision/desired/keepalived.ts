import { renderKeepalived, type Vrrp } from '../../lib/gateway/keepalived.js';
import type { Effect, Gateway, Resource } from '../types.js';
import { file, link, script, usesKeepalived, type Context, type Part } from './context.js';
import { rcLinks } from './services.js';
import { specOf } from './rules.js';
import { render } from './templates.js';

/** keepalived: health of real servers, VRRP, and the rules themselves where it configures IPVS. */

const CONF = '/etc/keepalived/keepalived.conf';

function vrrp({ ha }: Gateway): Vrrp | undefined {
  if (!ha) return undefined;
  return {
    instances: ha.instances.map(({ name, device, id, addresses }) => ({ name, interface: device, id, priority: ha.priority, addresses })),
    password: ha.password,
    master: ha.master,
  };
}

/** keepalived.conf in the flavour's dialect; VRRP alone where the script sets the rules up. */
export function keepalivedConf(gateway: Gateway): string {
  const spec = specOf(gateway);
  return renderKeepalived(gateway.language, gateway.rulesBy === 'keepalived' ? spec : { ...spec, snat: [], services: [] }, vrrp(gateway));
}

export function keepalived(context: Context): Part {
  const { gateway, facts, tools } = context;
  if (!usesKeepalived(gateway) || tools.keepalived === undefined) return { resources: [], effects: [] };
  const secret = gateway.ha !== undefined;
  const why = secret ? 'VRRP with its password, and what keepalived sets up' : 'what keepalived sets up and looks after';
  const resources: Resource[] = [{ kind: 'file', part: 'keepalived', path: CONF, content: keepalivedConf(gateway), mode: 0o600, why, ...(secret ? { secret } : {}) }];
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
      probe: 'found=; for file in /proc/[0-9]*/comm; do if [ "$(cat "$file" 2>/dev/null)" = keepalived ]; then found=running; fi; done; echo "${found:-stopped}"',
      expect: { equals: 'running' },
    },
  ];
  return { resources, effects };
}
