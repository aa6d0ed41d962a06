/** What the routes of SLOs and alerts answer over HTTP, from traces counted and judged by the API's own jobs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AlertsAnswer,
  SloBlameAnswer,
  SloBudgetAnswer,
  SloRestatementsAnswer,
  SloStatusAnswer,
} from '../../../schemas/index.js';
import { type Store, writeProgress } from '../../../store/index.js';
import { errorOf, startApi, type TestApi } from '../support/api.js';
import { insertRevisions, LONDON, NEW_YORK, pathColumns, type Revision, traceId } from '../support/rows.js';
import { putSlo, sloDefinition } from '../support/slos.js';
import { startStore } from '../support/store.js';
import { alertingSlo, condition } from './support/alerts.js';

const MINUTE_MS = 60_000;
const nanoseconds = (ms: number) => BigInt(ms) * 1_000_000n;
/** The last minute that the traces are about; jobs go by the store's clock, so it is near now. */
const END = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 10 * MINUTE_MS;
/** So many minutes before the end. */
const ago = (minutes: number) => new Date(END - minutes * MINUTE_MS).toISOString();

let store: Store;
let api: TestApi;

/** 60 ms of the gateway's own, the rest between it and the database, unless `ownMs` says otherwise. */
function trace(
  number: number,
  minutesAgo: number,
  durationMs: number,
  more: Partial<Revision> = {},
  ownMs = 60,
): Revision {
  return {
    traceId: traceId(number),
    endMs: END - minutesAgo * MINUTE_MS + 1_000,
    durationMs,
    place: number % 2 === 0 ? NEW_YORK : LONDON,
    ...more,
    more: {
      ...pathColumns([
        { kind: 'service', service: 'gateway', operation: 'GET /', tier: 'edge', selfNs: nanoseconds(ownMs) },
        {
          kind: 'link',
          caller: 'gateway',
          service: 'db',
          operation: 'SELECT',
          tier: 'data',
          selfNs: nanoseconds(durationMs - ownMs),
        },
      ]),
      error_service: '',
      error_operation: '',
      error_tier: '',
      late_span_count: 0,
      ...more.more,
    },
  };
}

/** One healthy trace a minute, from an hour before the end on; then five bad ones and one without a root. */
const HEALTHY = Array.from({ length: 40 }, (_, index) => trace(index, 60 - index, 100));
const OF_LEDGER = { error_service: 'ledger', error_operation: 'book', error_tier: 'core' };
const BAD = [
  ...[100, 102, 104].map(number => trace(number, 10, 900)),
  trace(101, 10, 700, {}, 660),
  trace(106, 10, 100, { error: true, more: OF_LEDGER }),
];
const ROOTLESS = trace(103, 10, 50, { hasRoot: false });
/** Counted as good; what came late is in another revision. */
const TO_RESTATE = [
  [200, 120],
  [202, 119],
] as const;
const RESTATED = TO_RESTATE.map(([number, minutesAgo]) => trace(number, minutesAgo, 100));

beforeAll(async () => {
  store = await startStore();
  await putSlo(store, sloDefinition({ groupBy: ['location'] }));
  const page = condition('page-1h', 14_400, 60, 5);
  await putSlo(store, alertingSlo('', { name: 'burning' }, { conditions: [page], targets: [] }));
  await insertRevisions(store, [...HEALTHY, ...BAD, ROOTLESS, ...RESTATED]);
  api = await startApi(store);
  api.nowMs = END + 30_000;
  for (const name of ['fast', 'burning']) {
    await until(async () => (await api.read(SloStatusAnswer, `/api/v1/slos/${name}/status`)).total === 48);
  }
}, 60_000);
afterAll(async () => {
  await api?.close();
  await store?.close();
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(50);
}

describe('GET /api/v1/slos/{name}/budget', () => {
  test('gives counts of each step, and what is left of the budget as it stands at the end', async () => {
    const path = `/api/v1/slos/fast/budget?from=${ago(30)}&to=${ago(0)}&step=10m`;
    const { groups, ...answer } = await api.read(SloBudgetAnswer, path);
    expect(answer).toEqual({
      name: 'fast',
      window: { from: ago(30), to: ago(0) },
      objective_ppm: 990_000,
      step: '10m',
    });
    expect(groups.map(({ key }) => key.location).sort()).toEqual(['London', 'New York', undefined]);
    const pointsOf = (location?: string) => groups.find(({ key }) => key.location === location)!.points;
    const none = { total: 0, good: 0, bad: 0, unknown: 0 };
    const whole = { remaining_ratio: 1, remaining_interval: [1, 1] };
    // Of 15 events with a verdict 0.15 may be bad; with the one that has none it is 0.16 of 16.
    const [first, second, last] = pointsOf();
    expect(first).toEqual({ at: ago(20), ...none, total: 10, good: 10, ...whole });
    expect(second).toEqual({ at: ago(10), ...none, ...whole });
    expect(last).toMatchObject({ at: ago(0), total: 6, good: 0, bad: 5, unknown: 1 });
    expect(last.remaining_ratio).toBeCloseTo(1 - 5 / 0.15, 10);
    expect(last.remaining_interval[0]).toBeCloseTo(1 - 6 / 0.16, 10);
    expect(last.remaining_interval[1]).toBeCloseTo(1 - 5 / 0.16, 10);
    expect(pointsOf('New York').map(({ good, bad, unknown }) => [good, bad, unknown])).toEqual([
      [5, 0, 0],
      [0, 0, 0],
      [0, 4, 0],
    ]);
    expect(pointsOf('New York')[2].remaining_ratio).toBeCloseTo(1 - 4 / 0.09, 10);
  });

  test('ends where the status stands, over its whole window if nothing else is asked', async () => {
    const { groups, window, step } = await api.read(SloBudgetAnswer, '/api/v1/slos/fast/budget');
    const status = await api.read(SloStatusAnswer, '/api/v1/slos/fast/status');
    expect(window).toEqual(status.window);
    expect(step).toBe('6h');
    for (const { key, points } of groups) {
      const same =
        Object.keys(key).length === 0 ? status : status.groups.find(each => each.key.location === key.location)!;
      expect(points).toHaveLength(120);
      expect(points.at(-1)).toMatchObject({
        remaining_ratio: same.budget.remaining_ratio,
        remaining_interval: same.budget.remaining_interval,
      });
      for (const field of ['total', 'good', 'bad', 'unknown'] as const) {
        expect(points.reduce((sum, point) => sum + point[field], 0)).toBe(same[field]);
      }
    }
  });
});

describe('GET /api/v1/slos/{name}/blame', () => {
  const window = `from=${ago(15)}&to=${ago(0)}`;
  const link = { kind: 'link', caller: 'gateway', service: 'db', tier: 'data', operation: 'SELECT' };
  const own = { kind: 'service', caller: null, service: 'gateway', tier: 'edge', operation: 'GET /' };
  const origin = { kind: 'service', caller: null, service: 'ledger', tier: 'core', operation: 'book' };

  test('gives each bad trace to what is beyond its baseline, or where its error began', async () => {
    const { shares, baseline, ...answer } = await api.read(SloBlameAnswer, `/api/v1/slos/fast/blame?${window}`);
    expect(answer).toEqual({ name: 'fast', window: { from: ago(15), to: ago(0) }, bad: 5 });
    expect(shares).toEqual([
      { ...link, events: 3, share: 0.6, excess_ms: 3 * 800, examples: [100, 102, 104].map(traceId) },
      { ...own, events: 1, share: 0.2, excess_ms: 600, examples: [traceId(101)] },
      { ...origin, events: 1, share: 0.2, excess_ms: 0, examples: [traceId(106)] },
    ]);
    // From whole minutes, to the end of the last one.
    expect(baseline).toMatchObject({ from: ago(120), to: ago(20), events_without: 0 });
    expect(baseline.traces).toBeGreaterThanOrEqual(40);
  });

  test('of one group only what is that group’s', async () => {
    const london = await api.read(SloBlameAnswer, `/api/v1/slos/fast/blame?${window}&location=London`);
    expect([london.bad, london.shares.map(({ service, events }) => [service, events])]).toEqual([1, [['gateway', 1]]]);
    const newYork = await api.read(SloBlameAnswer, `/api/v1/slos/fast/blame?${window}&location=New%20York`);
    expect(newYork.shares.map(({ service, events }) => [service, events])).toEqual([
      ['db', 3],
      ['ledger', 1],
    ]);
  });

  test('where nothing was bad there is nobody to blame', async () => {
    const answer = await api.read(SloBlameAnswer, `/api/v1/slos/fast/blame?from=${ago(40)}&to=${ago(30)}`);
    expect([answer.bad, answer.shares]).toEqual([0, []]);
  });

  test('without times it is the window of now, all bad ones of the status', async () => {
    const answer = await api.read(SloBlameAnswer, '/api/v1/slos/fast/blame');
    expect(answer.bad).toBe((await api.read(SloStatusAnswer, '/api/v1/slos/fast/status')).bad);
  });
});

describe('GET /api/v1/alerts', () => {
  const read = async (query = '') => (await api.read(AlertsAnswer, `/api/v1/alerts${query}`)).alerts;

  /** A stitcher lives that has stored all there is before that many minutes before the end, until something holds. */
  async function complete(minutesAgo: number, holds: () => Promise<boolean>): Promise<void> {
    const watermark_ms = END - minutesAgo * MINUTE_MS + 15_000;
    const state = { partitions: { 0: 1 }, watermark_ms, open_traces: 0, pending: 0, audited: true };
    await until(async () => {
      await writeProgress(store, 'stitcher', 's', JSON.stringify({ ...state, last_trace_row_ms: watermark_ms }));
      return holds();
    });
  }

  test('lists what burns, with the burn rates it fires on; and then when it was over', async () => {
    const states = async () => Number((await store.queryRows('SELECT count() FROM slo_alerts FINAL'))[0][0]);
    await complete(20, async () => (await states()) > 0);
    expect(await read()).toEqual([]);
    await complete(5, async () => (await read()).length > 0);
    const [{ id, held, ...alert }, ...others] = await read('?state=firing&slo=burning');
    expect(others).toEqual([]);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    const { burn_rates, ...rest } = alert;
    expect(rest).toMatchObject({
      slo: 'burning',
      rule: 'error-budget',
      condition: 'page-1h',
      severity: 'page',
      objective: 0,
      key: {},
      state: 'firing',
      resolved_at: null,
    });
    // The minute with the bad ones is the tenth before the end: all of its events are before the ninth.
    expect([rest.since, rest.fired_at]).toEqual([ago(9), ago(9)]);
    expect(burn_rates.map(each => each.window)).toEqual(['1h', '5m']);
    expect(burn_rates[1].rate).toBeCloseTo(1_000, 6);
    expect(await read('?state=resolved')).toEqual([]);
    expect(await read('?slo=fast')).toEqual([]);

    await complete(0, async () => (await read('?state=firing')).length === 0);
    expect(await read('?state=resolved&slo=burning')).toMatchObject([{ id, state: 'resolved', resolved_at: ago(4) }]);
    expect(await read()).toHaveLength(1);
  }, 120_000);
});

describe('GET /api/v1/slos/{name}/restatements', () => {
  test('lists what late spans took back: old, new and cause, the latest first', async () => {
    const read = async (query = '') =>
      (await api.read(SloRestatementsAnswer, `/api/v1/slos/fast/restatements${query}`)).restatements;
    expect(await read()).toEqual([]);
    for (const [count, [number, minutesAgo]] of TO_RESTATE.entries()) {
      await insertRevisions(store, [trace(number, minutesAgo, 900, { spans: 2, more: { late_span_count: 1 } })]);
      await until(async () => (await read()).length > count);
    }
    const all = await read();
    const none = { total: 1, good: 0, bad: 0, unknown: 0 };
    expect(all).toMatchObject(
      [202, 200].map(number => ({
        minute: ago(number === 200 ? 120 : 119),
        key: { location: 'New York' },
        objective: 0,
        old: { ...none, good: 1 },
        new: { ...none, bad: 1 },
        cause: { kind: 'late_spans', late_spans: 1, traces: [traceId(number)] },
      })),
    );
    expect(await read('?limit=1')).toEqual([all[0]]);
    expect(await read(`?from=${ago(119)}`)).toEqual([all[0]]);
    expect(await read(`?to=${ago(119)}`)).toEqual([all[1]]);
    expect(await read(`?from=${ago(118)}`)).toEqual([]);
  }, 60_000);
});

const SLO = '/api/v1/slos/fast';

test.each([
  [`${SLO}/status?at=yesterday`, /^at='yesterday': give an RFC 3339 time/],
  [`${SLO}/status?when=now`, /when.*; valid: at|when.*at/],
  [`${SLO}/budget?step=90s`, /^step='90s': give .*, in whole minutes/],
  [`${SLO}/budget?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`, /^from \(.*\) must be before to \(.*\)/],
  [`${SLO}/budget?step=1m`, /^step: there would be 43200 points, more than 5000: give a longer one/],
  [`${SLO}/blame?from=x`, /^from='x': give an RFC 3339 time/],
  [`${SLO}/blame?from=1764000001&to=1764000000`, /from must be before to/],
  [`${SLO}/blame?objective=first`, /^objective='first': give the index of an objective, from 0/],
  [`${SLO}/blame?objective=1`, /^objective=1: fast has 1, counted from 0/],
  [`${SLO}/blame?service=web`, /^service: not what the SLO is grouped by; give location, or none of them/],
  ['/api/v1/slos/burning/blame?location=US', /^location: not what the SLO is grouped by; it has no groups/],
  [`${SLO}/restatements?limit=0`, /^limit='0': give a whole number from 1 to 1000/],
  [`${SLO}/restatements?to=soon`, /^to='soon': give an RFC 3339 time/],
  ['/api/v1/alerts?state=on', /^state='on': give one of firing, pending, resolved/],
  ['/api/v1/slos/Fast_1/budget', /^name='Fast_1': give the name of an SLO: up to 63 lower-case letters/],
])('%s is refused, saying what would be valid', async (path, message) => {
  const error = await errorOf(await api.get(path));
  expect(error).toMatchObject({ status: 400, code: 'API_PARAMETER_INVALID' });
  expect(error.message).toMatch(message);
});

test.each(['status', 'budget', 'blame', 'restatements'])(
  '%s of an SLO that is not there says where those are listed',
  async what => {
    const error = await errorOf(await api.get(`/api/v1/slos/slow/${what}`));
    expect(error).toMatchObject({ status: 404, code: 'API_NOT_FOUND' });
    expect(error.message).toMatch(/there is no SLO slow; GET \/api\/v1\/slos lists them/);
  },
);
