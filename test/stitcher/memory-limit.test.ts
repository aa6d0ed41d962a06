/** stitcher.maxMemory: open traces close early once they take more, and what they are in the end does not change. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { jsonToProtobuf, SpanReader } from '../../otlp/index.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../../schemas/index.js';
import { Stitcher } from '../../stitcher/stitcher.js';
import { MemoryBus } from './memory-bus.js';
import { MemoryStore } from './memory-store.js';

const TRACES = 400;
const START_MS = Date.UTC(2026, 10, 24);
const MAX_MEMORY_BYTES = 20_000;

/** Traces without their root: none is complete, so nothing but its idle time closes one. */
function payload(trace: number): Uint8Array {
  const span = (spanId: string) => ({
    traceId: String(trace + 1).padStart(32, '0'),
    spanId,
    parentSpanId: 'ffffffffffffffff',
    name: `operation ${trace}`,
    startTimeUnixNano: `${START_MS}000000`,
    endTimeUnixNano: `${START_MS}000001`,
  });
  const spans = ['00000000000000a1', '00000000000000a2'].map(span);
  return jsonToProtobuf(Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })));
}

async function run(maxMemoryBytes: number): Promise<{ peakBytes: number; store: MemoryStore }> {
  const schedule = Array.from({ length: TRACES }, (_, trace) => ({
    atMs: START_MS + trace * 10,
    partition: 0,
    tenant: 'default',
    itemCount: 2,
    payload: payload(trace),
  }));
  const bus = new MemoryBus(1, START_MS, schedule);
  const store = new MemoryStore(bus.clock);
  const stitcher = await Stitcher.start({
    bus,
    store,
    reader: new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER }),
    logger: pino({ level: 'silent' }),
    instance: 'limited',
    clock: bus.clock,
    windows: { completeAfterMs: 2_000, idleMs: 10_000, maxOpenMs: 60_000, debounceMs: 500, maxSpansPerTrace: 1_000 },
    latenessMs: 60_000,
    maxClockSkewMs: 3_600_000,
    auditEveryMs: 2_000,
    auditOverlapMs: 15_000,
    maxMemoryBytes,
    batchMaxBytes: 1_000,
    flushEveryMs: 50,
    tickMs: 20,
    offsetsEveryMs: 50,
    seenCapacityBits: 12,
  });
  let peakBytes = 0;
  while (bus.nowMs < START_MS + 30_000) {
    await new Promise(resolve => setImmediate(resolve));
    peakBytes = Math.max(peakBytes, stitcher.memoryBytes);
  }
  await stitcher.close();
  return { peakBytes, store };
}

test('at the limit they close early: memory stays under it, and every trace has its one row', async () => {
  const unlimited = await run(1 << 24);
  const limited = await run(MAX_MEMORY_BYTES);
  expect(unlimited.peakBytes).toBeGreaterThan(3 * MAX_MEMORY_BYTES);
  expect(limited.peakBytes).toBeLessThanOrEqual(MAX_MEMORY_BYTES);
  for (const { store } of [unlimited, limited]) {
    const rows = store.liveRevisions();
    expect(new Set(rows.map(row => row.trace_id)).size).toBe(TRACES);
    expect(rows.map(row => row.span_count)).toEqual(Array(TRACES).fill(2));
  }
});
