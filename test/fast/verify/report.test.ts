import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { FORMATS, renderHtml, renderJunit, renderTable, renderTap, toDocument, summaryLine, writeReports } from '../../../tasks/verify/report/index.js';
import { printable, wrap } from '../../../tasks/lib/report/text.js';
import { HOSTILE, UNPRINTABLE, hostileReport } from './support/hostile-report.js';
import { STATUSES, check, fullReport, report, scenario } from './support/report-sample.js';
import { all, parseMarkup, textOf, type Element } from './support/wellformed.js';

describe('text', () => {
  it('drops terminal sequences and shows other control characters', () => {
    expect(printable('\x1b[1mbold\x1b[0m \x00\x07\x7f\x85 \ud800 \ufffe 😀\tx\r\ny\rz')).toBe('bold ␀␇␡\uFFFD \uFFFD \uFFFD 😀\tx\ny\nz');
  });
  it('wraps at spaces and keeps long words and new lines', () => {
    expect(wrap('one two three\n/a/long/path/name x', 9)).toEqual(['one two', 'three', '/a/long/path/name', 'x']);
    expect(wrap('', 9)).toEqual(['']);
  });
});

describe('the summary', () => {
  const of = (...counts: number[]): string => summaryLine(STATUSES.flatMap((status, index) => Array.from({ length: counts[index] ?? 0 }, () => scenario('a', status))));
  it('counts', () => {
    expect(of(12, 0, 1, 0, 2)).toBe('12 hold, 1 broken as documented, 0 failed, 2 not applicable');
    expect(of(1, 2, 0, 1, 0, 3)).toBe('1 holds, 0 broken as documented, 2 failed, 0 not applicable, 1 holds unexpectedly, 3 could not be tried');
  });
});

describe('the table', () => {
  const text = renderTable(fullReport());
  it('says what ran and on what', () => {
    expect(text.split('\n').slice(0, 6)).toEqual([
      'subject   dsnat-220',
      'release   2.6.32-220.23.1.el6.dsnat',
      'machine   QEMU 7.2.22, tcg',
      'topology  network namespaces of one VM, virtio-net-pci',
      'times     booted in 14s, first packet after 22s, 3m 07s in all',
      '',
    ]);
    expect(renderTable(report([], { times: { boot: 3, total: 4 }, topology: 'vms', qemu: 'QEMU emulator version 8.2.2' }))).toMatch(
      /QEMU 8\.2\.2, tcg\n.*a VM for each node, .*\n.*booted in [\d.]+s, [\dms. ]+ in all/,
    );
  });
  it('gives a row to each scenario, with its reason below, in columns', () => {
    const lines = text.split('\n');
    expect(lines.slice(6, 8)).toEqual([
      `${'holds                 snat-tcp    A TCP connection of a client reaches the server from an'.padEnd(96)}1.2s`,
      '                                  address of the pool, and its answers come back.',
    ]);
    const broken = lines.findIndex((line) => line.startsWith('broken as documented '));
    expect(lines[broken + 1]).toMatch(/^ {34}\S/);
    expect(lines.at(-1)).toBe('1 holds, 1 broken as documented, 1 failed, 1 not applicable, 1 holds unexpectedly, 1 could not be tried');
    expect(text).not.toMatch(/\n\n\n| \n/);
  });
  it('names what does not apply by its reason, below', () => {
    const skip = (name: string, reason: string): ReturnType<typeof scenario> => ({ ...scenario(name, 'skip'), reason });
    const shown = renderTable(report([skip('vrrp', 'One gateway.'), scenario('snat-tcp', 'pass'), skip('zones', 'It has none.'), skip('sync', 'One gateway.')]));
    expect(shown.split('\n').slice(6)).toEqual([
      expect.stringMatching(/^holds +snat-tcp /),
      '',
      'not applicable',
      '  One gateway.',
      '      vrrp, sync',
      '  It has none.',
      '      zones',
      '',
      '1 holds, 0 broken as documented, 0 failed, 3 not applicable',
    ]);
  });
  it('shows failing checks, last commands and the fault, and only those', () => {
    expect(text).toContain(
      ['    check     source address of the datagram', '    expected  121.14.161.100', '    seen      10.1.0.10', '    gateway# ipvsadm -Ln'].join('\n'),
    );
    expect(text).toContain('    client-1# echo ping | nc -u -w1 203.0.113.80 53\n    [exit 1 after 1.1s, 4.1s since boot]');
    expect(text).toContain('    … 12 more lines\n    line 12\n');
    expect(text).toContain('    fault     panic on gateway-a: Kernel panic - not syncing: Fatal exception in interrupt\n    log       /srv/reports/dsnat-220/gateway-a.log');
    // Of a pass and of what is broken as documented there is nothing to look into.
    expect(text).not.toContain('wget');
    expect(text).not.toContain('port unreachable at the client');
  });
  it('has a status word of its own for each status', () => {
    const words = STATUSES.map((status) => renderTable(report([scenario('x', status)])).split('\n')[6]?.split('  ')[0]);
    expect(words).toEqual(['holds', 'failed', 'broken as documented', 'holds unexpectedly', 'not applicable', 'could not be tried']);
  });
  it('is coloured only when asked', () => {
    expect(text).not.toContain('\x1b');
    const coloured = renderTable(fullReport(), { colour: true });
    expect(new Set([...coloured.matchAll(/\x1b\[(\d+)m\S/g)].map(([, code]) => code)).size).toBe(5);
    expect(coloured.replaceAll(/\x1b\[\d+m/g, '')).toBe(text);
  });
  it('keeps claims readable on a narrow terminal', () => {
    expect(renderTable(fullReport(), { width: 20 })).toContain('  A TCP connection of a client  ');
  });
  it('lets nothing of a guest reach the terminal', () => {
    expect(renderTable(hostileReport())).not.toMatch(UNPRINTABLE);
  });
});

describe('TAP', () => {
  /** Test points with their YAML blocks, by the grammar of TAP 14. */
  const read = (text: string): { point: string; yaml: Record<string, unknown> }[] => {
    const [version, plan, ...rest] = text.split('\n');
    expect(version).toBe('TAP version 14');
    const points: { point: string; yaml: Record<string, unknown> }[] = [];
    while (rest.length > 0) {
      const line = rest.shift() ?? '';
      if (line.startsWith('#')) continue;
      expect(line).toMatch(/^(not )?ok \d+ - /);
      expect(rest.shift()).toBe('  ---');
      const block = rest.splice(0, rest.indexOf('  ...'));
      expect(rest.shift()).toBe('  ...');
      points.push({ point: line, yaml: parse(block.map((one) => one.slice(2)).join('\n')) as Record<string, unknown> });
    }
    expect(plan).toBe(`1..${String(points.length)}`);
    expect(points.map(({ point }) => Number(/\d+/.exec(point)?.[0]))).toEqual(points.map((_, index) => index + 1));
    return points;
  };

  it('tells every status apart', () => {
    expect(read(renderTap(report(STATUSES.map((status) => scenario(status, status))))).map(({ point, yaml }) => [point, yaml['status']])).toEqual([
      ['ok 1 - pass', 'pass'],
      ['not ok 2 - fail', 'fail'],
      ['not ok 3 - broken # TODO broken as documented: why broken is broken', 'broken'],
      ['not ok 4 - unexpected', 'unexpected'],
      ['ok 5 - skip # SKIP why skip is skip', 'skip'],
      ['not ok 6 - error', 'error'],
    ]);
  });
  it('has the checks, the fault and the captures in its diagnostics', () => {
    const [, failed, , , , error] = read(renderTap(fullReport()));
    expect(failed?.yaml).toEqual({
      claim: 'A UDP datagram of a client reaches the server from an address of the pool.',
      status: 'fail',
      reason: 'The datagram left with the private source address: no service took it.',
      duration_ms: 1200,
      checks: [check(), check({ what: 'source address of the datagram', seen: '10.1.0.10', ok: false })],
      captures: ['captures/snat-udp wan.pcap'],
    });
    expect(error?.yaml['fault']).toMatchObject({ kind: 'panic', node: 'gateway-a', log: '/srv/reports/dsnat-220/gateway-a.log' });
  });
  it('numbers the scenarios of several runs through', () => {
    const points = read(renderTap([fullReport(), report([scenario('a')], { subject: 'fullnat-v2' })])).map(({ point }) => point);
    expect([points.length, points[0], points[6]]).toEqual([7, 'ok 1 - dsnat-220: snat-tcp', 'ok 7 - fullnat-v2: a']);
  });
  it('has a plan for nothing', () => {
    expect(renderTap(report([])).split('\n')[1]).toBe('1..0 # SKIP no scenario applies');
  });
  it('escapes', () => {
    const text = renderTap(hostileReport());
    expect(text).not.toMatch(UNPRINTABLE);
    const points = read(text);
    expect(points).toHaveLength(6);
    expect(points.filter(({ point }) => /(?<!\\)#/.test(point)).map(({ yaml }) => yaml['status'])).toEqual(['broken', 'skip']);
    expect(points[0]?.point).toContain(String.raw`| \# TODO \\ % ... Bail out! 1..9 not ok 7`);
    expect(points[1]?.yaml['claim']).toBe(printable(HOSTILE));
  });
});

describe('JUnit', () => {
  const kinds = (suite: Element): string[] =>
    all(suite, 'testcase').map(({ children }) => children.filter((child): child is Element => typeof child !== 'string').map(({ name }) => name).join(' '));

  it('has counts that agree with its elements', () => {
    const root = parseMarkup(renderJunit([fullReport(), report([scenario('a')], { subject: 'fullnat-v2' })]));
    expect(root.attributes).toEqual({ name: 'build-kernel verify', tests: '7', failures: '2', errors: '1', skipped: '2', time: '374.000' });
    const suites = all(root, 'testsuite');
    expect(suites.map(({ attributes }) => attributes['name'])).toEqual(['dsnat-220', 'fullnat-v2']);
    for (const suite of suites) {
      expect([all(suite, 'testcase').length, all(suite, 'failure').length, all(suite, 'error').length, all(suite, 'skipped').length].map(String)).toEqual(
        ['tests', 'failures', 'errors', 'skipped'].map((name) => suite.attributes[name]),
      );
    }
    expect(suites[0]?.attributes['timestamp']).toBe('2026-11-21T09:30:05');
  });
  it('tells every status apart', () => {
    const root = parseMarkup(renderJunit(report(STATUSES.map((status) => scenario(status, status)))));
    expect(kinds(root)).toEqual(['system-out', 'failure system-out', 'skipped system-out', 'failure system-out', 'skipped system-out', 'error system-out']);
    expect(['failure', 'skipped', 'error'].flatMap((name) => all(root, name)).map(({ attributes }) => attributes['message'])).toEqual([
      'failed: why fail is fail',
      'holds unexpectedly: why unexpected is unexpected',
      'broken as documented: why broken is broken',
      'not applicable: why skip is skip',
      'could not be tried: why error is error',
    ]);
  });
  it('has bad checks and traces in the failure, commands in the output', () => {
    const root = parseMarkup(renderJunit(fullReport()));
    expect(all(root, 'failure').map(textOf)[0]).toBe(
      'The datagram left with the private source address: no service took it.\nsource address of the datagram\n  expected: 121.14.161.100\n  seen: 10.1.0.10',
    );
    expect(all(root, 'error').map(textOf)[0]).toContain('   [<ffffffffa01234>] ip_vs_in+0x1a/0x400 [ip_vs]\nlog: /srv/');
    expect(all(root, 'system-out').map(textOf)[0]).toContain('client-1# wget -qO- http://203.0.113.80/\nhello\n[exit 0 after 0.2s, 4.1s since boot]');
  });
  it('escapes', () => {
    const root = parseMarkup(renderJunit(hostileReport()));
    expect(all(root, 'testcase')).toHaveLength(6);
    expect(textOf(all(root, 'failure')[0] ?? root)).toContain(printable(HOSTILE));
    expect(all(root, 'testsuite')[0]?.attributes).not.toHaveProperty('timestamp');
  });
});

describe('HTML', () => {
  const byClass = (root: Element, name: string, value: string): Element[] => all(root, name).filter(({ attributes }) => attributes['class'] === value);

  it('is whole by itself', () => {
    const text = renderHtml(fullReport());
    const root = parseMarkup(text);
    expect(text.startsWith('<!DOCTYPE html>\n<html lang="en">')).toBe(true);
    expect(['script', 'link', 'img', 'iframe'].flatMap((name) => all(root, name))).toEqual([]);
    expect(text).not.toMatch(/url\(|@import|src=|http-equiv/);
    expect(textOf(all(root, 'title')[0] ?? root)).toMatch(/^dsnat-220: 1 holds, 1 broken/);
    expect(text).toContain('prefers-color-scheme: dark');
    expect(text).toContain('@media print');
  });
  it('unfolds what is not a pass', () => {
    const details = all(parseMarkup(renderHtml(fullReport())), 'details');
    expect(details.map(({ attributes }) => 'open' in attributes)).toEqual([false, true, true, true, true, true]);
  });
  it('has a badge for each status', () => {
    const root = parseMarkup(renderHtml(report(STATUSES.map((status) => scenario(status, status)))));
    const badges = all(root, 'details').map((one) => all(one, 'span')[0]).map((badge) => [badge?.attributes['class'], badge && textOf(badge)]);
    expect(badges.map(([name]) => name)).toEqual(STATUSES.map((status) => `badge ${status}`));
    expect(new Set(badges.map(([, word]) => word)).size).toBe(6);
  });
  it('has checks, commands, captures and faults', () => {
    const root = parseMarkup(renderHtml(fullReport()));
    expect(byClass(root, 'tr', 'bad').map((row) => all(row, 'td').map(textOf))[0]).toEqual(['source address of the datagram', '121.14.161.100', '10.1.0.10', 'no']);
    const pres = all(root, 'pre').map(textOf);
    expect(pres).toContain('client-1# wget -qO- http://203.0.113.80/\nhello\n[exit 0 after 0.2s, 4.1s since boot]\n');
    expect(pres).toContain('Call Trace:\n <IRQ>\n [<ffffffffa01234>] ip_vs_in+0x1a/0x400 [ip_vs]');
    expect(all(root, 'a').map(({ attributes }) => attributes['href'])).toEqual(['captures/snat-udp%20wan.pcap', 'gateway-a.log']);
    const elsewhere = parseMarkup(renderHtml(fullReport(), { folder: '/srv/reports/pages' }));
    expect(all(elsewhere, 'a').map(({ attributes }) => attributes['href'])).toEqual(['../dsnat-220/captures/snat-udp%20wan.pcap', '../dsnat-220/gateway-a.log']);
  });
  it('escapes, and links stay files', () => {
    const text = renderHtml(hostileReport());
    const root = parseMarkup(text);
    expect(all(root, 'b').every((one) => textOf(one).endsWith('#'))).toBe(true);
    const links = all(root, 'a').map(({ attributes }) => attributes['href'] ?? '');
    expect(links).toHaveLength(12);
    for (const link of links) expect(link).toMatch(/^(javascript%3A|\.\.\/a%3Fb%23c\/)[-\w.~!*'()%/]+$/);
  });
});

describe('writeReports', () => {
  it('writes the formats that are asked for, and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'report-'));
    try {
      expect(await writeReports(join(folder, 'new'), fullReport(), ['json', 'tap', 'json'])).toEqual([join(folder, 'new/report.json'), join(folder, 'new/report.tap')]);
      expect((await readdir(join(folder, 'new'))).sort()).toEqual(['report.json', 'report.tap']);
      await writeReports(folder, hostileReport(), FORMATS);
      expect((await readdir(folder)).sort()).toEqual(['junit.xml', 'new', 'report.html', 'report.json', 'report.tap', 'report.txt']);
      expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(toDocument(hostileReport()))));
      for (const name of ['junit.xml', 'report.html']) parseMarkup(await readFile(join(folder, name), 'utf8'));
      for (const name of ['report.txt', 'report.tap']) expect(await readFile(join(folder, name), 'utf8')).toMatch(/[^\n]\n$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
