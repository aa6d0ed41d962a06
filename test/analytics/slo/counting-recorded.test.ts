/** Recorded traces, early and then with their late spans: counts equal the oracle's, minute by minute. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SloCountingJob } from '../../../analytics/slo/counting-job.js';
import { type Store, sloRestatements } from '../../../store/index.js';
import {
  computeTraces,
  DEFAULT_ORACLE_RULES,
  type OracleRecord,
  type OracleTrace,
  readOtlpLines,
} from '../../oracle/index.js';
import { type JudgedTrace, oracleSloCounts } from '../../oracle/slo-counts.js';
import { insertRevisions, type Revision, servicesText } from '../support/rows.js';
import { ALL, countedCells, FAST, putSlo, sloDefinition, sortedMap } from '../support/slos.js';
import { startStore } from '../support/store.js';

const FILE = '../shared/data/traces/opentelemetry-demo.otlp.jsonl.gz';
const SLOS = [
  sloDefinition({ name: 'all', groupBy: ['location', 'service'] }),
  sloDefinition({ name: 'new-york', selection: { ...ALL, locations: ['new york'] } }),
  sloDefinition(
    { name: 'by-operation', groupBy: ['operation'], unknown: 'bad' },
    { ...FAST, durations: [{ tier: null, op: 'lte', ns: '20000000' }], noError: false },
    { ...FAST, durations: [{ tier: 'app', op: 'lt', ns: '5000000' }], noError: true },
  ),
  sloDefinition({ name: 'with-data', selection: { ...ALL, pathTiers: ['data'] } }),
];

let store: Store;
beforeAll(async () => {
  store = await startStore();
});
afterAll(() => store?.close());

function records(): OracleRecord[] {
  let offset = 0;
  return [...readOtlpLines(FILE)].map(request => ({
    partition: 0,
    offset: offset++,
    appendTimeMs: offset * 1_000,
    request,
  }));
}

const NS_PER_MS = 1_000_000;

function revisionOf(trace: OracleTrace, arrivals: number): Revision {
  return {
    traceId: trace.traceId,
    endMs: Number(trace.endNs) / NS_PER_MS,
    durationMs: Number(trace.durationNs) / NS_PER_MS,
    place: [trace.locality, trace.region, trace.country],
    service: trace.service,
    operation: trace.operation,
    environment: trace.environment,
    error: trace.error,
    hasRoot: trace.hasRoot,
    complete: trace.complete,
    spans: trace.revisionSpans,
    arrivals,
    more: {
      late_span_count: trace.lateCount,
      duration_ns: trace.durationNs,
      tier_names: trace.tiers.map(({ tier }) => tier),
      tier_ns: trace.tiers.map(({ ns }) => ns),
      path_services: servicesText(trace.services.map(({ service }) => service)),
    },
  };
}

const keyOf = ({ endMs, place }: Revision) => `${Math.floor(endMs / 60_000)} ${place}`;
const judged = (trace: OracleTrace): JudgedTrace => ({ ...trace, attribute: () => undefined });

async function expectCounted(traces: Iterable<OracleTrace>): Promise<number> {
  const expected = new Map<string, unknown>();
  const all = [...traces].map(judged);
  for (const slo of SLOS)
    for (const [key, counts] of oracleSloCounts(all, slo)) expected.set(`${slo.name} ${key}`, counts);
  expect(await countedCells(store, SLOS)).toEqual(sortedMap(expected));
  return expected.size;
}

test('counts are the oracle’s before and after late spans, and what these took back is listed', async () => {
  const all = records();
  // Half of the records first: traces lack spans, many their root.
  const early = computeTraces(all.slice(0, Math.floor(all.length / 2)), DEFAULT_ORACLE_RULES);
  const late = computeTraces(all, DEFAULT_ORACLE_RULES);
  const job = new SloCountingJob({
    store,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
    clock: Date.now,
    rollup: { everyMs: 1, maxShare: 1, overlapMs: 60_000 },
    instance: 'a',
  });
  const settle = async () => {
    while ((await job.pass()).minutesLeft > 0);
  };
  await insertRevisions(
    store,
    [...early.values()].map(trace => revisionOf(trace, trace.revisionSpans)),
  );
  for (const slo of SLOS) await putSlo(store, slo);
  await settle();
  expect(await expectCounted(early.values())).toBeGreaterThan(4);

  const rows: Revision[] = [];
  for (const trace of late.values()) {
    const next = revisionOf(trace, trace.revisionSpans);
    const before = early.get(trace.traceId);
    const old = before && revisionOf(before, next.arrivals ?? 1);
    if (old && keyOf(old) !== keyOf(next))
      rows.push({ ...old, spans: next.spans!, arrivals: next.arrivals!, isDeleted: true });
    rows.push(next);
  }
  await insertRevisions(store, rows);
  await settle();
  await expectCounted(late.values());
  const changed = [...late.values()].filter(
    trace => early.has(trace.traceId) && early.get(trace.traceId)?.revisionSpans !== trace.revisionSpans,
  );
  const question = { tenant: 'default', slo: 'all', fromMinute: 0, toMinute: 2 ** 26, limit: 1_000 };
  const listed = await sloRestatements(store, question);
  expect(listed.length > 0).toBe(changed.length > 0);
  expect(changed.length).toBeGreaterThan(0);
}, 120_000);
