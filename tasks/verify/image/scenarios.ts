import { checkTranslated, checkNoLeak } from '../scenarios/snat.js';
import type { Context, Scenario } from '../scenarios/context.js';
import { REMOTE } from '../lab/topology.js';

/** What an image must be as it boots, before anybody types a word into it. */

/** One thing that must be in effect on the gateway, and what was found. */
export interface HostCheck {
  claim: string;
  expected: string;
  seen: string;
  ok: boolean;
}

export interface ImageClaims {
  /** Looks at the booted gateway. */
  hostChecks(context: Context): Promise<HostCheck[]>;
  /** Every public address of its SNAT rules, IPv4. */
  pool: readonly string[];
  protocols: readonly ('tcp' | 'udp')[];
}

const COUNT = 12;
/** Rules, keepalived's first checks and the neighbours' addresses may take a moment after the boot. */
const PATIENCE = 60;

export function imageScenarios({ hostChecks, pool, protocols }: ImageClaims): Scenario[] {
  return [
    {
      name: 'image-host',
      claim: 'As it boots, everything that gateway.yaml asks for is in effect.',
      run: async (context) => {
        let found: HostCheck[] = [];
        for (let waited = 0; waited <= PATIENCE; waited += 5) {
          found = await hostChecks(context);
          if (found.every(({ ok }) => ok)) break;
          await new Promise((resolve) => setTimeout(resolve, 5000));
        }
        for (const { claim, expected, seen, ok } of found) context.check(claim, expected, seen, ok);
        context.check('checks made', 'more than 0', String(found.length), found.length > 0);
      },
    },
    {
      name: 'image-traffic',
      claim: 'As it boots, connections from inside reach the outside as an address of its pools, and nothing leaves untranslated.',
      run: async (context) => {
        await context.serve('server', { tcp: [80], udp: [53] });
        // A gateway keeps three packets while it asks for a neighbour's address: one connection first, then many.
        await context.connect('client', REMOTE, 80, { count: 1, timeout: 10_000 });
        for (const protocol of protocols) {
          checkTranslated(context, await context.connect('client', REMOTE, protocol === 'tcp' ? 80 : 53, { udp: protocol === 'udp', count: COUNT, timeout: 3000 }), pool, COUNT);
        }
        const outside = context.lab.nodes.filter(({ role }) => role === 'gateway').flatMap(({ interfaces }) => interfaces.map(({ segment }) => segment)).filter((segment) => segment !== 'inside');
        await checkNoLeak(context, outside);
      },
    },
  ];
}
