import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { awayReport } from '../../../../tasks/provision/checks/command.js';
import { renderJunit, renderTable, renderTap, toDocument, writeReports } from '../../../../tasks/provision/checks/report.js';
import type { CheckResult, HostReport } from '../../../../tasks/provision/checks/types.js';
import { all, parseMarkup } from '../../verify/support/wellformed.js';

const check = (id: string, more: Partial<CheckResult>): CheckResult => ({ id, part: 'tuning', kind: 'effect', claim: `${id} is set`, status: 'pass', expected: '1', seen: '1', ...more });
const HOSTILE = `]]> <a> & "\x1b[31m\x00 # TODO\n...\nnot ok 9`;

const report: HostReport = {
  host: 'gw1',
  flavour: 'nat-snat',
  target: 'root@gw1',
  release: '6.1.0-56-amd64',
  date: '2026-01-02T03:04:05Z',
  seconds: 1.5,
  checks: [
    check('sysctl net.ipv4.ip_forward', {}),
    check('offload eth1 gro', { status: 'fail', expected: 'off', seen: 'on' }),
    check('ethtool', { status: 'skip', reason: 'the host has no ethtool', seen: '' }),
    check(`odd ${HOSTILE}`, { status: 'error', claim: HOSTILE, expected: HOSTILE, seen: HOSTILE, reason: HOSTILE }),
  ],
};

it('the table shows what differs; with all, everything', () => {
  expect(renderTable([report]).split('\n').slice(0, 6)).toEqual([
    'gw1 (root@gw1), nat-snat: kernel 6.1.0-56-amd64, looked at in 1.5s',
    '',
    'differs        offload eth1 gro',
    '               offload eth1 gro is set',
    '               expected off',
    '               seen on',
  ]);
  expect(renderTable([report])).not.toContain('ip_forward');
  expect(renderTable([report], { all: true })).toContain('holds          sysctl net.ipv4.ip_forward');
  expect(renderTable([report]).split('\n').at(-1)).toBe('1 holds, 1 differs, 1 not looked at, 1 without an answer');
});

it('the table shows some of many missing files, and says how many more', () => {
  const many = { ...report, checks: Array.from({ length: 20 }, (_, index) => check(`file /lib/modules/${String(index)}`, { kind: 'resource', part: 'kernel', status: 'fail', seen: 'missing' })) };
  expect(renderTable([many]).split('\n').filter((line) => line.startsWith('differs'))).toHaveLength(8);
  expect(renderTable([many])).toContain('… and 12 more files of the part kernel (--all, --report)');
  expect(renderTable([many], { all: true }).split('\n').filter((line) => line.startsWith('differs'))).toHaveLength(20);
});

it('TAP counts what differs as not ok, and nothing seen breaks its lines', () => {
  const lines = renderTap([report]).split('\n');
  expect(lines[1]).toBe('1..4');
  expect(lines.filter((line) => /^(not )?ok /.test(line)).map((line) => line.slice(0, 12).trim())).toEqual(['ok 1 - sysct', 'not ok 2 - o', 'ok 3 - ethto', 'not ok 4 - o']);
  expect(lines).toContain('ok 3 - ethtool # SKIP the host has no ethtool');
});

it('JUnit is well-formed and counts', () => {
  const suite = all(parseMarkup(renderJunit([report])), 'testsuite')[0];
  expect(suite?.attributes).toMatchObject({ name: 'gw1', tests: '4', failures: '1', errors: '1', skipped: '1' });
});

it('a host that cannot be looked at is reported beside the others', () => {
  const away = awayReport('gw2', 'nat-snat', new ExpectedError({ code: 'network', what: 'gw2 does not answer.', why: 'ssh: no route' }));
  const shown = renderTable([{ ...report, checks: [] }, away]);
  expect(shown).toContain('gw2 does not answer.');
  expect(toDocument([away])).toMatchObject({ hosts: [{ host: 'gw2', ok: false }] });
  expect(renderTap([away])).toContain('not ok 1 - host');
  expect(() => awayReport('gw2', 'nat-snat', new Error('a bug'))).toThrow('a bug');
});

it('JSON says per host whether all holds', () => {
  expect(toDocument([report, { ...report, checks: report.checks.slice(0, 1) }])).toMatchObject({ hosts: [{ host: 'gw1', ok: false, counts: { pass: 1, fail: 1 } }, { ok: true }] });
});

it('files are written as asked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bk-report-'));
  const paths = await writeReports(folder, [report], ['json', 'junit']);
  expect(paths).toEqual([join(folder, 'report.json'), join(folder, 'junit.xml')]);
  expect(JSON.parse(await readFile(join(folder, 'report.json'), 'utf8'))).toEqual(toDocument([report]));
  await rm(folder, { recursive: true });
});
