import type { Scenario } from '../context.js';
import { churn, flushKeeps } from './changes.js';
import { drain, icmpErrors, ipv6, noLeak, notLocal, outsideIn, refusals, sourceHash } from './claims.js';
import { conntrack } from './conntrack.js';
import { expiry, forgetsOutside, sloppyTcp } from './lifetime.js';
import { dyingNamespace, ownNamespace } from './namespaces.js';
import { ownSockets, sharedAddress } from './own-sockets.js';
import { ftp, otherProtocols, udpFragments } from './protocols.js';
import { leastConnections, weightedLeastConnections, weights } from './schedulers.js';
import { insideToInside, marks, strict } from './selection.js';
import { thousands } from './volume.js';

/** nat-snat's own claims, in the order they are run and shown. */
export const NAT_SNAT: readonly Scenario[] = [
  ipv6,
  icmpErrors,
  udpFragments,
  otherProtocols,
  ftp,
  noLeak,
  refusals,
  notLocal,
  strict,
  drain,
  weights,
  leastConnections,
  weightedLeastConnections,
  sourceHash,
  marks,
  outsideIn,
  insideToInside,
  ownSockets,
  sharedAddress,
  conntrack,
  sloppyTcp,
  thousands,
  expiry,
  forgetsOutside,
  flushKeeps,
  churn,
  ownNamespace,
  dyingNamespace,
];
