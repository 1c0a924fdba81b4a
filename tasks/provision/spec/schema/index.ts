import { z } from 'zod';
import { accessSchema, expectSchema, haSchema, hostKey, hostSchema, interfaceSchema, probeSchema, redirectSchema, serviceSchema, snatSchema, tuningSchema } from './parts.js';
import { flavourName, localPath, name, poolEntry } from './values.js';

/** gateway.yaml: what a gateway is, said once for all flavours. */
export const gatewaySchema = z
  .strictObject({
    flavour: flavourName.describe('How it is made: build-kernel list shows all flavours.'),
    with: z.array(flavourName).max(8).default([]).describe('Add-ons: chroute.'),
    artifact: localPath.optional().describe('Folder of what was built, relative to this file; left out: artifacts/FLAVOUR, with +ADDON for each add-on.'),
    interfaces: z.array(interfaceSchema).min(1).max(64).describe('Network devices: at least one inside and one outside.'),
    pools: z.record(name, z.array(poolEntry).min(1).max(256)).default({}).describe('Public addresses by name: addresses, ranges first-last, networks.'),
    snat: z.array(snatSchema).max(256).default([]).describe('What is translated, in order.'),
    protocols: z.array(z.enum(['tcp', 'udp'])).min(1).max(2).optional().describe('Protocols that SNAT takes where a flavour has a service for each; left out: all that the flavour translates.'),
    services: z.array(serviceSchema).max(1024).default([]).describe('Virtual services beside SNAT: NAT and FULLNAT.'),
    redirects: z.array(redirectSchema).max(256).default([]).describe('CHROUTE: other next hops.'),
    rules_by: z.enum(['script', 'keepalived']).optional().describe("Who configures IPVS: a start script (left out), or keepalived. Services with a check are always keepalived's."),
    tuning: tuningSchema.prefault({}),
    ha: haSchema.optional(),
    hosts: z.record(hostKey, hostSchema.nullable()).default({}).describe('Hosts by name, with what differs between them.'),
    access: accessSchema.prefault({}),
    confirm_minutes: z.number().int().min(1).max(240).default(10).describe('Minutes until a gateway that nobody confirmed goes back to what it was.'),
    watchdog: z
      .enum(['on', 'off'])
      .default('on')
      .describe("on: a BMC's watchdog is armed before a new kernel is tried, so that one that hangs is reset. off: for hosts that take over two minutes from reboot to their first services, which it would reset too."),
    probe: probeSchema.optional(),
    expect: expectSchema.optional().describe('Load of the whole gateway, as `expect` of a rule.'),
  })
  .meta({ id: 'gateway.yaml', title: 'gateway.yaml', description: 'A SNAT gateway, for every flavour of build-kernel.' });

/** gateway.yaml as it is written, defaults filled in. */
export type GatewayFile = z.output<typeof gatewaySchema>;
