/** The judge itself: it has nothing to say against the truth, and complains of every lie. */
import { describe, expect, test } from 'vitest';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace } from '../../oracle/index.js';
import { oracleSloCounts } from '../../oracle/slo-counts.js';
import { expectedCells, expectedRow } from '../../pipe/compare.js';
import type { Evidence } from './evidence.js';
import { expectedOf } from './expected.js';
import { judge } from './judge.js';
import type { Batch } from './ledger.js';
import { planLoad } from './load-plan.js';
import { sloDefinition } from './slo.js';

const GIVEN_UP = [3, 17, 18];

/** A load of which three batches were never acknowledged. */
function sentBatches(): Batch[] {
  return planLoad({ seed: 7, traces: 60, startNs: '1764000000000000000', spansPerBatch: 25 }).map((request, id) => ({
    id,
    request,
    attempts: id % 5 === 0 ? 2 : 1,
    isAcked: !GIVEN_UP.includes(id),
  }));
}

/** What a system would say that got these batches, and did everything right. */
function truthOf(arrived: readonly Batch[]): Evidence {
  const records = arrived.map(({ id, request }) => ({ partition: 0, offset: id, appendTimeMs: 0, request }));
  const traces = [...computeTraces(records, DEFAULT_ORACLE_RULES).values()];
  const { traces: expected } = expectedOf(arrived.map(batch => ({ ...batch, isAcked: true })));
  const spans = [...expected.values()].flatMap(({ traceId, acked }) =>
    [...acked].map(identity => {
      const [spanId, kind] = identity.split('/');
      return { traceId, spanId, kind: Number(kind) };
    }),
  );
  const received = expectedOf(arrived).triedSpans;
  const duplicate = received - spans.length;
  return {
    spans,
    traces: traces.map(expectedRow),
    rollups: expectedCells(traces),
    slo: sloCellsOf(traces),
    ledger: { received, stored: spans.length, duplicate, rejected: {}, in_flight: 0, too_late: 0, dead_letter: 0 },
    memory: [{ process: 'up', peakBytes: 200 << 20, capBytes: 900 << 20 }],
  };
}

function sloCellsOf(traces: readonly OracleTrace[]): Map<string, string> {
  const judged = traces.map(trace => ({ ...trace, attribute: () => undefined }));
  const counts = oracleSloCounts(judged, sloDefinition());
  return new Map([...counts].map(([key, { good, bad, unknown }]) => [key, `${good} ${bad} ${unknown}`]));
}

const batches = sentBatches();
const truth = truthOf(batches.filter(({ id }) => id !== 17));
const lettersOf = (complaints: readonly string[]) => new Set(complaints.map(text => text.slice(0, 3)));
const isAcknowledged = (span: Evidence['spans'][number]) =>
  [...expectedOf(batches).traces.get(span.traceId)!.acked].includes(`${span.spanId}/${span.kind}`);

/** Changes the counts of the first cell. */
function miscounted(cells: ReadonlyMap<string, string>): Map<string, string> {
  const [[key, counts], ...rest] = [...cells].filter(([key]) => !key.startsWith('9'));
  return new Map([[key, counts.replace(/^\d+/, first => String(Number(first) + 1))], ...rest]);
}

describe('the judge has no complaint', () => {
  test('where all acknowledged batches arrived, and any of the others', () => {
    expect(judge(batches, truth)).toEqual([]);
    expect(judge(batches, truthOf(batches))).toEqual([]);
    expect(judge(batches, truthOf(batches.filter(({ isAcked }) => isAcked)))).toEqual([]);
  });

  test('where a conflict is forgotten (ADR 001), but where one is made up', () => {
    const hasConflict = (row: Evidence['traces'][number]) => (row.flags as string[]).includes('conflict');
    const forgotten = truth.traces.map(row => ({
      ...row,
      flags: (row.flags as string[]).filter(flag => flag !== 'conflict'),
    }));
    expect(truth.traces.some(hasConflict)).toBe(true);
    expect(judge(batches, { ...truth, traces: forgotten })).toEqual([]);
    const madeUp = truth.traces.map(row => ({
      ...row,
      flags: [...new Set([...(row.flags as string[]), 'conflict'])].sort(),
    }));
    expect(judge(batches, { ...truth, traces: madeUp })).not.toEqual([]);
  });

  test('where cells that lost their traces are still there, and empty', () => {
    expect(
      judge(batches, { ...truth, slo: new Map([...truth.slo, ['[0,29400100,{"location":"X"}]', '0 0 0']]) }),
    ).toEqual([]);
  });
});

describe('the judge complains', () => {
  test('(a) of an acknowledged span that is missing, and of one that is there twice', () => {
    const lost = truth.spans.find(isAcknowledged)!;
    const without = truth.spans.filter(span => span !== lost);
    expect(judge(batches, { ...truth, spans: without }).join('\n')).toMatch(
      new RegExp(`\\(a\\) acknowledged span ${lost.traceId} ${lost.spanId}/${lost.kind} is there 0 times`),
    );
    expect(judge(batches, { ...truth, spans: [...truth.spans, lost] }).join('\n')).toContain('is there 2 times');
  });

  test('(b) of an unacknowledged span that is there twice', () => {
    const unknown = truth.spans.find(span => !isAcknowledged(span))!;
    expect(lettersOf(judge(batches, { ...truth, spans: [...truth.spans, unknown] }))).toContain('(b)');
  });

  test('(c) of a span that nobody sent, of a trace that was sent and of one that was not', () => {
    const [{ traceId }] = truth.spans;
    for (const stranger of [traceId, 'f'.repeat(32)]) {
      const spans = [...truth.spans, { traceId: stranger, spanId: 'e'.repeat(16), kind: 1 }];
      expect(lettersOf(judge(batches, { ...truth, spans }))).toContain('(c)');
    }
  });

  test('(d) of a trace row that is missing, doubled, false in any column, or of no trace', () => {
    const [first, ...rest] = truth.traces;
    expect(lettersOf(judge(batches, { ...truth, traces: rest }))).toEqual(new Set(['(d)']));
    expect(lettersOf(judge(batches, { ...truth, traces: [first, ...truth.traces] }))).toEqual(new Set(['(d)']));
    const stranger = { ...first, trace_id: 'f'.repeat(32) };
    expect(lettersOf(judge(batches, { ...truth, traces: [...truth.traces, stranger] }))).toEqual(new Set(['(d)']));
    for (const column of Object.keys(first).filter(name => name !== 'duplicate_count')) {
      const traces = [{ ...first, [column]: 'another' }, ...rest];
      expect(lettersOf(judge(batches, { ...truth, traces })), column).toContain('(d)');
    }
  });

  test('(d) of a trace that shows half of a batch that was not acknowledged', () => {
    const unknown = expectedOf(batches).traces;
    const half = [...unknown.values()].find(({ unacked }) => unacked.size > 1)!;
    const [one] = half.unacked;
    const all = truthOf(batches);
    const spans = all.spans.filter(
      span => span.traceId !== half.traceId || isAcknowledged(span) || `${span.spanId}/${span.kind}` === one,
    );
    expect(judge(batches, { ...all, spans }).join('\n')).toContain('no set of batches that were sent');
  });

  test('(d) of a rollup cell that is false, missing, or too much', () => {
    expect(lettersOf(judge(batches, { ...truth, rollups: miscounted(truth.rollups) }))).toEqual(new Set(['(d)']));
    expect(lettersOf(judge(batches, { ...truth, rollups: new Map() }))).toEqual(new Set(['(d)']));
    const more = new Map([...truth.rollups, ['1764000000|US|||x|y', '1 0 0 5']]);
    expect(lettersOf(judge(batches, { ...truth, rollups: more }))).toEqual(new Set(['(d)']));
  });

  test('(e) of an SLO count that is false, missing, or too much', () => {
    expect(lettersOf(judge(batches, { ...truth, slo: miscounted(truth.slo) }))).toEqual(new Set(['(e)']));
    expect(lettersOf(judge(batches, { ...truth, slo: new Map() }))).toEqual(new Set(['(e)']));
    const more = new Map([...truth.slo, ['[0,29400100,{"location":"X"}]', '0 1 0']]);
    expect(lettersOf(judge(batches, { ...truth, slo: more }))).toEqual(new Set(['(e)']));
  });

  test('(f) of memory over its cap, or not watched', () => {
    const greedy = { process: 'engine', peakBytes: 3_000 * 2 ** 20, capBytes: 2_000 * 2 ** 20 };
    expect(judge(batches, { ...truth, memory: [...truth.memory, greedy] })).toEqual([
      '(f) engine took 3000 MiB of 2000 MiB',
    ]);
    expect(lettersOf(judge(batches, { ...truth, memory: [] }))).toEqual(new Set(['(f)']));
    expect(lettersOf(judge(batches, { ...truth, memory: [{ ...greedy, peakBytes: 0 }] }))).toEqual(new Set(['(f)']));
  });

  test.each([
    ['does not add up', { received: truth.ledger.received + 1 }],
    ['has spans in flight', { in_flight: 1, duplicate: truth.ledger.duplicate - 1 }],
    ['counts a rejected span', { rejected: { invalid_span_id: 1 }, duplicate: truth.ledger.duplicate - 1 }],
    ['counts a dead letter', { dead_letter: 1, duplicate: truth.ledger.duplicate - 1 }],
    ['counts what came too late', { too_late: 1 }],
    ['says that fewer are stored', { stored: truth.ledger.stored - 1, duplicate: truth.ledger.duplicate + 1 }],
    ['received less than was acknowledged', { received: truth.ledger.stored, duplicate: 0 }],
    ['received more than was ever sent', { received: 1e6, duplicate: 1e6 - truth.ledger.stored }],
  ])('(g) of a ledger that %s', (_case, change) => {
    expect(lettersOf(judge(batches, { ...truth, ledger: { ...truth.ledger, ...change } }))).toEqual(new Set(['(g)']));
  });
});
