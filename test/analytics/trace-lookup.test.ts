/** Where a trace is looked for (docs/adr/072), and what is read again when the first look did not see everything. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerTrace } from '../../analytics/trace-answer.js';
import { TraceAnswer } from '../../schemas/index.js';
import { receiptsOfTrace, recentRevision, type Store } from '../../store/index.js';
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
    await insertSpans(store, [{ traceId: id, spanId: spanId(1), startMs: START }]);
    await insertRevisions(store, [{ traceId: id, endMs: START + 10, spans: 2 }]);
    const asked: string[] = [];
    const query: Store['query'] = async (sql, parameters, options) => {
      const rows = await store.query(sql, parameters, options);
      asked.push(/FROM trace_revisions|FROM spans/.exec(sql)?.[0] ?? sql);
      if (asked.filter(from => from === 'FROM spans').length === 1 && asked.at(-1) === 'FROM spans') {
        await insertSpans(store, [{ traceId: id, spanId: spanId(2), startMs: START }]);
      }
      return rows as never;
    };
    const watched = new Proxy(store, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)) });
    const { spans } = await answerTrace(testParts(watched), id);
    expect(spans).toHaveLength(2);
    expect(asked.sort()).toEqual(['FROM spans', 'FROM spans', 'FROM trace_revisions']);
  });

  test('is looked for on the days that its arrivals name, and only there', async () => {
    const id = traceId(1_095);
    const days = [Date.UTC(2026, 10, 20, 12), Date.UTC(2026, 10, 23, 12)];
    for (const [index, receivedMs] of days.entries()) {
      await insertSpans(store, [{ traceId: id, spanId: spanId(index + 1), startMs: START }], receivedMs);
      await insertArrivals(store, [{ traceId: id, offset: index + 1, spans: 1 }], receivedMs);
    }
    expect([...(await receiptsOfTrace(store, 'default', id))].sort()).toEqual(days);
    expect((await api.read(TraceAnswer, `/api/v1/traces/${id}`)).spans).toHaveLength(2);
    // What no arrival tells of is not stored yet, as in the ledger.
    await insertSpans(store, [{ traceId: id, spanId: spanId(3), startMs: START }], Date.UTC(2026, 10, 24, 12));
    expect((await api.read(TraceAnswer, `/api/v1/traces/${id}`)).spans).toHaveLength(2);
    // Unless its row says that there is more.
    await insertRevisions(store, [{ traceId: id, endMs: START + 10, spans: 3 }], days[0]);
    expect((await api.read(TraceAnswer, `/api/v1/traces/${id}`)).spans).toHaveLength(3);
  });

  test('that came in more records than a question names is looked for everywhere', async () => {
    const id = traceId(1_096);
    const arrivals = Array.from({ length: 1_001 }, (_, index) => ({ traceId: id, offset: index + 1, spans: 1 }));
    await insertArrivals(store, arrivals.slice(1));
    expect(await receiptsOfTrace(store, 'default', id)).toHaveLength(1_000);
    await insertArrivals(store, arrivals.slice(0, 1));
    expect(await receiptsOfTrace(store, 'default', id)).toEqual([]);
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
    const receipts = await receiptsOfTrace(store, 'default', ids[0]);
    expect((await recentRevision(store, 'default', ids[0], receipts))?.trace_id).toBe(ids[0]);
    expect(await recentRevision(store, 'default', ids[1], receipts)).toBeUndefined();
    const trace = await api.read(TraceAnswer, `/api/v1/traces/${ids[1]}`);
    expect(trace).toMatchObject({ location: { country: 'GB' }, end: '2026-11-24T08:59:00.000000000Z' });
  });
});
