import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TracesAnswer } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertRevisions, LONDON, NEW_YORK, type Revision, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const NOW = Date.UTC(2026, 10, 24, 10, 0, 0);
const MINUTE = 60_000;

let store: Store;
let api: TestApi;

beforeAll(async () => {
  store = await startStore();
  api = await startApi(store);
  api.nowMs = NOW;
});

afterAll(async () => {
  await api?.close();
  await store?.close();
});

describe('the list of traces', () => {
  /** A hundred traces in two hours, some of which end at the same instant. */
  const listed: Revision[] = Array.from({ length: 100 }, (_, index) => ({
    traceId: traceId(index + 1),
    endMs: NOW - 1 - Math.floor(index / 3) * 3.5 * MINUTE,
    durationMs: index + 0.5,
    place: index % 2 === 0 ? NEW_YORK : LONDON,
    service: index % 3 === 0 ? 'web' : 'mobile',
    operation: index % 5 === 0 ? 'GET /' : 'POST /pay',
    error: index % 10 === 0,
  }));
  const order = (a: Revision, b: Revision) => b.endMs - a.endMs || (a.traceId < b.traceId ? -1 : 1);
  const ids = (traces: readonly Revision[]) => [...traces].sort(order).map(trace => trace.traceId);

  beforeAll(() => insertRevisions(store, listed));

  async function pages(query: string, limit: number): Promise<string[][]> {
    const found: string[][] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const path: string = `/api/v1/traces?${query}&limit=${limit}${cursor && `&cursor=${cursor}`}`;
      const answer: TracesAnswer = await api.read(TracesAnswer, path);
      found.push(answer.traces.map(trace => trace.trace_id));
      cursor = answer.next_cursor;
    }
    return found;
  }

  test('is the latest first, then by id, and its pages give every trace once', async () => {
    const found = await pages('window=3h', 7);
    expect(found.flat()).toEqual(ids(listed));
    expect(found.slice(0, -1).every(page => page.length === 7)).toBe(true);
    expect(found).toHaveLength(15);
  });

  test('ends without a cursor when the last page is exactly full', async () => {
    expect(await pages('window=3h', 50)).toHaveLength(2);
  });

  test('keeps the window of the first page while time goes on and newer traces come', async () => {
    const first = await api.read(TracesAnswer, '/api/v1/traces?window=3h&limit=90');
    api.nowMs = NOW + 30 * MINUTE;
    await insertRevisions(store, [{ traceId: traceId(5_000), endMs: NOW + 10 * MINUTE }]);
    const path = `/api/v1/traces?window=3h&limit=90&cursor=${first.next_cursor}`;
    const second = await api.read(TracesAnswer, path);
    api.nowMs = NOW;
    expect(second.window).toEqual(first.window);
    expect([...first.traces, ...second.traces].map(trace => trace.trace_id)).toEqual(ids(listed));
  });

  test.each<[query: string, matches: (trace: Revision, index: number) => boolean]>([
    ['location=new%20york', (_, index) => index % 2 === 0],
    ['location=gb', (_, index) => index % 2 === 1],
    ['service=web', (_, index) => index % 3 === 0],
    ['operation=GET%20/', (_, index) => index % 5 === 0],
    ['error=true', (_, index) => index % 10 === 0],
    ['error=false', (_, index) => index % 10 !== 0],
    ['min_duration=50.5ms', trace => (trace.durationMs ?? 0) >= 50.5],
    ['max_duration=50.5', trace => (trace.durationMs ?? 0) <= 50.5],
    [
      'min_duration=10&max_duration=20ms&service=web',
      (t, i) => t.durationMs! >= 10 && t.durationMs! <= 20 && i % 3 === 0,
    ],
  ])('%s', async (query, matches) => {
    expect((await pages(`window=3h&${query}`, 1_000)).flat()).toEqual(ids(listed.filter(matches)));
  });

  test('tells of each trace what its current revision says', async () => {
    const { traces } = await api.read(TracesAnswer, '/api/v1/traces?window=3h&max_duration=0.5ms');
    expect(traces).toEqual([
      {
        trace_id: traceId(1),
        revision: 2 ** 32,
        complete: true,
        root: { service: 'web', operation: 'GET /', span_id: '' },
        start: '2026-11-24T09:59:59.998500000Z',
        end: '2026-11-24T09:59:59.999000000Z',
        duration_ms: 0.5,
        location: { locality: 'New York', region: 'US-NY', country: 'US' },
        error: true,
        span_count: 1,
        service_count: 0,
        orphan_count: 0,
        duplicate_count: 0,
        late_span_count: 0,
        flags: [],
      },
    ]);
  });

  test('is empty where there is nothing', async () => {
    const answer = await api.read(TracesAnswer, '/api/v1/traces?from=1000000000&to=1000000001');
    expect(answer).toMatchObject({ traces: [], next_cursor: null });
  });

  test.each([
    ['limit=0', /limit='0'.*1 to 1000/],
    ['limit=1001', /limit='1001'/],
    ['limit=ten', /limit='ten'/],
    ['error=yes', /error='yes'.*true or false/],
    ['min_duration=fast', /min_duration='fast'/],
    ['max_duration=-1', /max_duration='-1'/],
    ['cursor=nonsense', /cursor.*next_cursor/],
    ['from=5&to=4', /before/],
    ['status=error', /status='error'.*no such parameter/],
  ])('%s is refused', async (query, message) => {
    const error = await errorOf(await api.get(`/api/v1/traces?${query}`));
    expect(error).toMatchObject({ status: 400, code: 'API_PARAMETER_INVALID' });
    expect(error.message).toMatch(message);
  });

  test('a cursor under other filters is refused', async () => {
    const { next_cursor: cursor } = await api.read(TracesAnswer, '/api/v1/traces?window=3h&limit=1');
    const error = await errorOf(await api.get(`/api/v1/traces?window=3h&limit=1&service=web&cursor=${cursor}`));
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining('other filters') });
  });
});
