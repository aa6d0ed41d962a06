import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LatencyAnswer } from '../../schemas/index.js';
import type { Store } from '../../store/index.js';
import { seededRandom } from '../support/random.js';
import { errorOf, startApi, type TestApi } from './support/api.js';
import { insertRevisions, LONDON, NEW_YORK, type Revision, traceId } from './support/rows.js';
import { startStore } from './support/store.js';

const NOW = Date.UTC(2026, 10, 24, 10, 0, 0);
const TRACES = 3_000;
const MINUTE = 60_000;

let store: Store;
let exact: TestApi;
let sketch: TestApi;
let revisions: Revision[];

/** Ten minutes of traces; the last of them end just before NOW. */
function generate(): Revision[] {
  const random = seededRandom(20_261_124);
  return Array.from({ length: TRACES }, (_, index) => ({
    traceId: traceId(index + 1),
    endMs: NOW - Math.ceil(random() * 10 * MINUTE),
    durationMs: Math.round(Math.exp(random() * 8) * 1e6) / 1e6,
    place: random() < 0.7 ? NEW_YORK : LONDON,
    service: random() < 0.5 ? 'web' : 'mobile',
    operation: random() < 0.5 ? 'GET /' : 'POST /pay',
    environment: random() < 0.5 ? 'prod' : 'test',
    error: random() < 0.1,
    hasRoot: random() > 0.05,
  }));
}

/** As ClickHouse's quantileExact defines it: the element at level × n, rounded down. */
function quantileExact(values: readonly number[], level: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(level * sorted.length))];
}

const between = (fromMs: number, toMs: number) => revisions.filter(({ endMs }) => endMs >= fromMs && endMs < toMs);
const durations = (traces: readonly Revision[]) => traces.filter(t => t.hasRoot).map(t => t.durationMs ?? 0);

beforeAll(async () => {
  store = await startStore();
  revisions = generate();
  await insertRevisions(store, revisions);
  // Superseded and deleted rows, other tenants: none of them may be seen.
  await insertRevisions(store, [
    { ...revisions[0], durationMs: 900_000, spans: 0, arrivals: 0 },
    { ...revisions[0], traceId: traceId(900_001), isDeleted: true, spans: 2 },
    { ...revisions[0], traceId: traceId(900_002), tenant: 'other' },
  ]);
  const rollup = { everyMs: 50, maxShare: 1, overlapMs: 100_000 };
  exact = await startApi(store, { instance: 'exact' });
  sketch = await startApi(store, { instance: 'sketch', rollup, limits: { exactTraces: 10 } });
  exact.nowMs = sketch.nowMs = NOW;
  const isRolledUp = async () => {
    const [[count]] = await store.queryRows("SELECT sum(traces) FROM latency_rollup FINAL WHERE tenant = 'default'");
    return Number(count) === TRACES;
  };
  await vi.waitUntil(isRolledUp, { timeout: 20_000, interval: 100 });
});

afterAll(async () => {
  await exact?.close();
  await sketch?.close();
  await store?.close();
});

describe('exact answers', () => {
  test('the last five minutes are asked about unless a window is given, from inclusive, to exclusive', async () => {
    const answer = await exact.read(LatencyAnswer, '/api/v1/latency');
    const expected = between(NOW - 5 * MINUTE, NOW);
    expect(answer.window).toEqual({ from: '2026-11-24T09:55:00.000Z', to: '2026-11-24T10:00:00.000Z' });
    expect(answer.groups).toHaveLength(1);
    const [group] = answer.groups;
    expect(group).toMatchObject({ key: {}, traces: expected.length, method: 'exact', relative_error: 0 });
    expect(group.errors).toBe(expected.filter(t => t.error).length);
    expect(group.unknown).toBe(expected.filter(t => !t.hasRoot).length);
    expect(answer.freshness.incomplete_ratio).toBeCloseTo(group.unknown / group.traces, 12);
    for (const level of [0.5, 0.9, 0.95, 0.99]) {
      expect(group.latency_ms[level]).toBe(quantileExact(durations(expected), level));
    }
  });

  test('a trace that ends at from is in the window, one that ends at to is not', async () => {
    const { endMs } = revisions[7];
    const count = async (from: number, to: number) => {
      const path = `/api/v1/latency?from=${from}&to=${to}`;
      return (await exact.read(LatencyAnswer, path)).groups[0].traces;
    };
    expect(await count(endMs, endMs + 1)).toBe(between(endMs, endMs + 1).length);
    expect(await count(endMs - 1, endMs)).toBe(between(endMs - 1, endMs).length);
  });

  test.each([
    ['new york', NEW_YORK],
    ['NEW YORK', NEW_YORK],
    ['us-ny', NEW_YORK],
    ['Us', NEW_YORK],
    ['gb', LONDON],
  ])('location=%s matches locality, region or country in any case', async (location, place) => {
    const answer = await exact.read(
      LatencyAnswer,
      `/api/v1/latency?window=10m&location=${encodeURIComponent(location)}`,
    );
    const expected = between(NOW - 10 * MINUTE, NOW).filter(t => t.place === place);
    expect(answer.groups[0].key).toEqual({ location });
    expect(answer.groups[0].traces).toBe(expected.length);
  });

  test('quantiles from 0 to 1 are the least, the greatest and what is between', async () => {
    const answer = await exact.read(LatencyAnswer, '/api/v1/latency?window=10m&quantile=0,0.25,.999,1');
    const expected = durations(between(NOW - 10 * MINUTE, NOW));
    expect(answer.groups[0].latency_ms).toEqual({
      0: Math.min(...expected),
      0.25: quantileExact(expected, 0.25),
      0.999: quantileExact(expected, 0.999),
      1: Math.max(...expected),
    });
  });

  test('a window without traces has one group of none, whose latencies are not known', async () => {
    const answer = await exact.read(LatencyAnswer, '/api/v1/latency?location=Atlantis&quantile=0.5');
    expect(answer.groups).toEqual([
      {
        key: { location: 'Atlantis' },
        traces: 0,
        errors: 0,
        unknown: 0,
        latency_ms: { 0.5: null },
        method: 'exact',
        relative_error: 0,
      },
    ]);
    expect(answer.freshness.incomplete_ratio).toBe(0);
    const grouped = await exact.read(LatencyAnswer, '/api/v1/latency?location=Atlantis&group_by=service');
    expect(grouped.groups).toEqual([]);
  });

  test('groups are sorted by their key and hold what a naive count finds', async () => {
    const path = '/api/v1/latency?window=10m&group_by=location,service,operation,environment';
    const answer = await exact.read(LatencyAnswer, path);
    const keys = answer.groups.map(group => Object.values(group.key).join('|'));
    expect(keys).toEqual([...keys].sort());
    expect(keys).toHaveLength(16);
    for (const group of answer.groups) {
      const { location, service, operation, environment } = group.key;
      const expected = between(NOW - 10 * MINUTE, NOW).filter(
        t =>
          t.place?.[0] === location &&
          t.service === service &&
          t.operation === operation &&
          t.environment === environment,
      );
      expect(group.traces).toBe(expected.length);
      expect(group.latency_ms['0.95']).toBe(quantileExact(durations(expected), 0.95));
    }
  });

  test('step makes a series whose steps are multiples of it, cut to the window', async () => {
    const from = NOW - 3.5 * MINUTE;
    const answer = await exact.read(LatencyAnswer, `/api/v1/latency?from=${from}&to=${NOW}&step=1m&service=web`);
    expect(answer.groups.map(group => group.key)).toEqual([
      { service: 'web', from: '2026-11-24T09:56:30.000Z' },
      { service: 'web', from: '2026-11-24T09:57:00.000Z' },
      { service: 'web', from: '2026-11-24T09:58:00.000Z' },
      { service: 'web', from: '2026-11-24T09:59:00.000Z' },
    ]);
    const counted = answer.groups.reduce((sum, group) => sum + group.traces, 0);
    expect(counted).toBe(between(from, NOW).filter(t => t.service === 'web').length);
  });
});

describe('answers from sketches', () => {
  test.each([
    ['whole minutes', `from=${NOW - 10 * MINUTE}&to=${NOW}`],
    ['with partial minutes at both edges', `from=${NOW - 9.7 * MINUTE}&to=${NOW - 0.4 * MINUTE}`],
    ['less than a minute', `from=${NOW - 0.9 * MINUTE}&to=${NOW - 0.1 * MINUTE}`],
    ['at the extremes', 'window=10m&quantile=0,0.001,0.999,1&group_by=service'],
    ['grouped', `window=10m&group_by=locality,operation`],
    ['in steps of minutes', 'window=10m&step=2m'],
    ['in steps shorter than a minute', 'window=2m&step=20s'],
    ['by environment, which rollups do not hold', 'window=10m&group_by=environment'],
  ])('%s: counts are exact and quantiles within the stated error', async (_name, query) => {
    const expected = await exact.read(LatencyAnswer, `/api/v1/latency?${query}`);
    const answer = await sketch.read(LatencyAnswer, `/api/v1/latency?${query}`);
    expect(answer.groups.map(group => group.key)).toEqual(expected.groups.map(group => group.key));
    for (const [index, group] of answer.groups.entries()) {
      const truth = expected.groups[index];
      expect(group).toMatchObject({ traces: truth.traces, errors: truth.errors, unknown: truth.unknown });
      expect(group).toMatchObject({ method: 'sketch', relative_error: 0.01 });
      for (const [level, value] of Object.entries(group.latency_ms)) {
        const exactly = truth.latency_ms[level] ?? 0;
        expect(Math.abs((value ?? 0) - exactly)).toBeLessThanOrEqual(exactly * group.relative_error);
      }
    }
    expect(answer.freshness.incomplete_ratio).toBeCloseTo(expected.freshness.incomplete_ratio, 12);
  });
});

describe('bad parameters get 400 with the name, the value and what is valid', () => {
  test.each([
    ['quantile=1.5', /quantile='1.5'.*0 to 1/],
    ['quantile=p99', /quantile='p99'/],
    ['quantile=', /quantile=''/],
    ['window=5', /window='5'.*30s/],
    ['window=0s', /window='0s'/],
    ['window=-5m', /window='-5m'/],
    ['at=yesterday', /at='yesterday'.*RFC 3339/],
    ['from=2026-13-01T00:00:00Z', /from='2026-13-01T00:00:00Z'/],
    ['to=2026-02-30T00:00:00Z', /to='2026-02-30T00:00:00Z'/],
    ['from=2000000000&to=1000000000', /from.*must be before to/],
    ['from=4000000000', /must be before now/],
    ['at=1000000000&to=1000000000', /at or to/],
    ['window=5m&from=1000000000', /window.*or from/],
    ['group_by=planet', /group_by='planet'.*location, locality/],
    ['step=1ms', /step='1ms'.*at least 1s/],
    ['location=', /location=''.*1 to 512/],
    ['location=a&location=b', /location='a, b'.*one value/],
    ['service=', /service=''/],
    ['operation=', /operation=''/],
    ['loc=US', /loc='US'.*no such parameter.*location, service/],
    ['quantile=2&step=x', /quantile='2'.*step='x'/],
  ])('%s', async (query, message) => {
    const error = await errorOf(await exact.get(`/api/v1/latency?${query}`));
    expect(error).toMatchObject({ status: 400, code: 'API_PARAMETER_INVALID' });
    expect(error.message).toMatch(message);
  });

  test('more groups than an answer can hold', async () => {
    const rows = Array.from({ length: 10_001 }, (_, index) => ({
      traceId: traceId(500_000 + index),
      endMs: NOW - 60 * MINUTE,
      service: `s${index}`,
    }));
    await insertRevisions(store, rows);
    const at = new Date(NOW - 59 * MINUTE).toISOString();
    const error = await errorOf(await exact.get(`/api/v1/latency?at=${at}&group_by=service`));
    expect(error).toMatchObject({ status: 400, code: 'API_TOO_MANY_GROUPS' });
  });
});
