import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { LogView } from '../../analytics/index.js';
import { LedgerAnswer } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertArrivals, insertRevisions, insertSpans, spanId, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const NOW = Date.now();
const LOG: LogView = {
  appendedItems: 10,
  committedItems: 10,
  rejected: { invalid_id: 3, empty: 1 },
  deadLetterItems: 2,
};

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

beforeEach(async () => {
  for (const table of ['spans', 'trace_arrivals', 'trace_revisions']) await store.command(`TRUNCATE TABLE ${table}`);
  api.log = LOG;
});

async function ledger(): Promise<LedgerAnswer> {
  const answer = await api.read(LedgerAnswer, '/api/v1/ledger');
  const rejected = Object.values(answer.rejected).reduce((sum, count) => sum + count, 0);
  expect(answer.stored + answer.duplicate + rejected + answer.dead_letter + answer.in_flight).toBe(answer.received);
  return answer;
}

const span = (number: number) => ({ traceId: traceId(1), spanId: spanId(number), startMs: NOW });

test('a store without spans has everything that was appended in flight', async () => {
  expect(await ledger()).toEqual({
    received: 14,
    rejected: { invalid_id: 3, empty: 1 },
    duplicate: 0,
    stored: 0,
    in_flight: 8,
    too_late: 0,
    dead_letter: 2,
  });
});

test('distinct spans are stored, further copies are duplicates, also on another day', async () => {
  await insertSpans(store, [span(1), span(2), { ...span(2), kind: 'CLIENT' }, { ...span(2), version: 7 }]);
  await insertSpans(store, [span(1)], NOW - 86_400_000);
  await insertArrivals(store, [
    { traceId: traceId(1), offset: 0, spans: 4 },
    { traceId: traceId(1), offset: 1, spans: 1 },
  ]);
  expect(await ledger()).toMatchObject({ stored: 3, duplicate: 2, in_flight: 3 });
});

test('a record that was stored twice counts once', async () => {
  const record = { traceId: traceId(1), offset: 0, spans: 2 };
  await insertSpans(store, [span(1), span(2)]);
  await insertArrivals(store, [record]);
  await insertSpans(store, [span(1), span(2)]);
  await insertArrivals(store, [record]);
  expect(await ledger()).toMatchObject({ stored: 2, duplicate: 0, in_flight: 6 });
});

test('spans whose arrivals are not stored yet are in flight', async () => {
  await insertSpans(store, [span(1), span(2)]);
  expect(await ledger()).toMatchObject({ stored: 0, duplicate: 0, in_flight: 8 });
  await insertArrivals(store, [{ traceId: traceId(1), offset: 0, spans: 2 }]);
  expect(await ledger()).toMatchObject({ stored: 2, duplicate: 0, in_flight: 6 });
});

test('spans that come between two answers are seen by the second', async () => {
  await insertSpans(store, [span(1)]);
  await insertArrivals(store, [{ traceId: traceId(1), offset: 0, spans: 1 }]);
  expect(await ledger()).toMatchObject({ stored: 1 });
  await insertSpans(store, [span(2)]);
  await insertArrivals(store, [{ traceId: traceId(1), offset: 1, spans: 1 }]);
  expect(await ledger()).toMatchObject({ stored: 2, in_flight: 6 });
});

test('says which figures are estimates, as long as something is in flight', async () => {
  expect(await ledger()).not.toHaveProperty('estimated');
  api.log = { ...LOG, isEstimate: true };
  expect(await ledger()).toMatchObject({ estimated: ['received', 'in_flight'] });
  await insertArrivals(store, [{ traceId: traceId(1), offset: 0, spans: 100 }]);
  expect(await ledger()).not.toHaveProperty('estimated');
});

test('spans refused only when their record was read are counted as received once', async () => {
  api.log = { ...LOG, rejectedInLogItems: 3 };
  expect(await ledger()).toMatchObject({ received: 11, in_flight: 5 });
});

test('a store that holds more than its log ever counted has nothing in flight', async () => {
  await insertArrivals(store, [{ traceId: traceId(1), offset: 0, spans: 100 }]);
  expect(await ledger()).toMatchObject({ received: 106, in_flight: 0 });
});

test('too late are those of current revisions only', async () => {
  const trace = { endMs: NOW, tooLate: 4 };
  await insertRevisions(store, [
    { ...trace, traceId: traceId(1) },
    { ...trace, traceId: traceId(2), tooLate: 1 },
    { ...trace, traceId: traceId(2), tooLate: 2, spans: 2 },
    { ...trace, traceId: traceId(3) },
    { ...trace, traceId: traceId(3), tooLate: 0, spans: 2 },
    // Moved to another minute: the row under the old key is gone.
    { ...trace, traceId: traceId(4) },
    { ...trace, traceId: traceId(4), spans: 2, isDeleted: true },
    { ...trace, traceId: traceId(4), spans: 2, endMs: NOW + 60_000, tooLate: 8 },
  ]);
  expect(await ledger()).toMatchObject({ too_late: 14 });
});

test('while records are stored, the totals reconcile and nothing is counted that was not received', async () => {
  let appended = 0;
  api.log = { ...LOG, appendedItems: 0, rejected: {}, deadLetterItems: 0 };
  let isDone = false;
  const traffic = async () => {
    for (let offset = 0; offset < 40; offset++) {
      appended += 3;
      api.log = { ...api.log, appendedItems: appended };
      await insertSpans(store, [span(offset * 2), span(offset * 2 + 1), span(offset * 2 + 1)]);
      await insertArrivals(store, [{ traceId: traceId(1), offset, spans: 3 }]);
    }
    isDone = true;
  };
  const running = traffic();
  let before = 0;
  while (!isDone) {
    const answer = await ledger();
    expect(answer.received).toBeGreaterThanOrEqual(before);
    expect(answer.received).toBeLessThanOrEqual(appended);
    before = answer.received;
  }
  await running;
  expect(await ledger()).toMatchObject({ received: 120, stored: 80, duplicate: 40, in_flight: 0 });
});

test('takes no parameters', async () => {
  expect(await errorOf(await api.get('/api/v1/ledger?from=1'))).toMatchObject({ status: 400 });
});
