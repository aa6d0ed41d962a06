import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { progressOf, withFreshness } from '../../analytics/freshness.js';
import { SharedProgress } from '../../analytics/shared-progress.js';
import { LatencyAnswer } from '../../schemas/index.js';
import type { ProgressRow, Store } from '../../store/index.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertRevisions, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const NOW = Date.UTC(2026, 10, 24, 10, 0, 0);
const ALIVE_MS = 15_000;

const DONE = {
  partitions: { 0: 7, 1: 3 } as Record<string, number>,
  watermark_ms: NOW - 1_000,
  open_traces: 0,
  pending: 0,
  audited: true,
  audited_through_ms: NOW - 5_000,
  last_trace_row_ms: NOW - 4_000,
};

/** Two seconds ago, by a stitcher whose clock is an hour slow, who told it half a second ago. */
const LATER = { last_trace_row_ms: NOW - 3_602_000, last_trace_row_age_ms: 100 };

const LOG = [
  { partition: 0, endOffset: 7, committedOffset: 7 },
  { partition: 1, endOffset: 3, committedOffset: 3 },
  { partition: 2, endOffset: 0, committedOffset: 0 },
];

function stitcher(
  state: Partial<typeof DONE> & { last_trace_row_age_ms?: number } = {},
  instance = 'a',
  atMs = NOW - 500,
): ProgressRow {
  return { name: 'stitcher', instance, atMs, state: JSON.stringify({ ...DONE, ...state }) };
}

function rollup(coveredMs: number, instance = 'a'): ProgressRow {
  return { name: 'rollup', instance, atMs: NOW, state: JSON.stringify({ covered_ms: coveredMs, resume_ms: 0 }) };
}

const ROLLED_UP = rollup(NOW - 1_000);
const isSettled = (rows: readonly ProgressRow[], log = LOG) => progressOf(log, rows, NOW, ALIVE_MS).settled;

/** A store of which nothing but `progress` is asked, by a clock that says NOW. */
function storeWith(rows: readonly ProgressRow[], tookMs = 0, cluster?: string) {
  const order: string[] = [];
  const told = rows.map(({ name, instance, atMs, state }) => [name, instance, String(atMs), state]);
  const store = {
    cluster,
    queryRows: async () => {
      order.push('progress');
      await new Promise(resolve => setTimeout(resolve, tookMs));
      return [[told, String(NOW)]];
    },
  } as unknown as Store;
  return { store, order };
}

describe('what is known of progress', () => {
  test('is read once for all who ask at the same time, and they compare when', async () => {
    const { store, order } = storeWith([stitcher()], 20);
    const shared = new SharedProgress(store, 60_000);
    const readings = await Promise.all([shared.read(), shared.read(), shared.read()]);
    expect(order).toEqual(['progress']);
    for (const { rows, isOfBefore, beganServerMs } of readings) {
      expect([rows.length, isOfBefore]).toEqual([1, false]);
      expect(beganServerMs).toBeLessThanOrEqual(NOW - 20);
    }
  });

  test('is read once for all who ask within a moment, whose clock goes on', async () => {
    const { store, order } = storeWith([stitcher()]);
    const shared = new SharedProgress(store, 60_000);
    await shared.read();
    await new Promise(resolve => setTimeout(resolve, 30));
    const { isOfBefore, serverNowMs } = await shared.read();
    expect([order.length, isOfBefore]).toEqual([1, true]);
    expect(serverNowMs).toBeGreaterThanOrEqual(NOW + 29);
  });

  test('is read again after that moment', async () => {
    const { store, order } = storeWith([stitcher()]);
    const shared = new SharedProgress(store, 10);
    await shared.read();
    await new Promise(resolve => setTimeout(resolve, 20));
    expect((await shared.read()).isOfBefore).toBe(false);
    expect(order).toHaveLength(2);
  });

  test('is read again where it could not be', async () => {
    const { store, order } = storeWith([stitcher()]);
    let isAway = true;
    const queryRows = (...asked: Parameters<Store['queryRows']>) => {
      return isAway ? Promise.reject(new Error('away')) : store.queryRows(...asked);
    };
    const shared = new SharedProgress({ ...store, queryRows } as Store, 60_000);
    await expect(Promise.all([shared.read(), shared.read()])).rejects.toThrow('away');
    isAway = false;
    expect((await shared.read()).rows).toHaveLength(1);
    expect(order).toHaveLength(1);
  });
});

describe('an answer that is asked for together with its freshness', () => {
  const LIMITS = { instanceAliveMs: ALIVE_MS } as Parameters<typeof withFreshness>[0]['limits'];

  function storeOf(
    rows: readonly ProgressRow[],
    maxAgeMs = 0,
    { tookMs = 0, cluster = undefined as string | undefined } = {},
  ) {
    const { store, order } = storeWith(rows, tookMs, cluster);
    return { store, order, progress: new SharedProgress(store, maxAgeMs) };
  }

  async function asked(rows: readonly ProgressRow[], how: { tookMs?: number; cluster?: string } = {}) {
    const { store, progress, order } = storeOf(rows, 0, how);
    const parts = { store, progress, offsets: async () => LOG, limits: LIMITS };
    const { progress: told, answer } = await withFreshness(parts, async () => order.push('answer'));
    return { settled: told.settled, answer, order };
  }
  const EARLIER = { ...ROLLED_UP, atMs: NOW - 1_000 };

  test('is asked once where all that is known was stored before', async () => {
    expect(await asked([stitcher(), EARLIER])).toMatchObject({ settled: true, answer: expect.any(Number) });
    expect((await asked([stitcher(), EARLIER])).order.filter(what => what === 'answer')).toHaveLength(1);
    const other = { name: 'slo-backfill', instance: 'x', atMs: NOW, state: '{}' };
    expect((await asked([stitcher(), EARLIER, other])).order.filter(what => what === 'answer')).toHaveLength(1);
  });

  test.each<[string, readonly ProgressRow[], number]>([
    ['stored at the same time', [stitcher(), ROLLED_UP], 0],
    ['stored while progress was read', [stitcher({}, 'a', NOW - 50), EARLIER], 80],
    ['stored by a clock that was set back since', [stitcher(), { ...ROLLED_UP, atMs: NOW + 60_000 }], 0],
  ])('is asked again where something was %s', async (_why, rows, tookMs) => {
    const { answer, order } = await asked(rows, { tookMs });
    expect(order.filter(what => what === 'answer')).toHaveLength(2);
    // The second one is given.
    expect(answer).toBe(order.length);
  });

  test('is asked once where all was known already, however new it is', async () => {
    const { store, progress, order } = storeOf([stitcher(), { ...ROLLED_UP, atMs: NOW }], 60_000);
    await progress.read();
    const parts = { store, progress, offsets: async () => LOG, limits: LIMITS };
    const { progress: told } = await withFreshness(parts, async () => order.push('answer'));
    expect({ order, settled: told.settled }).toEqual({ order: ['progress', 'answer'], settled: true });
  });

  test('is not settled where more has come in since that was read', async () => {
    const { store, progress } = storeOf([stitcher(), ROLLED_UP], 60_000);
    await progress.read();
    const more = LOG.map((each, index) => (index === 0 ? { ...each, endOffset: 8, committedOffset: 8 } : each));
    const parts = { store, progress, offsets: async () => more, limits: LIMITS };
    expect((await withFreshness(parts, async () => {})).progress.settled).toBe(false);
  });

  test('is asked for afterwards on a cluster, whose servers have a clock each', async () => {
    expect((await asked([stitcher(), EARLIER], { cluster: 'main' })).order).toEqual(['progress', 'answer']);
  });
});

describe('settled', () => {
  test('is true when everything is stored, closed, audited and rolled up', () => {
    expect(isSettled([stitcher(), ROLLED_UP])).toBe(true);
  });

  test('is true whatever the clock of the stitcher says, if what it stored is long ago', () => {
    const fast = { last_trace_row_ms: NOW + 3_600_000, last_trace_row_age_ms: 5_000 };
    expect(isSettled([stitcher(fast), ROLLED_UP])).toBe(true);
  });

  test.each<[why: string, rows: readonly ProgressRow[], log?: typeof LOG]>([
    ['no stitcher ever reported', [ROLLED_UP]],
    ['the stitcher has not reported for too long', [stitcher({}, 'a', NOW - ALIVE_MS - 1), ROLLED_UP]],
    ['a trace is open', [stitcher({ open_traces: 1 }), ROLLED_UP]],
    ['a restitch is under way', [stitcher({ pending: 1 }), ROLLED_UP]],
    ['the audit is not through', [stitcher({ audited: false }), ROLLED_UP]],
    ['another live stitcher has a trace open', [stitcher(), stitcher({ open_traces: 1 }, 'b'), ROLLED_UP]],
    ['no rollup ever ran', [stitcher()]],
    ['the newest trace row is not rolled up', [stitcher(), rollup(NOW - 4_001)]],
    ['the newest trace row is as new as the clocks may differ', [stitcher(), rollup(NOW - 3_900)]],
    ['the newest trace row was stored later than its clock says', [stitcher({ ...LATER }), rollup(NOW - 1_000)]],
    ['the rollup claims what is yet to come: its clock was set back', [stitcher(), rollup(NOW + 3_600_000)]],
    ['a record is not committed', [stitcher(), ROLLED_UP], [{ ...LOG[0], committedOffset: 6 }, LOG[1], LOG[2]]],
    ['the stitcher has not reported the last commit', [stitcher({ partitions: { 0: 6, 1: 3 } }), ROLLED_UP]],
    ['nobody reports a partition with records', [stitcher({ partitions: { 0: 7 } }), ROLLED_UP]],
    ['a stitcher wrote what is not JSON', [{ ...stitcher(), state: '{' }, ROLLED_UP]],
    ['a stitcher wrote something else', [{ ...stitcher(), state: '[]' }, ROLLED_UP]],
    ['a rollup job wrote something else', [stitcher(), { ...ROLLED_UP, state: '{"covered_ms":"x"}' }]],
  ])('is false when %s', (_why, rows, log) => {
    expect(isSettled(rows, log)).toBe(false);
  });

  test('partitions may be shared by stitchers, and what a dead one left behind does not matter', () => {
    const rows = [
      stitcher({ partitions: { 0: 7 } }, 'a'),
      stitcher({ partitions: { 0: 5, 1: 3 } }, 'b'),
      stitcher({ open_traces: 9, audited: false }, 'dead', NOW - 60_000),
      rollup(0, 'dead'),
      ROLLED_UP,
    ];
    expect(isSettled(rows)).toBe(true);
  });
});

describe('watermark and open traces', () => {
  test('the watermark is the lowest of the live stitchers, open traces are the sum', () => {
    const rows = [
      stitcher({ watermark_ms: NOW - 9_000, open_traces: 2 }, 'a'),
      stitcher({ open_traces: 3 }, 'b'),
      stitcher({ watermark_ms: 5, open_traces: 100 }, 'dead', NOW - 60_000),
    ];
    const progress = progressOf(LOG, rows, NOW, ALIVE_MS);
    expect(progress).toMatchObject({ watermark: '2026-11-24T09:59:51.000Z', open_traces: 5 });
  });

  test('a stitcher that owns no partition has no watermark, and does not stand in the way', () => {
    const spare = stitcher({ partitions: {}, watermark_ms: 0 }, 'spare');
    expect(progressOf(LOG, [stitcher(), spare], NOW, ALIVE_MS).watermark).toBe('2026-11-24T09:59:59.000Z');
    expect(isSettled([stitcher(), spare, ROLLED_UP])).toBe(true);
  });

  test('with no stitcher alive what was told last holds', () => {
    const rows = [stitcher({ open_traces: 4 }, 'dead', NOW - 60_000)];
    expect(progressOf(LOG, rows, NOW, ALIVE_MS)).toMatchObject({
      watermark: '2026-11-24T09:59:59.000Z',
      open_traces: 4,
    });
  });

  test('there is no watermark before the first span', () => {
    expect(progressOf(LOG, [], NOW, ALIVE_MS).watermark).toBeNull();
    expect(progressOf(LOG, [stitcher({ watermark_ms: 0 })], NOW, ALIVE_MS).watermark).toBeNull();
    const never = { ...stitcher(), state: JSON.stringify({ ...DONE, watermark_ms: Number.NEGATIVE_INFINITY }) };
    expect(progressOf(LOG, [never], NOW, ALIVE_MS).watermark).toBeNull();
  });
});

describe('in an answer', () => {
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

  const report = (state: object) =>
    store.command("INSERT INTO progress (name, instance, state) SELECT 'stitcher', 'a', {state:String}", {
      state: JSON.stringify({ ...DONE, ...state }),
    });
  const freshness = async () => (await api.read(LatencyAnswer, '/api/v1/latency')).freshness;

  test('becomes settled once the rollup has covered the last row, and then shows it', async () => {
    api.offsets = LOG;
    await report({ open_traces: 1, last_trace_row_ms: 0 });
    expect(await freshness()).toMatchObject({ open_traces: 1, settled: false });
    const endMs = Date.now();
    await insertRevisions(store, [{ traceId: traceId(1), endMs, hasRoot: false }]);
    await report({ last_trace_row_ms: Date.now() });
    await expect.poll(async () => (await freshness()).settled).toBe(true);
    const [[rolledUp]] = await store.queryRows('SELECT sum(traces) FROM latency_rollup FINAL');
    expect(Number(rolledUp)).toBe(1);
    expect(await freshness()).toMatchObject({ open_traces: 0, incomplete_ratio: 1 });
  });

  test('ends as soon as the log has a record more', async () => {
    api.offsets = [{ ...LOG[0], endOffset: 8 }, LOG[1]];
    expect((await freshness()).settled).toBe(false);
  });

  test('a log that cannot be asked is a 503, not a guess', async () => {
    const away = () => Promise.reject(new Error('away'));
    const blind = await startApi(store, { offsets: away, log: away });
    for (const path of ['/api/v1/latency', '/api/v1/ledger']) {
      const response = await blind.get(path);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await errorOf(response)).toMatchObject({ status: 503, code: 'API_LOG_UNAVAILABLE' });
    }
    await blind.close();
  });
});
