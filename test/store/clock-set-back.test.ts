/** The clock of the store is set back: what was told by the later time must not stand for the newest, or hide what comes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTraceStore, migrate, readProgress, writeProgress } from '../../store/index.js';
import { DATABASE, RETENTION, SILENT, startTestEngine, type TestEngine } from './support.js';

const HOUR = 3_600_000;
const TRACE = '5b8efff798038103d269b633813fc60c';
let engine: TestEngine;

beforeAll(async () => {
  engine = await startTestEngine();
  await migrate({ url: engine.engine.url, database: DATABASE, retention: RETENTION, logger: SILENT });
});
afterAll(() => engine.close());

test('the last report is the newest, and says when it came by the clock as it is now', async () => {
  const { store } = engine;
  await writeProgress(store, 'stitcher', 'a', '{"told":1}');
  await store.command(
    `INSERT INTO progress (name, instance, state, at) VALUES ('stitcher', 'a', '{"told":2}', now64(3) + INTERVAL 1 HOUR)`,
  );
  const before = Date.now();
  await writeProgress(store, 'stitcher', 'a', '{"told":3}');
  const { rows, serverNowMs } = await readProgress(store);
  expect(rows.map(({ state }) => JSON.parse(state).told)).toEqual([3]);
  expect(rows[0].atMs).toBeGreaterThanOrEqual(before - 1_000);
  expect(rows[0].atMs).toBeLessThanOrEqual(serverNowMs);
  const [{ atMs }] = await createTraceStore(store).loadProgress('stitcher');
  expect(atMs).toBe(rows[0].atMs);
});

test('an audit from a position that is yet to come looks at everything', async () => {
  const { store } = engine;
  await store.command(
    `INSERT INTO trace_arrivals (tenant, trace_id, partition, offset, spans, received) VALUES ('default', '${TRACE}', 0, 0, 1, now64(3))`,
  );
  const audit = async (sinceMs: number) => {
    const { findings } = await createTraceStore(store).audit(sinceMs, 10);
    return findings.map(({ traceId }) => traceId);
  };
  expect(await audit(0)).toEqual([TRACE]);
  expect(await audit(Date.now() + HOUR)).toEqual([TRACE]);
});
