/**
 * Fault 8: a trace of 100,000 spans, one that drips, one over midnight, and late spans on both sides of every window. Exactly
 * at the edges of the windows only a virtual clock can be: test/stitcher/simulation.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonToProtobuf } from '../../otlp/index.js';
import { type GeneratedSpan, generateTrace, toRequest } from '../oracle/generate.js';
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleTrace } from '../oracle/index.js';
import { expectedRow, ROWS } from '../pipe/compare.js';
import { deliver } from '../support/deliver.js';
import { seededRandom } from '../support/random.js';
import { Throughline } from '../support/throughline.js';

const SEED = Number(process.env.THROUGHLINE_FAULT_SEED ?? 1);
const RULES = { ...DEFAULT_ORACLE_RULES, completeAfterMs: 200, idleMs: 600, maxOpenMs: 1_500 };
const LATENESS_MS = 4_000;
const MANY = 100_000;
const SPANS_PER_REQUEST = 2_000;

let throughline: Throughline;

function start(settings: Readonly<Record<string, string>> = {}): Promise<Throughline> {
  return Throughline.start({
    settings: {
      THROUGHLINE_STITCHER_COMPLETE_AFTER: `${RULES.completeAfterMs}ms`,
      THROUGHLINE_STITCHER_IDLE: `${RULES.idleMs}ms`,
      THROUGHLINE_STITCHER_MAX_OPEN: `${RULES.maxOpenMs}ms`,
      ...settings,
    },
  });
}

beforeAll(async () => {
  throughline = await start();
});

afterAll(() => throughline?.destroy());

async function send(request: object): Promise<void> {
  const body = jsonToProtobuf(Buffer.from(JSON.stringify(request)));
  while (!(await deliver(throughline.otlpHttp, body)));
}

async function rowOf(traceId: string): Promise<Record<string, unknown>> {
  const rows = await throughline.sql(ROWS.replace('FROM traces', `FROM traces WHERE trace_id = '${traceId}'`));
  expect(rows).toHaveLength(1);
  return rows[0];
}

/** What the oracle makes of spans that were received when the store says they were. */
async function judged(spans: readonly GeneratedSpan[], rules = RULES): Promise<OracleTrace> {
  const { traceId } = spans[0];
  const received = await throughline.sql(
    `SELECT span_id, toUnixTimestamp64Milli(received) AS ms FROM spans WHERE trace_id = '${traceId}'`,
  );
  const records = spans.map((span, offset) => {
    const { spanId } = span.span as { spanId: string };
    const { ms } = received.find(row => row.span_id === spanId) ?? {};
    return { partition: 0, offset, appendTimeMs: Number(ms), request: toRequest([span]) };
  });
  const trace = computeTraces(records, rules).get(traceId);
  if (trace === undefined) throw new Error(`the oracle has no trace ${traceId}`);
  return trace;
}

/** A tree of distinct spans, the first of them its root. */
function plainTrace(index: number, startNs: bigint): readonly GeneratedSpan[] {
  for (let seed = SEED * 1_000 + index; ; seed += 100) {
    const { spans } = generateTrace(seededRandom(seed), index, { startNs, maxSpans: 24, anomalies: 0 });
    if (spans.length >= 12) return spans;
  }
}

const nowNs = () => BigInt(Date.now()) * 1_000_000n;

test('a trace of 100,000 spans is whole; with one more it is truncated, and none is lost', async () => {
  const traceId = '8'.repeat(32);
  const startNs = nowNs();
  const span = (number: number) => ({
    traceId,
    spanId: (number + 1).toString(16).padStart(16, '0'),
    parentSpanId: number === 0 ? '' : '1'.padStart(16, '0'),
    name: 'step',
    kind: number === 0 ? 2 : 1,
    startTimeUnixNano: String(startNs + BigInt(number)),
    endTimeUnixNano: String(startNs + (number === 0 ? 1_000_000_000n : BigInt(number) + 1n)),
  });
  const request = (from: number, count: number) => ({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'giant' } }] },
        scopeSpans: [{ spans: Array.from({ length: count }, (_, i) => span(from + i)) }],
      },
    ],
  });
  for (let from = 0; from < MANY; from += SPANS_PER_REQUEST) await send(request(from, SPANS_PER_REQUEST));
  await throughline.settled();
  expect(await rowOf(traceId)).toMatchObject({
    span_count: MANY,
    complete: true,
    duration_ns: '1000000000',
    flags: [],
  });
  await send(request(MANY, 1));
  await throughline.settled();
  const row = await rowOf(traceId);
  expect(row).toMatchObject({ span_count: MANY + 1, duration_ns: '1000000000' });
  expect(row.flags).toContain('truncated');
  const [{ stored }] = await throughline.sql(
    `SELECT toUInt32(count()) AS stored FROM spans WHERE trace_id = '${traceId}'`,
  );
  expect(stored).toBe(MANY + 1);
});

test('one that drips, span by span over every window, is what it is in one piece', async () => {
  const spans = plainTrace(1, nowNs());
  for (const span of spans.slice(1)) {
    await send(toRequest([span]));
    await sleep(300);
  }
  await send(toRequest([spans[0]]));
  await throughline.settled();
  const trace = await judged(spans);
  expect(await rowOf(trace.traceId)).toEqual(expectedRow(trace));
});

test('one over midnight', async () => {
  const midnightNs = BigInt(Math.floor(Date.now() / 86_400_000)) * 86_400_000_000_000n;
  const [root] = plainTrace(2, midnightNs);
  const child = {
    ...root,
    span: { ...root.span, spanId: '00000000000000aa', parentSpanId: (root.span as { spanId: string }).spanId },
  };
  const at = (span: GeneratedSpan, from: bigint, to: bigint): GeneratedSpan => ({
    ...span,
    span: { ...span.span, startTimeUnixNano: String(midnightNs + from), endTimeUnixNano: String(midnightNs + to) },
  });
  const spans = [at(root, -500_000_000n, 700_000_000n), at(child, -1n, 1n)];
  for (const span of spans) await send(toRequest([span]));
  await throughline.settled();
  const trace = await judged(spans);
  expect(await rowOf(trace.traceId)).toEqual(expectedRow(trace));
  expect(trace.durationNs).toBe(1_200_000_000n);
});

test('late spans inside the window are part of their trace, those outside are counted', async () => {
  await throughline.destroy();
  throughline = await start({ THROUGHLINE_STITCHER_LATENESS: `${LATENESS_MS}ms` });
  const spans = plainTrace(3, nowNs());
  const third = Math.floor(spans.length / 3);
  await send(toRequest(spans.slice(0, third)));
  await sleep(LATENESS_MS * 0.6);
  await send(toRequest(spans.slice(third, 2 * third)));
  await sleep(LATENESS_MS * 1.5);
  await send(toRequest(spans.slice(2 * third)));
  await throughline.settled();
  const trace = await judged(spans, { ...RULES, latenessMs: LATENESS_MS });
  // Else it would have shown nothing.
  expect(trace.lateCount).toBeGreaterThan(0);
  expect(trace.tooLateCount).toBeGreaterThan(0);
  expect(await rowOf(trace.traceId)).toEqual(expectedRow(trace));
  const counts = await throughline.sql(
    `SELECT late_span_count AS late, too_late_count AS too_late FROM traces WHERE trace_id = '${trace.traceId}'`,
  );
  expect(counts).toEqual([{ late: trace.lateCount, too_late: trace.tooLateCount }]);
});
