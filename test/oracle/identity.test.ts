import { describe, expect, it } from 'vitest';
import { computeTraces, DEFAULT_ORACLE_RULES } from './index.js';
import { SKETCH_TRACE_ID, sketchRecords, sketchTrace } from './sketch.js';
import { KIND_CLIENT, KIND_SERVER } from './types.js';

describe('identity', () => {
  it('counts equal records of one span as duplicates, not as a conflict', () => {
    const trace = sketchTrace([
      { id: '1', end: 10 },
      { id: '1', end: 10 },
      { id: '1', end: 10 },
    ]);
    expect(trace).toMatchObject({ spanCount: 1, duplicateCount: 2, revisionSpans: 1, flags: [] });
  });

  it('keeps client and server that share an id as two spans', () => {
    const trace = sketchTrace([
      { id: '1', kind: KIND_CLIENT, end: 10 },
      { id: '1', kind: KIND_SERVER, end: 10 },
    ]);
    expect(trace).toMatchObject({ spanCount: 2, duplicateCount: 0 });
  });

  it('takes unknown kinds for unspecified, so that two of them are one span', () => {
    const trace = sketchTrace([
      { id: '1', end: 10, kind: 0 },
      { id: '1', end: 11, kind: 6 },
      { id: '1', end: 12, kind: -1 },
    ]);
    expect(trace).toMatchObject({ spanCount: 1, duplicateCount: 2, flags: ['conflict'] });
  });

  it.each([
    ['first', [20, 10, 15]],
    ['second', [10, 20, 15]],
    ['last', [10, 15, 20]],
  ])('lets the later end win when it comes %s, and flags the conflict', (_place, ends) => {
    const trace = sketchTrace(ends.map(end => ({ id: '1', end, name: `until ${end}` })));
    expect(trace).toMatchObject({ durationNs: 20n, operation: 'until 20', flags: ['conflict'] });
  });

  it('compares ends as recorded, also where one lies before its start', () => {
    const trace = sketchTrace([
      { id: '1', start: 100, end: 50, name: 'backwards' },
      { id: '1', start: 60, end: 80, name: 'forwards' },
    ]);
    expect(trace).toMatchObject({ operation: 'forwards', flags: ['conflict'] });
  });

  it('sees a conflict where only the resource differs', () => {
    const trace = sketchTrace([
      { id: '1', end: 10, host: 'a' },
      { id: '1', end: 11, host: 'b' },
    ]);
    expect(trace.flags).toEqual(['conflict']);
  });

  it('counts a redelivered record once, and an equal record at another offset as a duplicate', () => {
    const [record] = sketchRecords([{ id: '1', end: 10 }]);
    const traces = computeTraces([record, { ...record }, { ...record, offset: 1 }], DEFAULT_ORACLE_RULES);
    expect(traces.get(SKETCH_TRACE_ID)).toMatchObject({ spanCount: 1, duplicateCount: 1 });
  });

  it('treats hex digits of either case as one id', () => {
    const trace = sketchTrace([
      { id: 'ab', end: 10, name: 'home' },
      { id: 'AB', end: 10, name: 'home' },
      { id: 'c', parent: 'AB', end: 5 },
    ]);
    expect(trace).toMatchObject({ spanCount: 2, duplicateCount: 1, orphanCount: 0, flags: [] });
  });

  it.each([
    ['an all-zero span id', { spanId: '0000000000000000' }],
    ['a span id of 7 bytes', { spanId: '00000000000001' }],
    ['no trace id', { traceId: undefined }],
    ['an all-zero trace id', { traceId: '0'.repeat(32) }],
  ])('leaves out a span with %s', (_case, raw) => {
    const trace = sketchTrace([
      { id: '1', end: 10 },
      { id: '2', raw },
    ]);
    expect(trace).toMatchObject({ spanCount: 1, duplicateCount: 0 });
  });
});
