import type { Scenario } from './context.js';

/** The kernel is the one that was built, IPVS loads, the tools run. */
export const boot: Scenario = {
  name: 'boot',
  claim: 'The kernel boots, IPVS loads and the tools of the flavour run on it.',
  run: async (context) => {
    const { subject } = context;
    const uname = await context.must('gateway', ['uname', '-r']);
    context.check('kernel release', subject.release, uname.stdout.trim(), uname.stdout.trim() === subject.release);
    // LVS v3 has no /proc/net/ip_vs: its tables are per CPU.
    const loaded = await context.run('gateway', 'modprobe ip_vs && { cat /proc/net/ip_vs 2>/dev/null || ipvsadm -ln; } | head -1');
    context.check('IPVS', 'IP Virtual Server version …', loaded.stdout.trim() || loaded.stderr.trim(), loaded.stdout.includes('IP Virtual Server'));
    const tools = await context.run('gateway', 'for t in ipvsadm keepalived iptables nft; do p=$(command -v $t) && echo $t; done');
    for (const tool of tools.stdout.split('\n').filter(Boolean)) {
      const ran = await context.run('gateway', tool === 'ipvsadm' ? 'ipvsadm -ln' : tool === 'iptables' ? 'iptables -nL' : `${tool} --version`);
      context.check(tool, 'runs', ran.ok ? 'runs' : `ended with ${ran.ended}: ${(ran.stderr || ran.stdout).split('\n')[0] ?? ''}`, ran.ok);
    }
  },
};
