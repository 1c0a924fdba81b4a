import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from '../../../tasks/verify/vm/channel.js';
import { findFault, plainLine } from '../../../tasks/verify/vm/console.js';

const frame = (text: string): Buffer => encodeFrame(Buffer.from(text));

describe('frames between host and guest', () => {
  it('come through whole when they arrive byte by byte', () => {
    const reader = new FrameReader();
    const found = [...Buffer.concat([frame('one\0two'), frame('')])].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(found.map(String)).toEqual(['one\0two', '']);
  });

  it('are found between other bytes', () => {
    const reader = new FrameReader();
    expect(reader.push(Buffer.concat([Buffer.from('noise @BK not a frame\n'), frame('a'), Buffer.from('@BK 00000002 zz'), frame('b')])).map(String)).toEqual(['a', 'b']);
  });

  it('that were damaged are passed over, and the next one is read', () => {
    const damaged = frame('damaged');
    damaged[damaged.length - 1] = 0;
    const reader = new FrameReader();
    expect(reader.push(Buffer.concat([damaged, frame('whole')])).map(String)).toEqual(['whole']);
  });

  it('may hold any bytes, a frame too', () => {
    const payload = Buffer.concat([frame('inner'), Buffer.from([0, 255, 10])]);
    expect(new FrameReader().push(encodeFrame(payload))).toEqual([payload]);
  });
});

describe('faults of a kernel, by its console', () => {
  const cases: [string, string, string][] = [
    ['panic', '[    1.23] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)', 'VFS'],
    ['init', 'Kernel panic - not syncing: Attempted to kill init!', 'kill init'],
    ['init', '[    2.0] Kernel panic - not syncing: No working init found.', 'No working init'],
    ['oops', '[   12.345678] BUG: unable to handle kernel NULL pointer dereference at 0000000000000010', 'NULL pointer'],
    ['oops', 'general protection fault: 0000 [#1] SMP', 'general protection'],
    ['bug', '[    3.1] kernel BUG at net/netfilter/ipvs/ip_vs_conn.c:500!', 'ip_vs_conn'],
    ['soft-lockup', 'BUG: soft lockup - CPU#0 stuck for 67s! [swapper:0]', 'stuck'],
    ['kasan', '[   12.5] BUG: KASAN: slab-use-after-free in ip_vs_conn_expire+0x1/0x2 [ip_vs]', 'ip_vs_conn_expire'],
    ['lockdep', 'WARNING: possible circular locking dependency detected', 'circular'],
    ['lockdep', '[ INFO: inconsistent lock state ]', 'inconsistent'],
    ['lockdep', 'WARNING: suspicious RCU usage', 'RCU'],
    ['lockdep', 'WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected', 'unsafe'],
    ['warning', '[    3.1][  T77] WARNING: CPU: 0 PID: 77 at net/core/dev.c:7 netif_x+0x1/0x2', 'netif_x'],
    ['warning', 'WARNING: at net/ipv4/ip_output.c:1 ip_x+0x1/0x2()', 'ip_x'],
    ['warning', 'unregister_netdevice: waiting for eth0 to become free. Usage count = 2', 'eth0'],
    ['bug', 'BUG: Bad page state in process swapper  pfn:1', 'page'],
  ];
  it.each(cases)('%s: %s', (kind, line, part) => {
    const fault = findFault(['[    0.5] IPVS: loaded', line, 'Call Trace:', ' [<ffffffff8100>] ip_vs_in+0x10/0x20', '---[ end trace 1 ]---', 'after']);
    expect(fault).toMatchObject({ kind });
    expect(fault?.what).toContain(part);
    expect(fault?.trace.at(-1)).toBe('---[ end trace 1 ]---');
    expect(fault?.trace.join('\n')).toContain('ip_vs_in+0x10/0x20');
  });

  it('an oops that ends in a panic is the oops', () => {
    expect(findFault(['BUG: unable to handle kernel paging request at 0', 'Kernel panic - not syncing: Fatal exception in interrupt'])?.kind).toBe('oops');
  });

  it('ordinary lines are none', () => {
    expect(findFault(['[    1.0] IPVS: Registered protocols (TCP, UDP)', 'Debug: no bug here', 'NMI watchdog: disabled'])).toBeUndefined();
  });

  it('lines lose stamps and escape sequences', () => {
    expect(plainLine('\x1b[2J\x1b[1;1H[    1.000000] text\r')).toBe('text');
  });
});
