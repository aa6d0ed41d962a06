import { describe, expect, test } from 'vitest';
import { assemble } from './build.js';

describe('the location of a trace', () => {
  test('is none where no span has one', () => {
    expect(assemble([{ id: 'a' }]).location).toBeNull();
  });

  test('is that of the lowest rank, however deep', () => {
    const trace = assemble([
      { id: 'a', locationRank: 2, region: 'eu-central-1' },
      { id: 'b', parent: 'a', locationRank: 1, country: 'DE' },
      { id: 'c', parent: 'b', locationRank: 0, locality: 'Berlin' },
    ]);
    expect(trace.location).toBe('c');
  });

  test('is of equal ranks that of least depth, however late', () => {
    const trace = assemble([
      { id: 'a' },
      { id: 'c', parent: 'b', country: 'DE', start: 0 },
      { id: 'b', parent: 'a', country: 'US', start: 50 },
    ]);
    expect(trace.location).toBe('b');
  });

  test('prefers the root to an earlier orphan', () => {
    const trace = assemble([
      { id: '1', parent: 'f', country: 'DE', start: -5 },
      { id: 'a', country: 'US' },
    ]);
    expect(trace.location).toBe('a');
  });

  test('is of equal depths that of the earliest start, then the lower id, then the lower kind', () => {
    const child = { parent: 'a', country: 'DE' };
    expect(assemble([{ id: 'a' }, { ...child, id: 'b', start: 5 }, { ...child, id: 'c', start: 4 }]).location).toBe(
      'c',
    );
    expect(assemble([{ id: 'a' }, { ...child, id: 'c' }, { ...child, id: 'b' }]).location).toBe('b');
    const kinds = assemble([
      { id: 'a' },
      { ...child, id: 'b', kind: 'CLIENT', name: 'client' },
      { ...child, id: 'b', kind: 'INTERNAL', name: 'internal' },
    ]);
    expect(kinds.location).toBe('internal');
  });
});

describe('a trace is in error', () => {
  const failed = { status: 'ERROR' } as const;

  test('if its root is', () => {
    expect(assemble([{ id: 'a', ...failed }])).toMatchObject({ error: true, errorOrigin: 'a' });
  });

  test('not if only a span below its root is', () => {
    const trace = assemble([
      { id: 'a', status: 'OK' },
      { id: 'b', parent: 'a', ...failed },
    ]);
    expect(trace).toMatchObject({ error: false, errorOrigin: null, errorTier: '' });
  });

  test('not if only another root is', () => {
    expect(assemble([{ id: 'a' }, { id: 'b', start: 5, ...failed }]).error).toBe(false);
  });

  test('without a root if any top is', () => {
    const trace = assemble([
      { id: 'a', parent: 'f' },
      { id: 'b', parent: 'f', ...failed },
    ]);
    expect(trace).toMatchObject({ error: true, errorOrigin: 'b' });
  });

  test('without a root not if only a span below a top, or on a cycle, is', () => {
    const below = assemble([
      { id: 'a', parent: 'f' },
      { id: 'b', parent: 'a', ...failed },
    ]);
    expect(below.error).toBe(false);
    const cycle = assemble([
      { id: 'a', parent: 'b', ...failed },
      { id: 'b', parent: 'a', ...failed },
    ]);
    expect(cycle.error).toBe(false);
  });

  test('and has its origin in the deepest failed span', () => {
    const trace = assemble([
      { id: 'a', ...failed },
      { id: 'b', parent: 'a', ...failed },
      { id: 'c', parent: 'b' },
      { id: 'd', parent: 'c', ...failed, tier: 'data' },
      { id: 'e', parent: 'd' },
    ]);
    expect(trace).toMatchObject({ errorOrigin: 'd', errorTier: 'data' });
  });

  test('and of equally deep failed spans in the earliest, then the one with the lower id', () => {
    const child = { parent: 'a', ...failed };
    const earlier = assemble([
      { id: 'a', ...failed },
      { ...child, id: 'b', start: 5 },
      { ...child, id: 'c', start: 4 },
    ]);
    expect(earlier.errorOrigin).toBe('c');
    expect(
      assemble([
        { id: 'a', ...failed },
        { ...child, id: 'c' },
        { ...child, id: 'b' },
      ]).errorOrigin,
    ).toBe('b');
  });
});
