import { contains, parseAddress, parseCidr } from '../../lib/net/address.js';
import type { Finding, PreflightInput } from './types.js';

/** Whether the host stays reachable, and has the devices that gateway.yaml names. */

export function checkAccess({ gateway, facts }: PreflightInput): Finding[] {
  const findings: Finding[] = [];
  if (!facts.offline) {
    const known = new Set([...facts.interfaces.map(({ device }) => device), ...(facts.stacked ?? []).map(({ device }) => device)]);
    for (const { device } of gateway.interfaces) {
      if (known.has(device)) continue;
      findings.push({ level: 'error', id: `device ${device}`, what: `The host has no device ${device}.`, fix: `It has ${[...known].join(', ')}: correct interfaces in gateway.yaml.` });
    }
  }
  const path = facts.managementPath;
  const address = path === undefined ? undefined : parseAddress(path.address);
  if (!path || !address) return findings;

  for (const service of gateway.services) {
    const own = parseAddress(service.address);
    if (own?.value !== address.value || own.family !== address.family) continue;
    const whole = service.mode === 'fullnat';
    findings.push({
      level: whole || service.port === 22 ? 'error' : 'warning',
      id: 'management',
      what: `ssh comes in by ${path.address}, which is the address of a service${whole ? ': FULLNAT takes all traffic to it, ssh included' : ''}.`,
      fix: 'Connect by another address of the host, one that no service and no pool uses (access: management in gateway.yaml).',
    });
  }
  for (const rule of gateway.snat) {
    for (const entry of rule.pool) {
      const [first, last = first] = entry.split('-').map((text) => parseAddress(text.split('/')[0] ?? ''));
      if (!first || !last || !contains({ family: first.family, first: first.value, last: last.value }, address)) continue;
      findings.push({
        level: 'error',
        id: 'management',
        what: `ssh comes in by ${path.address}, which is in the pool of ${rule.from}: replies to translated connections and ssh would mix.`,
        fix: 'Take the address out of the pool, or connect by another address of the host.',
      });
    }
  }
  const managed = gateway.interfaces.find(({ device }) => device === path.device);
  if (managed && managed.addresses.length > 0 && !managed.addresses.some((text) => parseCidr(text)?.address === address.value) && managed.addresses.some((text) => parseCidr(text)?.family === address.family)) {
    findings.push({
      level: 'warning',
      id: 'management address',
      what: `ssh comes in by ${path.address} on ${path.device}, and gateway.yaml gives ${path.device} only ${managed.addresses.join(', ')}.`,
      fix: 'Add the address to that interface, or leave its addresses out of gateway.yaml: the host then keeps what it has.',
    });
  }
  return findings;
}
