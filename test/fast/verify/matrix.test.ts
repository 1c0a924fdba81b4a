import { describe, expect, it } from 'vitest';
import { renderMatrix } from '../../../tasks/verify/report/index.js';
import type { Fault, VerifyReport } from '../../../tasks/verify/types.js';
import { UNPRINTABLE, fault, hostileReport } from './support/hostile-report.js';
import { fullReport, report, scenario, step } from './support/report-sample.js';

describe('the matrix', () => {
  const cells = (of: VerifyReport): string[] => (renderMatrix([of]).split('\n')[2] ?? '').split('|').slice(1, -1).map((cell) => cell.trim());

  it('has a column for each question', () => {
    const text = renderMatrix([
      report([
        scenario('snat-tcp', 'pass', { steps: [step()] }),
        scenario('snat-udp', 'fail'),
        scenario('icmp', 'broken'),
        scenario('rules', 'pass'),
        scenario('zones', 'skip'),
        scenario('pool-distribution', 'unexpected'),
        scenario('nat-beside', 'error'),
        scenario('keepalived', 'skip'),
        scenario('vrrp', 'pass'),
      ]),
    ]);
    expect(text.split('\n')).toEqual([
      '| flavour | boots | TCP | UDP | ICMP | zones or rules | distribution | NAT | FULLNAT | NAT beside | FULLNAT beside | keepalived | VRRP |',
      '|---|---|---|---|---|---|---|---|---|---|---|---|---|',
      '| dsnat-220 | yes | yes | no | broken* | yes | yes | not tried | not tried | not tried | not tried | n.a. | yes |',
      '',
      String.raw`\* broken as documented:`,
      '- dsnat-220, icmp: why icmp is broken',
      '',
      'Run:',
      '- dsnat-220: 2026-11-21, QEMU 7.2.22, tcg, network namespaces of one VM, virtio-net-pci',
    ]);
  });
  it('says whether it boots', () => {
    const noBoot: Fault = { ...fault, kind: 'no-boot' };
    const boots = (...scenarios: VerifyReport['scenarios']): string | undefined => cells(report(scenarios))[1];
    expect(boots()).toBe('not tried');
    expect(boots(scenario('a', 'skip'))).toBe('not tried');
    expect(boots(scenario('a', 'fail', { steps: [step()] }))).toBe('yes');
    expect(boots(scenario('a', 'error', { fault: noBoot }))).toBe('no');
    expect(boots(scenario('a', 'error', { fault: { ...fault, kind: 'panic' } }))).toBe('no');
    expect(boots(scenario('a', 'fail', { steps: [step()], fault }))).toBe('yes');
    expect(boots(scenario('a', 'fail', { steps: [step()], fault: noBoot }))).toBe('no');
    expect(boots(scenario('a', 'broken', { fault: noBoot }))).toBe('broken*');
    expect(boots(scenario('boot', 'fail', { steps: [step()] }))).toBe('no');
  });
  it('takes the worse of zones and rules', () => {
    expect(cells(report([scenario('zones'), scenario('rules', 'fail')]))[5]).toBe('no');
    expect(cells(report([scenario('zones', 'skip'), scenario('rules', 'skip')]))[5]).toBe('n.a.');
  });
  it('keeps its rows whole', () => {
    const text = renderMatrix([hostileReport(), fullReport()]);
    expect(text).not.toMatch(UNPRINTABLE);
    for (const line of text.split('\n').slice(0, 4)) expect(line.match(/(?<!\\)\|/g)).toHaveLength(14);
    expect(text.split('\n')[3]).toMatch(/^\| dsnat-220 \|/);
    expect(text).not.toContain('<b');
    expect(renderMatrix([])).toMatch(/^\| flavour .*\n\|---\|[-|]+$/);
  });
});
