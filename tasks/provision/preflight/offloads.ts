import type { Finding, PreflightInput } from './types.js';

/** What only ethtool can set: without it the drivers' own settings stay, and a flavour that does not know GRO loses packets. */
export function checkOffloads({ gateway: { tuning }, facts }: Pick<PreflightInput, 'gateway' | 'facts'>): Finding[] {
  const wishes = [
    ...Object.entries(tuning.offloads).flatMap(([device, features]) => Object.entries(features).map(([feature, value]) => `${device} ${feature} ${value}`)),
    ...Object.entries(tuning.rings).flatMap(([device, rings]) => Object.entries(rings).map(([way, size]) => `${device} ring ${way} ${String(size)}`)),
  ];
  if (wishes.length === 0 || facts.programs['ethtool'] !== undefined) return [];
  return [{ level: 'warning', id: 'ethtool', what: `There is no ethtool: what the drivers set stays (wanted: ${wishes.join(', ')}). ip_forward switches lro off by itself.`, fix: 'Put ethtool there.' }];
}
