/** Every named query gives over two shards what it gives on one server. What feeds them is random; the seed is printed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  arrivalsInStore,
  arrivalsOfTrace,
  countRevisions,
  countSpansOfTrace,
  createTraceStore,
  currentRevision,
  distinctSpans,
  exactLatency,
  type LatencyQuestion,
  migrate,
  minutesWithTraces,
  minutesWrittenSince,
  readProgress,
  recentRevision,
  rewriteMinutes,
  type Store,
  sizesOf,
  sketchLatency,
  spansOfTrace,
  staleAmong,
  tooLateSpans,
  tracesEndingIn,
  writeProgress,
} from '../../../store/index.js';
import {
  insertArrivals,
  insertRevisions,
  insertSpans,
  LONDON,
  NEW_YORK,
  traceId,
} from '../../analytics/support/rows.js';
import { seededRandom } from '../../support/random.js';
import { DATABASE, RETENTION, SILENT, startTestEngine, type TestEngine } from '../support.js';
import { startTestCluster, type TestCluster } from './support.js';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 10, 24, 10);
const TRACES = 300;
const ids = Array.from({ length: TRACES }, (_, at) => traceId(at + 1));
const seed = Number(process.env.SEED ?? 20_261_124);

let single: TestEngine;
let cluster: TestCluster;

/** The same rows into both; some traces lack arrivals, some revisions, some have two live rows, some moved. */
async function fill(store: Store): Promise<void> {
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const spans = [];
  const others = [];
  const arrivals = [];
  const revisions = [];
  for (const [offset, id] of ids.entries()) {
    const count = 1 + below(4);
    for (let at = 0; at < count; at++) {
      const span = {
        traceId: id,
        spanId: String(at).padStart(16, '0'),
        startMs: START_MS + at,
        service: `s${below(3)}`,
      };
      spans.push(span);
      if (below(5) === 0) others.push({ ...span, durationMs: 20, version: 2 });
    }
    if (below(10) > 0) arrivals.push({ traceId: id, offset, spans: count });
    const endMs = START_MS + below(5 * MINUTE_MS);
    const revision = {
      traceId: id,
      endMs,
      durationMs: 1 + below(1_000),
      place: below(2) ? NEW_YORK : LONDON,
      spans: count,
    };
    const more = { error: below(7) === 0, hasRoot: below(9) > 0, tooLate: below(12) === 0 ? 1 : 0 };
    revisions.push({ ...revision, ...more });
    if (below(4) === 0) revisions.push({ ...revision, ...more, endMs: endMs + MINUTE_MS, spans: count + 1 });
    if (below(8) === 0) revisions.push({ ...revision, ...more, spans: count + 1, isDeleted: true });
  }
  await store.command('SYSTEM STOP MERGES');
  await insertSpans(store, spans, START_MS);
  await insertSpans(store, others, START_MS);
  await insertArrivals(store, arrivals, START_MS);
  await insertRevisions(store, revisions, START_MS);
}

beforeAll(async () => {
  console.log(`seed ${seed}`);
  single = await startTestEngine();
  await migrate({ url: single.engine.url, database: DATABASE, retention: RETENTION, logger: SILENT });
  cluster = await startTestCluster();
  await Promise.all([fill(single.store), fill(cluster.store)]);
}, 60_000);
afterAll(async () => {
  await cluster.close();
  await single.close();
});

/** Rows without an order of their own are compared as a set. */
const sorted = (value: unknown) =>
  Array.isArray(value) ? [...value].map(row => JSON.stringify(row, big)).sort() : JSON.stringify(value, big);
const big = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

const ns = (ms: number) => BigInt(ms) * 1_000_000n;
const question: LatencyQuestion = {
  tenant: 'default',
  fromNs: ns(START_MS + 20_000),
  toNs: ns(START_MS + 4 * MINUTE_MS + 10_000),
  groupBy: ['location', 'service'],
  quantiles: [0.5, 0.99],
  stepNs: ns(MINUTE_MS),
};
const filter = { tenant: 'default' };
const end = ns(START_MS + 10 * MINUTE_MS);

async function rolledUp(store: Store): Promise<unknown[]> {
  const { minutes } = await minutesWrittenSince(store, 0);
  const sizes = await sizesOf(store, minutes);
  const stale = await staleAmong(store, sizes);
  await rewriteMinutes(store, stale);
  const left = await staleAmong(store, sizes);
  const cells = await store.queryRows(
    'SELECT * EXCEPT (computed_at, received, latency), finalizeAggregation(latency) FROM latency_rollup FINAL',
  );
  return [minutes.length > 3, sizes, stale.length, left, sorted(cells)];
}

const QUERIES: [name: string, ask: (store: Store) => Promise<unknown>][] = [
  ['readArrivals', store => createTraceStore(store).readArrivals('default', ids)],
  ['readSpans', store => createTraceStore(store).readSpans('default', ids)],
  ['readConflicts', store => createTraceStore(store).readConflicts('default', ids)],
  ['readLiveRows', store => createTraceStore(store).readLiveRows('default', ids)],
  ['audit', async store => (await createTraceStore(store).audit(0, 1_000)).findings],
  ['recentTraces', store => createTraceStore(store).recentTraces(60_000, 1_000, [0])],
  [
    'selectTraces by id',
    store => createTraceStore(store).selectTraces({ kind: 'ids', tenant: 'default', traceIds: ids }),
  ],
  ['selectTraces too late', store => createTraceStore(store).selectTraces({ kind: 'tooLate' })],
  [
    'selectTraces in a range',
    store => createTraceStore(store).selectTraces({ kind: 'range', fromMs: START_MS, toMs: START_MS + MINUTE_MS }),
  ],
  ['arrivalsInStore', arrivalsInStore],
  ['distinctSpans', distinctSpans],
  ['tooLateSpans', tooLateSpans],
  ['countRevisions', store => countRevisions(store, question, 10_000)],
  ['countRevisions up to a limit', store => countRevisions(store, question, 10)],
  ['exactLatency', store => exactLatency(store, question, 1_000)],
  ['tracesEndingIn', store => tracesEndingIn(store, filter, question.fromNs, end, undefined, 40)],
  ['minutesWithTraces', store => minutesWithTraces(store, filter, 0n, end)],
  ['currentRevision', store => currentRevision(store, 'default', ids[7])],
  ['recentRevision', store => Promise.all(ids.slice(0, 20).map(id => recentRevision(store, 'default', id)))],
  ['spansOfTrace', store => spansOfTrace(store, 'default', ids[7], 100)],
  ['spansOfTrace where arrivals say', store => spansOfTrace(store, 'default', ids[7], 100, 'with its records')],
  ['countSpansOfTrace', store => countSpansOfTrace(store, 'default', ids[7])],
  ['arrivalsOfTrace', store => arrivalsOfTrace(store, 'default', ids[7])],
  ['the rollups', rolledUp],
  ['sketchLatency', store => sketchLatency(store, question, 1_000)],
  ['latency_now', store => store.queryRows("SELECT * FROM latency_now(location = 'New York', window_s = 4000000000)")],
  ['traces', store => store.queryRows('SELECT * EXCEPT received FROM traces')],
];

describe('over two shards', () => {
  it.each(QUERIES)('%s says what it says on one server', async (_name, ask) => {
    const [one, two] = await Promise.all([ask(single.store), ask(cluster.store)]);
    expect(sorted(two)).toEqual(sorted(one));
    // Whatever is compared must be something.
    expect(sorted(one).length).toBeGreaterThan(0);
  });

  it('an order that is asked for is kept, and so is a limit', async () => {
    const ask = (store: Store) => tracesEndingIn(store, filter, 0n, end, undefined, 25);
    const rows = await ask(cluster.store);
    expect(rows.map(row => row.trace_id)).toEqual((await ask(single.store)).map(row => row.trace_id));
    expect(rows).toHaveLength(25);
    const findings = (store: Store) => createTraceStore(store).audit(0, 5);
    expect((await findings(cluster.store)).findings).toHaveLength(5);
  });

  it('a restitch finds what it is to restate: the audit names every trace whose arrivals and live rows disagree', async () => {
    const { findings } = await createTraceStore(cluster.store).audit(0, 1_000);
    expect(findings.length).toBeGreaterThan(10);
    expect(findings.length).toBeLessThan(TRACES);
  });

  it('progress is one row per name and instance, the newest', async () => {
    for (const turn of [1, 2]) {
      for (const instance of ['a', 'b', 'c', 'd']) {
        await writeProgress(cluster.store, 'stitcher', instance, JSON.stringify({ turn }));
      }
    }
    const { rows, serverNowMs } = await readProgress(cluster.store);
    expect(rows.map(row => [row.instance, JSON.parse(row.state).turn]).sort()).toEqual(
      ['a', 'b', 'c', 'd'].map(name => [name, 2]),
    );
    expect(serverNowMs).toBeGreaterThan(START_MS - 86_400_000);
  });
});
