import { describe, expect, test } from 'vitest';
import { assemble, pathText, type SpanSpec } from './build.js';

const pathOf = (...spans: SpanSpec[]) => pathText(assemble(spans, { maxClockSkewNs: 0 }));
const ROOT = { id: 'a' };

describe('the critical path', () => {
  test('of a root alone is the root', () => {
    expect(pathOf(ROOT)).toEqual(['a[0..100]']);
  });

  test('of a root without duration is empty', () => {
    expect(pathOf({ id: 'a', end: 0 }, { id: 'b', parent: 'a', end: 0 })).toEqual([]);
  });

  test('is empty without a root', () => {
    expect(pathOf({ id: 'a', parent: 'f' })).toEqual([]);
  });

  test('goes through children one after the other and lists the time between as the parent’s own', () => {
    expect(
      pathOf(ROOT, { id: 'b', parent: 'a', start: 10, end: 30 }, { id: 'c', parent: 'a', start: 50, end: 90 }),
    ).toEqual(['a[0..10]', 'b[10..30]', 'a[30..50]', 'c[50..90]', 'a[90..100]']);
  });

  test('leaves out the parent between children that touch', () => {
    expect(
      pathOf(ROOT, { id: 'b', parent: 'a', start: 0, end: 50 }, { id: 'c', parent: 'a', start: 50, end: 100 }),
    ).toEqual(['b[0..50]', 'c[50..100]']);
  });

  test('goes through the child that ends last, and leaves out what overlaps it', () => {
    expect(
      pathOf(ROOT, { id: 'b', parent: 'a', start: 10, end: 60 }, { id: 'c', parent: 'a', start: 50, end: 90 }),
    ).toEqual(['a[0..50]', 'c[50..90]', 'a[90..100]']);
  });

  test('goes on with a child that ended before the one taken has started', () => {
    expect(
      pathOf(
        ROOT,
        { id: 'b', parent: 'a', start: 10, end: 50 },
        { id: 'c', parent: 'a', start: 20, end: 80 },
        { id: 'd', parent: 'a', start: 60, end: 90 },
      ),
    ).toEqual(['a[0..10]', 'b[10..50]', 'a[50..60]', 'd[60..90]', 'a[90..100]']);
  });

  test('takes of children that end together the one that starts later', () => {
    expect(
      pathOf(ROOT, { id: 'b', parent: 'a', start: 10, end: 90 }, { id: 'c', parent: 'a', start: 20, end: 90 }),
    ).toEqual(['a[0..20]', 'c[20..90]', 'a[90..100]']);
  });

  test('takes of children with equal times the one with the lower id', () => {
    expect(
      pathOf(ROOT, { id: 'c', parent: 'a', start: 10, end: 90 }, { id: 'b', parent: 'a', start: 10, end: 90 }),
    ).toEqual(['a[0..10]', 'b[10..90]', 'a[90..100]']);
  });

  test('cuts children to their parent’s window, so that one end may hide another', () => {
    expect(
      pathOf(
        ROOT,
        { id: 'b', parent: 'a', start: 10, end: 300 },
        { id: 'c', parent: 'a', start: 20, end: 200 },
        { id: 'd', parent: 'a', start: -50, end: 10 },
      ),
    ).toEqual(['d[0..10]', 'a[10..20]', 'c[20..100]']);
  });

  test('drops children that lie outside or have no length', () => {
    expect(
      pathOf(
        ROOT,
        { id: 'b', parent: 'a', start: 100, end: 200 },
        { id: 'c', parent: 'a', start: -9, end: 0 },
        { id: 'd', parent: 'a', start: 50, end: 50 },
      ),
    ).toEqual(['a[0..100]']);
  });

  test('cuts grandchildren to the part of the child that is on the path', () => {
    expect(
      pathOf(
        ROOT,
        { id: 'b', parent: 'a', start: 60, end: 180 },
        { id: 'c', parent: 'b', start: 50, end: 70 },
        { id: 'd', parent: 'b', start: 90, end: 150 },
      ),
    ).toEqual(['a[0..60]', 'c[60..70]', 'b[70..90]', 'd[90..100]']);
  });

  test('leaves out consumers and children of producers', () => {
    expect(
      pathOf(
        ROOT,
        { id: 'b', parent: 'a', kind: 'CONSUMER', start: 10, end: 20 },
        { id: 'c', parent: 'a', kind: 'PRODUCER', start: 30, end: 60 },
        { id: 'd', parent: 'c', start: 40, end: 50 },
      ),
    ).toEqual(['a[0..30]', 'c[30..60]', 'a[60..100]']);
  });

  test('leaves out other tops and what is below them', () => {
    expect(pathOf(ROOT, { id: 'b', start: 1, end: 50 }, { id: 'c', parent: 'b', start: 2, end: 40 })).toEqual([
      'a[0..100]',
    ]);
  });
});

describe('a link', () => {
  const CLIENT = { id: 'a', kind: 'CLIENT', service: 'web', tier: 'edge' } as const;
  const server = (id: string, start: number, end: number): SpanSpec => ({
    id,
    parent: 'a',
    kind: 'SERVER',
    service: `service ${id}`,
    start,
    end,
  });

  test('is the time of a client span that its server span in another service does not cover', () => {
    const trace = assemble([CLIENT, server('b', 20, 90)]);
    expect(pathText(trace)).toEqual(['a→b[0..20]', 'b[20..90]', 'a→b[90..100]']);
    expect(trace.path.map(section => section.tier)).toEqual(['app', 'app', 'app']);
    expect(trace.links).toEqual([['web', 'service b', 30n]]);
    expect(trace.services).toEqual([['service b', 70n]]);
    expect(trace.tiers).toEqual([['app', 100n]]);
  });

  test('is not there between spans of one service', () => {
    const trace = assemble([CLIENT, { ...server('b', 20, 90), service: 'web' }]);
    expect(pathText(trace)).toEqual(['a[0..20]', 'b[20..90]', 'a[90..100]']);
    expect(trace).toMatchObject({
      links: [],
      services: [['web', 100n]],
      tiers: [
        ['edge', 30n],
        ['app', 70n],
      ],
    });
  });

  test.each(['INTERNAL', 'CLIENT', 'PRODUCER', 'UNSPECIFIED'] as const)('does not lead to a child of kind %s', kind => {
    expect(pathOf(CLIENT, { ...server('b', 20, 90), kind })).toEqual(['a[0..20]', 'b[20..90]', 'a[90..100]']);
  });

  test.each(['INTERNAL', 'SERVER', 'CONSUMER', 'UNSPECIFIED'] as const)('does not start at a span of kind %s', kind => {
    expect(pathOf({ ...CLIENT, kind }, server('b', 20, 90))).toEqual(['a[0..20]', 'b[20..90]', 'a[90..100]']);
  });

  test('of a producer is all of its time, to a consumer that starts long after', () => {
    const trace = assemble([
      { id: 'a', kind: 'PRODUCER', service: 'web' },
      { id: 'b', parent: 'a', kind: 'CONSUMER', service: 'mail', start: 5_000, end: 6_000 },
    ]);
    expect(pathText(trace)).toEqual(['a→b[0..100]']);
    expect(trace.links).toEqual([['web', 'mail', 100n]]);
  });

  test('leads to the callee that ended last by the end of the section, before any has to the first', () => {
    expect(pathOf(CLIENT, server('b', 10, 30), server('c', 50, 70))).toEqual([
      'a→b[0..10]',
      'b[10..30]',
      'a→b[30..50]',
      'c[50..70]',
      'a→c[70..100]',
    ]);
  });

  test('leads of callees that end together to the one that starts later, then the one with the lower id', () => {
    expect(pathOf(CLIENT, server('b', 10, 90), server('c', 20, 90)).at(-1)).toBe('a→c[90..100]');
    expect(pathOf(CLIENT, server('c', 20, 90), server('b', 20, 90)).at(-1)).toBe('a→b[90..100]');
  });

  test('leads of callees that start together to the one with the lower id, where none has ended', () => {
    expect(pathOf(CLIENT, server('c', 10, 300), server('b', 10, 200))[0]).toBe('a→b[0..10]');
  });

  test('is listed apart from the caller’s other sections and summed over all of them', () => {
    const trace = assemble([
      { id: '1', service: 'web' },
      { ...CLIENT, parent: '1', start: 10, end: 50 },
      server('b', 20, 30),
      { id: 'c', parent: '1', kind: 'CLIENT', service: 'web', start: 60, end: 80 },
      { id: 'd', parent: 'c', kind: 'SERVER', service: 'service b', start: 65, end: 80 },
    ]);
    expect(pathText(trace)).toEqual([
      '1[0..10]',
      'a→b[10..20]',
      'b[20..30]',
      'a→b[30..50]',
      '1[50..60]',
      'c→d[60..65]',
      'd[65..80]',
      '1[80..100]',
    ]);
    expect(trace.links).toEqual([['web', 'service b', 35n]]);
    expect(trace.services).toEqual([
      ['web', 40n],
      ['service b', 25n],
    ]);
  });
});
