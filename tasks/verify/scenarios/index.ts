import { boot } from './boot.js';
import { chroute } from './chroute.js';
import type { Scenario } from './context.js';
import { debugLog } from './debug.js';
import { kernelChecks } from './kernel-checks.js';
import { keepalived, keepalivedMarks, vrrp } from './keepalived.js';
import { listing } from './listing.js';
import { NAT_SNAT } from './nat-snat/index.js';
import { nftSnat, rangePersistent } from './netfilter.js';
import { poolDistribution, poolExhaustion, poolPerClient } from './pool.js';
import { reload } from './reload.js';
import { algorithms, rules } from './rules.js';
import { fullnat, fullnatBeside, nat, natBeside } from './services.js';
import { icmp, privacy, snatTcp, snatUdp, sourcePorts, transfer } from './snat.js';
import { syncFailover } from './sync.js';
import { unload } from './unload.js';
import { zones } from './zones.js';

/** All scenarios, in the order they are run and shown. */
export const SCENARIOS: readonly Scenario[] = [
  boot,
  snatTcp,
  snatUdp,
  icmp,
  privacy,
  poolDistribution,
  poolPerClient,
  sourcePorts,
  transfer,
  zones,
  rules,
  algorithms,
  rangePersistent,
  nftSnat,
  ...NAT_SNAT,
  nat,
  fullnat,
  natBeside,
  fullnatBeside,
  listing,
  keepalived,
  keepalivedMarks,
  reload,
  unload,
  kernelChecks,
  chroute,
  debugLog,
  poolExhaustion,
  vrrp,
  syncFailover,
];
