import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTraceStore, migrate } from '../../store/index.js';
import { traceId } from '../analytics/support/rows.js';
import { DATABASE, RETENTION, SILENT, startTestEngine, type TestEngine } from './support.js';

const NOW = Date.now();

let engine: TestEngine;

beforeAll(async () => {
  engine = await startTestEngine();
  await migrate({ url: engine.engine.url, database: DATABASE, retention: RETENTION, logger: SILENT });
});

afterAll(() => engine?.close());

/** One span that no revision covers, stored so long ago. */
async function arrival(number: number, offset: number, insertedMsAgo: number): Promise<void> {
  await engine.store.command(
    `INSERT INTO trace_arrivals (tenant, trace_id, partition, offset, spans, received, inserted_at)
     VALUES ('default', '${traceId(number)}', 0, ${offset}, 1, now64(3), fromUnixTimestamp64Milli(${NOW - insertedMsAgo}))`,
  );
}

test('an audit tells from where all it found is found again, also what lies beyond its limit', async () => {
  const store = createTraceStore(engine.store);
  // The first was touched twice: its newest row is enough to find it.
  await arrival(1, 1, 60_000);
  await arrival(1, 2, 20_000);
  await arrival(2, 3, 30_000);
  await arrival(3, 4, 10_000);
  const { findings, untilMs, serverNowMs } = await store.audit(0, 1);
  expect(findings).toHaveLength(1);
  expect(untilMs).toBe(NOW - 30_000);
  expect(serverNowMs).toBeGreaterThanOrEqual(NOW);
  const again = await store.audit(untilMs, 10);
  expect(again.findings.map(finding => finding.traceId).sort()).toEqual([1, 2, 3].map(traceId));
});

test('an audit that finds nothing is through with everything', async () => {
  const { findings, untilMs, serverNowMs } = await createTraceStore(engine.store).audit(Date.now() - 1, 10);
  expect(findings).toEqual([]);
  expect(untilMs).toBe(serverNowMs);
});
