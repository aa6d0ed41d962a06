import { describe, expect, test } from 'vitest';
import { assemble, type SpanSpec } from './build.js';

type Kind = NonNullable<SpanSpec['kind']>;

/** Which of the spans of one id is the parent: the one whose database calls put its child into the data tier. */
function parentAmong(kinds: readonly Kind[]): Kind[] {
  return kinds.filter(kind => {
    const { tierOverrides } = assemble([
      ...kinds.map(other => ({ id: 'b', kind: other, isDatabaseCall: other === kind })),
      { id: 'c', parent: 'b', service: 'peer' },
    ]);
    return tierOverrides.length === 1;
  });
}

describe('the parent of a span', () => {
  test('is the client of its own id for a server that shares one, whatever its parent id says', () => {
    const trace = assemble([
      { id: 'a' },
      { id: 'b', parent: 'a', kind: 'CLIENT', service: 'web', end: 50 },
      { id: 'b', parent: 'a', kind: 'SERVER', service: 'cart', start: 10, end: 40 },
    ]);
    expect(trace.links).toEqual([['web', 'cart', 20n]]);
    expect(trace.complete).toBe(true);
  });

  test('is the client of its own id for a server whose parent id is its own id', () => {
    const trace = assemble([
      { id: 'b', kind: 'CLIENT', name: 'client' },
      { id: 'b', parent: 'b', kind: 'SERVER', name: 'server' },
    ]);
    expect(trace).toMatchObject({ root: 'client', flags: [], complete: true });
  });

  test('is the client of its own id for a server without a parent id, which is then no root', () => {
    const trace = assemble([
      { id: 'b', kind: 'CLIENT', name: 'client', start: 10 },
      { id: 'b', kind: 'SERVER', name: 'server', start: 0 },
    ]);
    expect(trace).toMatchObject({ root: 'client', flags: [], complete: true });
  });

  test('is the server where several kinds have the parent id', () => {
    expect(parentAmong(['INTERNAL', 'CLIENT', 'SERVER', 'CONSUMER'])).toEqual(['SERVER']);
  });

  test('is the consumer where several kinds have the parent id and none is a server', () => {
    expect(parentAmong(['INTERNAL', 'PRODUCER', 'CONSUMER'])).toEqual(['CONSUMER']);
  });

  test('is the lowest kind where none is a server or consumer', () => {
    expect(parentAmong(['PRODUCER', 'CLIENT', 'INTERNAL'])).toEqual(['INTERNAL']);
    expect(parentAmong(['PRODUCER', 'CLIENT', 'UNSPECIFIED'])).toEqual(['UNSPECIFIED']);
  });

  test('is told by all 64 bits of its id', () => {
    const trace = assemble([{ id: '1000000000000001' }, { id: 'c', parent: '2000000000000001' }]);
    expect(trace.orphanCount).toBe(1);
  });
});

describe('the root', () => {
  test('is the span without a parent id', () => {
    const trace = assemble([{ id: 'b', parent: 'a', start: 10 }, { id: 'a' }]);
    expect(trace).toMatchObject({ root: 'a', entry: 'a', flags: [], complete: true, orphanCount: 0 });
  });

  test('is of several the one that starts first', () => {
    const trace = assemble([
      { id: '1', start: 1 },
      { id: '2', start: 0 },
    ]);
    expect(trace).toMatchObject({ root: '2', flags: ['multiple_roots'], complete: true });
  });

  test('is of several that start together the one that lasts longest', () => {
    const trace = assemble([
      { id: '1', end: 10 },
      { id: '2', end: 11 },
    ]);
    expect(trace.root).toBe('2');
  });

  test('is of several with equal times the one with the lower id by bytes, then the lower kind', () => {
    expect(assemble([{ id: '0200000000000000' }, { id: '01000000000000ff' }]).root).toBe('01000000000000ff');
    const kinds = [
      { id: '1', kind: 'CLIENT', name: 'client' },
      { id: '1', kind: 'INTERNAL', name: 'internal' },
    ] as const;
    expect(assemble(kinds).root).toBe('internal');
  });

  test('is the longer one to the nanosecond, though no double tells them apart', () => {
    const trace = assemble([
      { id: '1', start: 1_000n, end: 2n ** 62n },
      { id: '2', start: 1_000n, end: 2n ** 62n + 1n },
    ]);
    expect(trace).toMatchObject({ root: '2', durationNs: 2n ** 62n + 1n - 1_000n });
  });

  test('missing: the trace is incomplete, and the earliest top is the entry', () => {
    const trace = assemble([
      { id: '2', parent: 'f', start: 5, end: 9 },
      { id: '1', parent: 'e', start: 5, end: 8 },
      { id: '3', parent: '1', start: 0, end: 9 },
    ]);
    expect(trace).toMatchObject({
      root: null,
      entry: '1',
      flags: ['root_missing'],
      complete: false,
      orphanCount: 2,
      path: [],
    });
  });
});

describe('orphans and cycles', () => {
  test('a span whose parent is not there is an orphan', () => {
    const trace = assemble([{ id: 'a' }, { id: 'b', parent: 'f' }]);
    expect(trace).toMatchObject({ root: 'a', orphanCount: 1, complete: false, flags: [] });
  });

  test('a span that is its own parent is an orphan and a cycle', () => {
    const trace = assemble([{ id: 'a' }, { id: 'b', parent: 'b' }]);
    expect(trace).toMatchObject({ orphanCount: 1, complete: false, flags: ['cycle'] });
  });

  test('two spans that are each other’s parents are no orphans, but the trace is not complete', () => {
    const trace = assemble([
      { id: 'a' },
      { id: 'b', parent: 'c', start: 2 },
      { id: 'c', parent: 'b', start: 1 },
      { id: 'd', parent: 'b', start: 0 },
    ]);
    expect(trace).toMatchObject({ spanCount: 4, orphanCount: 0, complete: false, flags: ['cycle'] });
  });

  test('without any top the entry is the earliest span on a cycle, not what hangs below it', () => {
    const trace = assemble([
      { id: 'b', parent: 'c', start: 2 },
      { id: 'c', parent: 'b', start: 1 },
      { id: 'd', parent: 'b', start: 0 },
    ]);
    expect(trace).toMatchObject({ entry: 'c', root: null, flags: ['cycle', 'root_missing'], error: false });
  });

  test('depth below a cycle counts from its earliest span, which stands as deep as a top', () => {
    const failed = { status: 'ERROR' } as const;
    const trace = assemble([
      { id: 'a', ...failed },
      { id: 'b', parent: 'a', ...failed },
      { id: 'c', parent: 'b', ...failed },
      { id: '1', parent: '2', start: 1, ...failed },
      { id: '2', parent: '1', start: 2, ...failed },
      { id: '3', parent: '2', start: 3, ...failed },
    ]);
    // Depths: a 0, b 1, c 2; 1 is a head at 1, 2 at 2, 3 at 3.
    expect(trace.errorOrigin).toBe('3');
  });
});

test('services are counted once each', () => {
  const trace = assemble([
    { id: 'a', service: 'web' },
    { id: 'b', parent: 'a', service: 'cart' },
    { id: 'c', parent: 'b', service: 'web' },
  ]);
  expect(trace.serviceCount).toBe(2);
});
