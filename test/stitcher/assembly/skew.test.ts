import { describe, expect, test } from 'vitest';
import { assemble, BASE_NS, MS, pathText } from './build.js';

const WEB = { id: 'a', host: 'one', service: 'web', start: 100, end: 200 };

describe('a span on another host than its parent', () => {
  test('stays where it is if it lies inside, edges included', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'two', start: 100, end: 200 }]);
    expect(trace).toMatchObject({ skew: [], flags: [] });
  });

  test('is put into the middle if it starts before', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'two', start: 0, end: 50 }]);
    expect(trace).toMatchObject({ skew: [['b', 125n]], flags: ['skew_adjusted'] });
  });

  test('is put into the middle if it ends after, rounded down to a nanosecond', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'two', start: 300, end: 351 }]);
    // (100 - 51) / 2 = 24.5, so it starts at 124.
    expect(trace.skew).toEqual([['b', -176n]]);
  });

  test('is moved to the parent’s start if it is longer and starts before', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'two', start: 40, end: 150 }]);
    expect(trace.skew).toEqual([['b', 60n]]);
  });

  test('stays where it is if it is longer and starts after', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'two', start: 150, end: 300 }]);
    expect(trace.skew).toEqual([]);
  });

  test('is compared with its parent as shifted', () => {
    const trace = assemble([
      WEB,
      { id: 'b', parent: 'a', host: 'two', start: 1_100, end: 1_200 },
      { id: 'c', parent: 'b', host: 'three', start: 120, end: 140 },
      { id: 'd', parent: 'b', host: 'three', start: 1_120, end: 1_140 },
    ]);
    expect(trace.skew).toEqual([
      ['b', -1_000n],
      ['d', -980n],
    ]);
  });
});

describe('a span on the host of its parent', () => {
  test('is shifted with it, inside or not', () => {
    const trace = assemble([
      WEB,
      { id: 'b', parent: 'a', host: 'two', start: 1_100, end: 1_200 },
      { id: 'c', parent: 'b', host: 'two', start: 1_300, end: 1_400 },
    ]);
    expect(trace.skew).toEqual([
      ['b', -1_000n],
      ['c', -1_000n],
    ]);
  });

  test('stays where it is if its parent does', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'one', start: 1_000, end: 1_001 }]);
    expect(trace.skew).toEqual([]);
  });
});

describe('where a host is unknown', () => {
  test('spans of one service count as one host', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', service: 'web', start: 0, end: 50 }]);
    expect(trace.skew).toEqual([]);
  });

  test('spans of two services count as two', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', service: 'cart', start: 0, end: 50 }]);
    expect(trace.skew).toEqual([['b', 125n]]);
  });

  test('where both are known, services do not matter', () => {
    const trace = assemble([WEB, { id: 'b', parent: 'a', service: 'cart', host: 'one', start: 0, end: 50 }]);
    expect(trace.skew).toEqual([]);
  });
});

describe('the largest allowed shift', () => {
  const late = { id: 'b', parent: 'a', host: 'two', start: 1_100, end: 1_200 } as const;

  test('is applied', () => {
    expect(assemble([WEB, late], { maxClockSkewNs: 1_000 })).toMatchObject({
      skew: [['b', -1_000n]],
      flags: ['skew_adjusted'],
    });
  });

  test('is not exceeded, and spans on the same host stay as well', () => {
    const below = { id: 'c', parent: 'b', host: 'two', start: 1_100, end: 1_200 };
    expect(assemble([WEB, late, below], { maxClockSkewNs: 999 })).toMatchObject({
      skew: [],
      flags: ['skew_exceeded'],
    });
  });

  test('of 0 turns shifting off', () => {
    expect(assemble([WEB, late], { maxClockSkewNs: 0 }).skew).toEqual([]);
  });
});

describe('asynchronous spans', () => {
  test('consumers are not shifted, and what they call on their host neither', () => {
    const trace = assemble([
      WEB,
      { id: 'b', parent: 'a', host: 'two', kind: 'CONSUMER', start: 1_000, end: 1_050 },
      { id: 'c', parent: 'b', host: 'two', start: 2_000, end: 2_010 },
    ]);
    expect(trace).toMatchObject({ skew: [], flags: [] });
  });

  test('children of producers are not shifted, though the producer is', () => {
    const trace = assemble([
      WEB,
      { id: 'b', parent: 'a', host: 'two', kind: 'PRODUCER', start: 1_000, end: 1_100 },
      { id: 'c', parent: 'b', host: 'two', start: 2_000, end: 2_010 },
    ]);
    expect(trace.skew).toEqual([['b', -900n]]);
  });
});

test('spans on and below cycles are never shifted', () => {
  const trace = assemble([
    WEB,
    { id: '1', parent: '2', host: 'x', start: 0, end: 10 },
    { id: '2', parent: '1', host: 'y', start: 1_000, end: 1_010 },
    { id: '3', parent: '2', host: 'z', start: 5_000, end: 5_010 },
  ]);
  expect(trace).toMatchObject({ skew: [], flags: ['cycle'] });
});

test('without a root orphans shift their children all the same', () => {
  const trace = assemble([
    { ...WEB, parent: 'f' },
    { id: 'b', parent: 'a', host: 'two', start: 0, end: 50 },
  ]);
  expect(trace.skew).toEqual([['b', 125n]]);
});

test('stored times and the duration are untouched, the path follows the shifted times', () => {
  const trace = assemble([WEB, { id: 'b', parent: 'a', host: 'two', start: 0, end: 50 }]);
  expect(trace).toMatchObject({ startNs: BASE_NS + 100n, endNs: BASE_NS + 200n, durationNs: 100n });
  expect(pathText(trace)).toEqual(['a[0..25]', 'b[25..75]', 'a[75..100]']);
});

describe('a trace too long for doubles', () => {
  // A span dated 1970 makes every difference to it longer than 2^53 ns.
  const ancient = { id: 'f', parent: 'a', kind: 'CONSUMER', start: 1n, end: 3n } as const;

  test('is shifted and walked exactly', () => {
    const odd = { id: 'b', parent: 'a', host: 'two', start: 300, end: 351 };
    const trace = assemble([WEB, odd, ancient]);
    expect(trace.skew).toEqual([['b', -176n]]);
    expect(pathText(trace)).toEqual(['a[0..24]', 'b[24..75]', 'a[75..100]']);
  });

  test('is shifted relative to far spans to the nanosecond', () => {
    const far = { id: 'b', parent: 'f', host: 'two', start: 1_000n, end: 1_001n };
    expect(assemble([WEB, { ...ancient, host: 'one' }, far]).skew).toEqual([['b', -999n]]);
  });

  test('has its duration exactly', () => {
    const trace = assemble([
      { id: 'a', start: 1n, end: 2n ** 63n - 1n },
      { ...ancient, kind: 'INTERNAL', end: 4n },
    ]);
    expect(trace.durationNs).toBe(2n ** 63n - 2n);
    expect(pathText(trace)).toEqual(['f[0..3]', `a[3..${2n ** 63n - 2n}]`]);
    expect(trace.services).toEqual([['shop', 2n ** 63n - 2n]]);
  });

  test('just too long by its allowed shift gives the same as one a little shorter', () => {
    const specs = [WEB, { id: 'b', parent: 'a', host: 'two', start: 300, end: 351 }];
    const near = assemble(specs, { maxClockSkewNs: 3_600_000 * MS });
    expect(assemble(specs, { maxClockSkewNs: 2 ** 53 })).toEqual(near);
  });
});
