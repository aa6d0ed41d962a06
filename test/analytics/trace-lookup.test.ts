/** Where a trace is looked for (docs/adr/072), and what is read again when the first look did not see everything. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerTrace } from '../../analytics/trace-answer.js';
import { TraceAnswer } from '../../schemas/index.js';
import { currentRevision, recentRevision, type Store, spansOfTrace } from '../../store/index.js';
import { seededRandom } from '../support/random.js';
import { startApi, type TestApi } from './support/api.js';
import { testParts } from './support/parts.js';
import { insertArrivals, insertRevisions, insertSpans, LONDON, NEW_YORK, spanId, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 24, 9, 59, 0);

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  api = await startApi(store);
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

describe('a trace', () => {
  test('whose row knows of spans that the first look did not see has them read again', async () => {
    const id = traceId(1_094);
    await insertSpans(store, [{ traceId: id, spanId: spanId(1), startMs: START }], START);
    await insertArrivals(store, [{ traceId: id, offset: 1, spans: 1 }], START);
    await insertRevisions(store, [{ traceId: id, endMs: START + 10, spans: 2 }], START);
    const asked: string[] = [];
    const query: Store['query'] = async (sql, parameters, options) => {
      const rows = await store.query(sql, parameters, options);
      // On a cluster `throughline.spans_local`.
      asked.push(/FROM (?:\w+\.)?(trace_revisions|spans)/.exec(sql)?.[1] ?? sql);
      if (asked.filter(from => from === 'spans').length === 1 && asked.at(-1) === 'spans') {
        await insertSpans(store, [{ traceId: id, spanId: spanId(2), startMs: START }]);
      }
      return rows as never;
    };
    const watched = new Proxy(store, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)) });
    const { spans } = await answerTrace(testParts(watched), id);
    expect(spans).toHaveLength(2);
    expect(asked.sort()).toEqual(['spans', 'spans', 'trace_revisions']);
  });

  test('is looked for on the days that its arrivals name, and only there', async () => {
    const id = traceId(1_095);
    const days = [Date.UTC(2026, 10, 20, 12), Date.UTC(2026, 10, 23, 12)];
    for (const [index, receivedMs] of days.entries()) {
      await insertSpans(store, [{ traceId: id, spanId: spanId(index + 1), startMs: START }], receivedMs);
      await insertArrivals(store, [{ traceId: id, offset: index + 1, spans: 1 }], receivedMs);
    }
    expect((await api.read(TraceAnswer, `/api/v1/traces/${id}`)).spans).toHaveLength(2);
    // What no arrival tells of is not stored yet, as in the ledger.
    await insertSpans(store, [{ traceId: id, spanId: spanId(3), startMs: START }], Date.UTC(2026, 10, 24, 12));
    expect((await api.read(TraceAnswer, `/api/v1/traces/${id}`)).spans).toHaveLength(2);
    // Unless its row says that there is more.
    await insertRevisions(store, [{ traceId: id, endMs: START + 10, spans: 3 }], days[0]);
    expect((await api.read(TraceAnswer, `/api/v1/traces/${id}`)).spans).toHaveLength(3);
  });

  test('is read from the parts of its times alone: arrivals are read before it is chosen what to read', async () => {
    const id = traceId(1_099);
    const times = [11, 12, 13].map(hour => Date.UTC(2026, 10, 12, hour));
    await store.command('SYSTEM STOP MERGES');
    for (const receivedMs of times) {
      await insertSpans(store, [{ traceId: id, spanId: spanId(1), startMs: receivedMs - 10 }], receivedMs);
      await insertRevisions(store, [{ traceId: id, endMs: receivedMs, spans: 1 }], receivedMs);
    }
    // Of another day, with the same end and ids around this one.
    const around = [traceId(1), traceId(9_999)].map(other => ({ traceId: other, endMs: times[1], spans: 1 }));
    await insertRevisions(store, around, Date.UTC(2026, 10, 15));
    await insertArrivals(store, [{ traceId: id, offset: 1, spans: 1 }], times[1]);
    const chosen: (string | undefined)[] = [];
    const query: Store['query'] = async (sql, parameters, options) => {
      const plan = await store.query<{ explain: string }>(`EXPLAIN indexes = 1 ${sql}`, parameters, options);
      chosen.push(plan.map(({ explain }) => explain.trim()).find(line => line.startsWith('Parts: ')));
      return store.query(sql, parameters, options);
    };
    const watched = new Proxy(store, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)) });
    expect(await spansOfTrace(watched, 'default', id, 10, 'with its records')).toHaveLength(1);
    expect((await recentRevision(watched, 'default', id))?.end_ns).toBe(`${times[1]}000000`);
    expect(chosen).toEqual(['Parts: 1 | Granules: 1', 'Parts: 1 | Granules: 1']);
    await store.command('SYSTEM START MERGES');
  });

  test('that came in thousands of records is found among them', async () => {
    const id = traceId(1_096);
    const receivedMs = START + 5_000 * 1_000;
    const arrivals = (offset: number) => ({ traceId: id, offset, spans: 1 });
    for (let at = 0; at < 5_000; at += 1_000) {
      const some = Array.from({ length: 1_000 }, (_, index) => arrivals(at + index));
      await insertArrivals(store, some, START + at * 1_000);
    }
    await insertSpans(store, [{ traceId: id, spanId: spanId(1), startMs: START }], START);
    await insertSpans(store, [{ traceId: id, spanId: spanId(2), startMs: START }], receivedMs);
    await insertArrivals(store, [arrivals(5_000)], receivedMs);
    await insertRevisions(store, [{ traceId: id, endMs: receivedMs - 10, spans: 2 }], START);
    expect((await recentRevision(store, 'default', id))?.span_count).toBe(2);
    expect(await spansOfTrace(store, 'default', id, 10, 'with its records')).toHaveLength(2);
  });

  test('of now is found where its records came, unless its row moved away from there', async () => {
    const ids = [traceId(1_097), traceId(1_098)];
    const receivedMs = START + 2_000;
    const near = { endMs: START + 1_000, spans: 1 };
    for (const id of ids) {
      await insertSpans(store, [{ traceId: id, spanId: spanId(1), startMs: START }], receivedMs);
      await insertArrivals(store, [{ traceId: id, offset: 1, spans: 1 }], receivedMs);
      await insertRevisions(store, [{ ...near, traceId: id }], receivedMs);
    }
    const moved = { traceId: ids[1], place: LONDON, spans: 2 };
    await insertRevisions(store, [{ ...near, ...moved, place: NEW_YORK, isDeleted: true }], receivedMs);
    await insertRevisions(store, [{ ...moved, endMs: START - 60 * MINUTE }], receivedMs);
    expect((await recentRevision(store, 'default', ids[0]))?.trace_id).toBe(ids[0]);
    expect(await recentRevision(store, 'default', ids[1])).toBeUndefined();
    for (const [ago, isRecent] of [
      [3, true],
      [4, false],
    ] as const) {
      const id = traceId(1_100 + ago);
      const endMs = receivedMs - ago * MINUTE;
      await insertArrivals(store, [{ traceId: id, offset: 1, spans: 1 }], receivedMs);
      await insertRevisions(store, [{ traceId: id, endMs, spans: 1 }], receivedMs);
      expect((await recentRevision(store, 'default', id)) !== undefined).toBe(isRecent);
    }
    const trace = await api.read(TraceAnswer, `/api/v1/traces/${ids[1]}`);
    expect(trace).toMatchObject({ location: { country: 'GB' }, end: '2026-11-24T08:59:00.000000000Z' });
  });

  // Few rows are sorted out by us, many by the engine.
  test.each([1, 40, 1_000, 1_001, 2_300])('of %s rows has each span once, in order', async rows => {
    const id = traceId(2_000 + rows);
    const random = seededRandom(rows);
    const kinds = ['INTERNAL', 'SERVER', 'CLIENT'];
    const stored = Array.from({ length: rows }, (_, index) => ({
      traceId: id,
      spanId: spanId(Math.floor(random() * rows * 0.6)),
      kind: kinds[Math.floor(random() * kinds.length)],
      startMs: START + Math.floor(random() * 20),
      durationMs: 5 + Math.floor(random() * 4),
      // Two of one identity never have the same.
      version: index,
    }));
    // In blocks, each of which keeps what it was given.
    for (let at = 0; at < rows; at += 500) await insertSpans(store, stored.slice(at, at + 500));
    const versionOf = ({ startMs, durationMs, version }: (typeof stored)[number]) => [startMs + durationMs, version];
    const best = new Map<string, (typeof stored)[number]>();
    for (const span of stored) {
      const identity = `${span.spanId} ${span.kind}`;
      const other = best.get(identity);
      if (other === undefined || compare(versionOf(span), versionOf(other)) > 0) best.set(identity, span);
    }
    const place = (span: { spanId: string; kind: string; startMs: number }) => [
      span.startMs,
      span.spanId,
      kinds.indexOf(span.kind),
    ];
    const expected = [...best.values()]
      .sort((one, other) => compare(place(one), place(other)))
      .map(({ spanId, kind, startMs, durationMs }) => `${spanId} ${kind} ${startMs} ${durationMs}`);
    for (const limit of [3, 10_000]) {
      const spans = await spansOfTrace(store, 'default', id, limit);
      const told = spans.map(span => {
        const [start, end] = [span.start_ns, span.end_ns].map(ns => Number(BigInt(ns) / 1_000_000n));
        expect(span.duration_ns).toBe(String((end - start) * 1e6));
        return `${span.span_id} ${span.kind} ${start} ${end - start}`;
      });
      expect(told).toEqual(expected.slice(0, limit));
    }
  });

  test.each([2, 10, 11, 30])('with %s stored rows has the newest, and a live one before its tombstone', async rows => {
    const id = traceId(9_000 + rows);
    const revisions = Array.from({ length: rows }, (_, index) => ({
      traceId: id,
      endMs: START + 1_000,
      spans: 1 + ((index * 7) % rows),
      // Rows of one key would be one.
      place: [`city ${index}`, 'US-NY', 'US'] as const,
    }));
    await insertRevisions(store, revisions, START);
    const newest = async () => {
      const row = await currentRevision(store, 'default', id, [BigInt(START + 1_000) * 1_000_000n]);
      return row && [row.span_count, row.locality];
    };
    const best = revisions.reduce((one, other) => (other.spans > one.spans ? other : one));
    expect(await newest()).toEqual([best.spans, best.place[0]]);
    // A row that moves leaves a tombstone of its version.
    const tombstone = { ...best, place: ['elsewhere', 'US-NY', 'US'] as const, more: { is_deleted: 1 } };
    await insertRevisions(store, [tombstone], START);
    expect(await newest()).toEqual([best.spans, best.place[0]]);
    await insertRevisions(store, [{ ...tombstone, spans: best.spans + 1, arrivals: best.spans + 1 }], START);
    expect(await newest()).toBeUndefined();
  });
});

function compare(one: readonly (string | number)[], other: readonly (string | number)[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  if (at < 0) return 0;
  return one[at] < other[at] ? -1 : 1;
}
