import { suggest } from '../../../lib/suggest.js';
import type { YamlPath } from '../../../lib/yaml.js';
import { poolEntries } from '../resolve/pools.js';
import type { Rule } from './index.js';

/** Names that one part of the file uses and another says: pools, devices. Devices are named once. */
export const checkReferences: Rule = (file, _context, { errors, warnings }) => {
  const devices = new Map<string, number>();
  file.interfaces.forEach(({ device }, index) => {
    const first = devices.get(device);
    if (first !== undefined) errors.push({ path: ['interfaces', index, 'device'], message: `${device} is interfaces.${String(first)} already` });
    else devices.set(device, index);
  });
  const needs = (device: string | undefined, path: YamlPath): void => {
    if (device === undefined || devices.has(device)) return;
    const near = suggest(device, [...devices.keys()]);
    errors.push({ path, message: `${device} is no device of interfaces${near === undefined ? '' : ` (did you mean ${near}?)`}` });
  };
  const used = new Set<string>();
  file.snat.forEach(({ pool, oif }, index) => {
    needs(oif, ['snat', index, 'oif']);
    if (typeof pool !== 'string') return;
    used.add(pool);
    if (poolEntries(file, pool)) return;
    const near = suggest(pool, Object.keys(file.pools));
    errors.push({ path: ['snat', index, 'pool'], message: `there is no pool ${pool}${near === undefined ? '' : ` (did you mean ${near}?)`}; pools names ${Object.keys(file.pools).join(', ') || 'none'}` });
  });
  for (const pool of Object.keys(file.pools)) if (!used.has(pool)) warnings.push({ path: ['pools', pool], message: 'no rule of snat uses this pool' });
  file.redirects.forEach(({ iif, oif, port, protocol }, index) => {
    needs(iif, ['redirects', index, 'iif']);
    needs(oif, ['redirects', index, 'oif']);
    if (port !== undefined && protocol === undefined) errors.push({ path: ['redirects', index, 'port'], message: 'a port needs protocol: tcp or udp' });
  });
  for (const device of Object.keys(file.tuning.offloads)) needs(device, ['tuning', 'offloads', device]);
  for (const device of Object.keys(file.tuning.rings)) needs(device, ['tuning', 'rings', device]);
  for (const [host, values] of Object.entries(file.hosts)) for (const device of Object.keys(values?.addresses ?? {})) needs(device, ['hosts', host, 'addresses', device]);
  file.ha?.instances.forEach(({ device }, index) => {
    needs(device, ['ha', 'instances', index, 'device']);
  });
  if (file.ha?.sync) needs(file.ha.sync.device, ['ha', 'sync', 'device']);
  file.services.forEach(({ mode, local, check, protocol }, index) => {
    const at = (...more: PropertyKey[]): YamlPath => ['services', index, ...more];
    if (mode === 'fullnat' && !local) errors.push({ path: at('local'), message: 'fullnat needs local: addresses that real servers see' });
    if (mode === 'nat' && local) errors.push({ path: at('local'), message: 'local addresses are for mode: fullnat' });
    if (check?.kind === 'tcp' && (check.path ?? check.status ?? check.digest) !== undefined) errors.push({ path: at('check'), message: 'path, status and digest are for kind: http and https' });
    if (check && protocol === 'udp' && check.port === undefined && check.kind === 'tcp') warnings.push({ path: at('check'), message: "a TCP connection to the service's UDP port says nothing unless the server listens there by TCP too; name a port" });
  });
};
