import { describe, expect, it } from 'vitest';
import { computeTraces, DEFAULT_ORACLE_RULES } from './index.js';
import { SKETCH_TRACE_ID, type SpanSketch, sketchRecords, sketchTrace } from './sketch.js';

const ROOT = { id: '1', end: 100 };

function lateness(sketches: readonly SpanSketch[], rules = {}) {
  const { spanCount, lateCount, tooLateCount } = sketchTrace(sketches, rules);
  return [spanCount, lateCount, tooLateCount];
}

describe('lateness', () => {
  it('closes a whole trace after completeAfter: a span at that moment is in time, one later is late', () => {
    expect(lateness([ROOT, { id: '2', parent: '1', receivedMs: 2_000 }])).toEqual([2, 0, 0]);
    expect(lateness([ROOT, { id: '2', parent: '1', receivedMs: 2_001 }])).toEqual([2, 1, 0]);
  });

  it('waits idle for a trace without a root or a parent', () => {
    const orphan = { id: '2', parent: '1' };
    expect(lateness([orphan, { ...ROOT, receivedMs: 10_000 }])).toEqual([2, 0, 0]);
    expect(lateness([orphan, { ...ROOT, receivedMs: 10_001 }])).toEqual([2, 1, 0]);
    const missingParent = { id: '3', parent: '2' };
    expect(lateness([ROOT, missingParent, { id: '2', parent: '1', receivedMs: 10_000 }])).toEqual([3, 0, 0]);
  });

  it('judges the trace as it was then: it is whole first, then a missing parent keeps it open', () => {
    const child = { id: '3', parent: '2', receivedMs: 1_500 };
    expect(lateness([ROOT, child, { id: '2', parent: '1', receivedMs: 11_500 }])).toEqual([3, 0, 0]);
    expect(lateness([ROOT, child, { id: '2', parent: '1', receivedMs: 11_501 }])).toEqual([3, 1, 0]);
  });

  it('takes spans of one append time together', () => {
    const spans = [{ id: '3', parent: '2' }, { ...ROOT }, { id: '2', parent: '1' }];
    expect(lateness([...spans, { id: '4', parent: '1', receivedMs: 2_001 }])).toEqual([4, 1, 0]);
  });

  it('waits for a self-parent, but not for a cycle', () => {
    const selfParent = { id: '2', parent: '2' };
    expect(lateness([ROOT, selfParent, { id: '9', parent: '1', receivedMs: 10_000 }])).toEqual([3, 0, 0]);
    const cycle = [
      { id: '2', parent: '3' },
      { id: '3', parent: '2' },
    ];
    expect(lateness([ROOT, ...cycle, { id: '9', parent: '1', receivedMs: 2_001 }])).toEqual([4, 1, 0]);
  });

  it('stays open while spans keep coming, but not beyond maxOpen', () => {
    const rules = { maxOpenMs: 25_000 };
    const orphans = [0, 9_000, 18_000].map(receivedMs => ({ id: `a${receivedMs}`, parent: 'ff', receivedMs }));
    expect(lateness([...orphans, { id: '2', parent: 'ff', receivedMs: 25_000 }], rules)).toEqual([4, 0, 0]);
    expect(lateness([...orphans, { id: '2', parent: 'ff', receivedMs: 25_001 }], rules)).toEqual([4, 1, 0]);
  });

  it('stays closed: what comes right after a late span is late as well', () => {
    const late = [
      { id: '2', parent: '1', receivedMs: 5_000 },
      { id: '3', parent: '1', receivedMs: 5_001 },
    ];
    expect(lateness([ROOT, ...late])).toEqual([3, 2, 0]);
  });

  it('leaves out what comes more than the lateness after the first close', () => {
    const rules = { latenessMs: 60_000 };
    expect(lateness([ROOT, { id: '2', parent: '1', receivedMs: 62_000 }], rules)).toEqual([2, 1, 0]);
    expect(lateness([ROOT, { id: '2', parent: '1', receivedMs: 62_001 }], rules)).toEqual([1, 0, 1]);
  });

  it('counts copies of a span that is too late as duplicates, and its service not at all', () => {
    const tooLate = { id: '2', parent: '1', service: 'other', receivedMs: 100_000 };
    const trace = sketchTrace([ROOT, tooLate, tooLate], { latenessMs: 1_000 });
    expect(trace).toMatchObject({ spanCount: 1, serviceCount: 1, duplicateCount: 1, revisionSpans: 1 });
  });

  it('takes of equal records the earliest, of different ones the append time of the winner', () => {
    const child = { id: '2', parent: '1', end: 5 };
    expect(lateness([{ ...child, receivedMs: 90_000 }, ROOT, child])).toEqual([2, 0, 0]);
    expect(lateness([ROOT, child, { ...child, end: 6, receivedMs: 90_000 }])).toEqual([2, 1, 0]);
  });

  it('takes too late spans in when the trace is restitched on request', () => {
    const records = sketchRecords([ROOT, { id: '2', parent: '1', receivedMs: 100_000 }]);
    const rules = { ...DEFAULT_ORACLE_RULES, latenessMs: 1_000 };
    const trace = computeTraces(records, rules, new Set([SKETCH_TRACE_ID])).get(SKETCH_TRACE_ID);
    expect(trace).toMatchObject({ spanCount: 2, lateCount: 1, tooLateCount: 1, flags: ['restitched'] });
  });
});
