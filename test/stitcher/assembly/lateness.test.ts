import { describe, expect, test } from 'vitest';
import { assemble, type SpanSpec } from './build.js';

const RULES = { completeAfterMs: 2_000, idleMs: 10_000, maxOpenMs: 60_000, latenessMs: 100_000 };
const root = (received: number): SpanSpec => ({ id: 'a', received });
const child = (id: string, received: number, parent = 'a'): SpanSpec => ({ id, parent, received });

function counts(...spans: SpanSpec[]): { late: number; tooLate: number; spans: number } {
  const { lateCount, tooLateCount, spanCount } = assemble(spans, RULES);
  return { late: lateCount, tooLate: tooLateCount, spans: spanCount };
}

describe('a trace first closes', () => {
  test('when it is whole and completeAfter has passed: a span at that moment is in time, one after it is late', () => {
    expect(counts(root(0), child('b', 2_000))).toMatchObject({ late: 0 });
    expect(counts(root(0), child('b', 2_001))).toMatchObject({ late: 1 });
  });

  test('when it lacks a root and idle has passed', () => {
    expect(counts(child('b', 0), root(10_000))).toMatchObject({ late: 0 });
    expect(counts(child('b', 0), root(10_001))).toMatchObject({ late: 1 });
  });

  test('when it lacks a parent and idle has passed', () => {
    expect(counts(root(0), child('c', 0, 'b'), child('b', 10_000))).toMatchObject({ late: 0 });
    expect(counts(root(0), child('c', 0, 'b'), child('b', 10_001))).toMatchObject({ late: 1 });
  });

  test('completeAfter after the span that made it whole', () => {
    expect(counts(child('b', 0), root(9_000), child('c', 11_000))).toMatchObject({ late: 0 });
    expect(counts(child('b', 0), root(9_000), child('c', 11_001))).toMatchObject({ late: 1 });
  });

  test('idle after a span that made it incomplete again', () => {
    expect(counts(root(0), child('c', 1_000, 'b'), child('b', 11_000))).toMatchObject({ late: 0 });
  });

  test('at the latest maxOpen after its first span', () => {
    const waiting = [9, 18, 27, 36, 45, 54].map(s => child(`1${s}`, s * 1_000, 'f'));
    expect(counts(root(0), child('c', 0, 'b'), ...waiting, child('b', 60_000))).toMatchObject({ late: 0 });
    expect(counts(root(0), child('c', 0, 'b'), ...waiting, child('b', 60_001))).toMatchObject({ late: 1 });
  });

  test('but once: what closes again later is late all the same', () => {
    expect(counts(root(0), child('b', 5_000), child('c', 6_000), child('d', 50_000))).toMatchObject({ late: 3 });
  });

  test('whole without waiting for a cycle, but a span that is its own parent keeps it waiting', () => {
    const cycle = [child('c', 0, 'd'), child('d', 0, 'c')];
    expect(counts(root(0), ...cycle, child('b', 2_001))).toMatchObject({ late: 1 });
    expect(counts(root(0), child('c', 0, 'c'), child('b', 2_001))).toMatchObject({ late: 0 });
  });

  test('whole with a server that has no parent id, until the client of its id makes it one’s child', () => {
    const server: SpanSpec = { id: 'b', kind: 'SERVER', received: 0 };
    const client: SpanSpec = { id: 'b', kind: 'CLIENT', parent: 'f', received: 1_000 };
    expect(counts(server, child('c', 2_001, 'b'))).toMatchObject({ late: 1 });
    expect(counts(server, client, child('c', 3_001, 'b'))).toMatchObject({ late: 0 });
  });

  test('whole with a server whose parent is missing, once the client of its id is here', () => {
    const server: SpanSpec = { id: 'b', kind: 'SERVER', parent: 'f', received: 0 };
    const client: SpanSpec = { id: 'b', kind: 'CLIENT', parent: 'a', received: 1_000 };
    expect(counts(root(0), server, client, child('c', 3_000))).toMatchObject({ late: 0 });
    expect(counts(root(0), server, client, child('c', 3_001))).toMatchObject({ late: 1 });
  });
});

describe('spans received more than the allowed lateness after that', () => {
  const closesAt2000 = [root(0), child('b', 102_000), child('c', 102_001, 'd')];

  test('are too late: counted, but no part of the trace', () => {
    expect(counts(...closesAt2000)).toEqual({ late: 1, tooLate: 1, spans: 2 });
    expect(assemble(closesAt2000, RULES)).toMatchObject({ orphanCount: 0, complete: true });
  });

  test('are part of the trace on request, and late as well', () => {
    const trace = assemble(closesAt2000, { ...RULES, includeTooLate: true });
    expect(trace).toMatchObject({ lateCount: 2, tooLateCount: 1, spanCount: 3, orphanCount: 1, complete: false });
  });

  test('change neither the revision nor anything else but their own count', () => {
    const without = assemble(closesAt2000.slice(0, 2), RULES);
    expect(assemble(closesAt2000, RULES)).toEqual({ ...without, tooLateCount: 1 });
  });
});
