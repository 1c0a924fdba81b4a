import { describe, expect, it } from 'vitest';
import { judge } from '../../../tasks/verify/judge.js';
import { allOf } from '../../../tasks/verify/scenarios/traffic.js';
import type { Fault } from '../../../tasks/verify/types.js';

const fault: Fault = { kind: 'oops', node: 'gateway', what: 'BUG: unable to handle kernel NULL pointer dereference at 8', trace: [], log: 'console.log' };

describe('what becomes of a scenario', () => {
  it('holds or fails where the data says nothing', () => {
    expect(judge({ held: true }, undefined)).toEqual({ status: 'pass' });
    expect(judge({ held: false, why: '2 instead of 3' }, undefined)).toEqual({ status: 'fail', reason: '2 instead of 3' });
  });

  it('is broken as documented, or noticed when it is not', () => {
    expect(judge({ held: false, why: '2 instead of 3' }, 'no ICMP')).toEqual({ status: 'broken', reason: 'no ICMP' });
    expect(judge({ held: true }, 'no ICMP')).toMatchObject({ status: 'unexpected', reason: expect.stringContaining('no ICMP') as unknown });
  });

  it('is a failure when a kernel broke, whatever the data says', () => {
    for (const documented of [undefined, 'zones keep the module in use']) {
      expect(judge({ held: false, fault }, documented)).toEqual({ status: 'fail', reason: 'oops: BUG: unable to handle kernel NULL pointer dereference at 8' });
    }
    expect(judge({ held: true, fault }, undefined).status).toBe('fail');
  });
});

describe('a list of results', () => {
  it('proves nothing when it is empty, or shorter than what was asked for', () => {
    const fine = (): boolean => true;
    expect(allOf([], 0, fine)).toBe(false);
    expect(allOf([], 3, fine)).toBe(false);
    expect(allOf([1, 2], 3, fine)).toBe(false);
    expect(allOf([1, 2, 3], 3, fine)).toBe(true);
    expect(allOf([1, 2, 3], 3, (value) => value < 3)).toBe(false);
  });
});
