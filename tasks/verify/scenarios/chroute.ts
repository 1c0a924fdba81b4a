import { INSIDE_NET, ISP2, REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';

/** CHROUTE: an iptables target that gives forwarded packets another next hop. */
export const chroute: Scenario = {
  name: 'chroute',
  claim: 'CHROUTE sends what an iptables rule selects to the other ISP, against the routing table.',
  notFor: ({ addons }) => (addons.includes('chroute') ? undefined : 'built without the add-on chroute'),
  run: async (context) => {
    await context.must('gateway', 'modprobe iptable_lbg && modprobe ipt_CHROUTE');
    await context.must('server', ['ip', 'route', 'add', '192.168.0.0/16', 'via', '198.51.100.1']);
    context.later(async () => {
      await context.run('server', ['ip', 'route', 'del', '192.168.0.0/16']);
    });
    await context.serve('server', { tcp: [80] });
    await context.connect('client', REMOTE, 80, { count: 3, timeout: 1500 });
    const to = async (segment: 'isp1' | 'isp2'): Promise<number> => (await context.packets(segment)).filter(({ protocol, destination, flags }) => protocol === 'tcp' && destination === REMOTE && flags === 'S').length;
    const [one, two] = [await to('isp1'), await to('isp2')];
    context.check('connections by the routing table', 'all on isp1', `${String(one)} on isp1, ${String(two)} on isp2`, one > 0 && two === 0);
    await context.must('gateway', ['iptables', '-t', 'lbg', '-A', 'FORWARD', '-s', INSIDE_NET, '-d', `${REMOTE}/32`, '-j', 'CHROUTE', '--gw', ISP2]);
    const answered = (await context.connect('client', REMOTE, 80, { count: 3, timeout: 1500 })).filter(({ ok }) => ok).length;
    const [oneAfter, twoAfter] = [(await to('isp1')) - one, (await to('isp2')) - two];
    context.check('connections with CHROUTE', 'all on isp2', `${String(oneAfter)} on isp1, ${String(twoAfter)} on isp2`, oneAfter === 0 && twoAfter > 0);
    context.check('connections answered with CHROUTE', '3 of 3', `${String(answered)} of 3`, answered === 3);
    const rules = async (): Promise<string> => (await context.must('gateway', ['iptables', '-t', 'lbg', '-S', 'FORWARD'])).stdout.trim();
    const before = await rules();
    await context.must('gateway', 'iptables-save -t lbg > /tmp/lbg && iptables -t lbg -F && iptables-restore < /tmp/lbg && rm /tmp/lbg');
    const restored = await rules();
    context.check('rules after iptables-save and iptables-restore', before, restored, restored === before);
  },
};
