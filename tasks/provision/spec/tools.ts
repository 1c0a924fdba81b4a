import { redirectSteps } from '../../lib/gateway/chroute.js';
import { besideKeepalived, renderKeepalived, type Vrrp } from '../../lib/gateway/keepalived.js';
import { LANGUAGES } from '../../lib/gateway/languages.js';
import type { GatewaySpec } from '../../lib/gateway/spec.js';
import type { Step } from '../../lib/gateway/steps.js';
import type { Gateway, HighAvailability } from '../types.js';
import { languageSpec } from './resolve/index.js';

/** What a flavour's tools are told about a gateway: the steps of a start script, and keepalived.conf. */

export interface ToolWords {
  /** For the start script, in order: IPVS or netfilter, marks, CHROUTE. */
  steps: Step[];
  /** keepalived.conf with VRRP's password in it (mode 0600); undefined when nothing needs keepalived. */
  keepalived?: string;
}

/** Who is told what. Services with checks are keepalived's; where zones hold the services' addresses too, all goes with them. */
export function divide(gateway: Gateway): { script: GatewaySpec; keepalived?: GatewaySpec } {
  const all = languageSpec(gateway);
  const none: GatewaySpec = { ...all, snat: [], services: [] };
  const checked = gateway.services.filter(({ check }) => check);
  if (gateway.rulesBy === 'keepalived' || (checked.length > 0 && gateway.language === 'dsnat-zones')) return { script: none, keepalived: all };
  if (checked.length === 0) return { script: all, ...(gateway.ha ? { keepalived: none } : {}) };
  return { script: { ...all, services: gateway.services.filter(({ check }) => !check) }, keepalived: { ...none, services: checked } };
}

const vrrpOf = ({ instances, password, priority, master, syncGroup, sync, preemptDelay }: HighAvailability): Vrrp => ({
  instances: instances.map(({ name, device, id, addresses, unicast }) => ({ name, interface: device, id, priority, addresses, ...(unicast ? { unicast } : {}) })),
  password,
  master,
  syncGroup,
  preemptDelay,
  ...(sync ? { sync: { interface: sync.device, id: sync.id } } : {}),
});

/** @throws CannotSay */
export function toolWords(gateway: Gateway): ToolWords {
  const { script, keepalived } = divide(gateway);
  return {
    steps: [...LANGUAGES[gateway.language].steps(script), ...(keepalived ? besideKeepalived(gateway.language, keepalived) : []), ...redirectSteps(gateway.redirects)],
    ...(keepalived ? { keepalived: renderKeepalived(gateway.language, keepalived, gateway.ha && vrrpOf(gateway.ha)) } : {}),
  };
}
