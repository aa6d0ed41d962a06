/** Each stage of the hot path on its own, in the order a span meets them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedBus, type RecordToPublish } from '../bus/index.js';
import { createSpanBlock, jsonToProtobuf, RequestScan, SpanReader, scanRequest, splitRequest } from '../otlp/index.js';
import { DEFAULT_LOCATION_ORDER, DEFAULT_TIER_RULES } from '../schemas/index.js';
import { Assembler } from '../stitcher/assembly/index.js';
import { Closer } from '../stitcher/closer.js';
import { OpenTraces } from '../stitcher/open-traces.js';
import { ArrivalCounter, spanColumns } from '../stitcher/span-columns.js';
import { TraceRows } from '../stitcher/trace-rows.js';
import { encodeNativeBlock } from '../store/native/index.js';
import { type BenchData, batched, SPANS_PER_REQUEST } from './data.js';
import { type Figure, figure, measure, print } from './measure.js';
import { saveResults } from './results.js';

const PARTITIONS = 4;
/** Kafka's default. */
const MAX_RECORD_BYTES = 1 << 20;
export const WINDOWS = {
  completeAfterMs: 2_000,
  idleMs: 10_000,
  maxOpenMs: 300_000,
  debounceMs: 500,
  maxSpansPerTrace: 100_000,
};

export const ASSEMBLY = {
  maxClockSkewNs: 3.6e12,
  completeAfterMs: WINDOWS.completeAfterMs,
  idleMs: WINDOWS.idleMs,
  maxOpenMs: WINDOWS.maxOpenMs,
  latenessMs: 86_400_000,
  maxSpansPerTrace: WINDOWS.maxSpansPerTrace,
};

export async function benchStages(data: BenchData): Promise<void> {
  const { jsonBodies, spans } = data;
  const bodies = batched(data.bodies, SPANS_PER_REQUEST, data);
  const scan = new RequestScan();
  record(
    'json',
    await measure('JSON to protobuf', spans, () => {
      for (const body of jsonBodies) jsonToProtobuf(body);
    }),
  );
  record(
    'scan',
    await measure('scan (validate, find ids)', spans, () => {
      for (const body of bodies) scanRequest(body, scan);
    }),
  );
  record(
    'scan_route',
    await measure(`scan and route to ${PARTITIONS} partitions`, spans, () => {
      for (const body of bodies) {
        scanRequest(body, scan);
        splitRequest(body, scan, PARTITIONS, MAX_RECORD_BYTES);
      }
    }),
  );
  await benchLog(data);
  await benchStitcher(data);
}

function record(name: string, stage: Figure): void {
  print(stage);
  const spread = [Math.round(stage.low), Math.round(stage.high)] as const;
  const result = {
    spans_per_s: Math.round(stage.median),
    cpu_us_per_span: Number((1e6 / stage.median).toFixed(3)),
    spread,
  };
  saveResults({ stages: { [name]: result } });
}

function routed(data: BenchData): RecordToPublish[][] {
  const scan = new RequestScan();
  return batched(data.bodies, SPANS_PER_REQUEST, data).map(body => {
    scanRequest(body, scan);
    return splitRequest(body, scan, PARTITIONS, MAX_RECORD_BYTES).map(record => ({ ...record, tenant: 'default' }));
  });
}

async function benchLog(data: BenchData): Promise<void> {
  const requests = routed(data);
  const appended: number[] = [];
  const read: number[] = [];
  for (let run = 0; run < 4; run++) {
    const directory = mkdtempSync(join(tmpdir(), 'throughline-bench-'));
    const bus = await openEmbeddedBus({ directory, partitionCount: PARTITIONS, maxBytes: 1 << 30, clock: Date.now });
    const started = process.cpuUsage();
    let next = 0;
    const publisher = async () => {
      for (let at = next++; at < requests.length; at = next++) await bus.publish(requests[at]);
    };
    await Promise.all(Array.from({ length: 16 }, publisher));
    const published = process.cpuUsage(started);
    const consumer = await bus.consumer();
    const readStarted = process.cpuUsage();
    for (let count = 0; count < data.spans; ) {
      for (const record of await consumer.poll(32 << 20, 1_000)) count += record.itemCount;
    }
    const consumed = process.cpuUsage(readStarted);
    await consumer.close();
    await bus.close();
    rmSync(directory, { recursive: true });
    if (run === 0) continue;
    appended.push((data.spans * 1e6) / (published.user + published.system));
    read.push((data.spans * 1e6) / (consumed.user + consumed.system));
  }
  record('log_append', figure('log: append, fsynced, 16 in flight', 'spans/CPU-s', appended));
  record('log_read', figure('log: read', 'spans/CPU-s', read));
}

async function benchStitcher(data: BenchData): Promise<void> {
  const reader = new SpanReader({ tierRules: DEFAULT_TIER_RULES, locationOrder: DEFAULT_LOCATION_ORDER });
  const block = createSpanBlock();
  const bodies = batched(data.bodies, SPANS_PER_REQUEST, data);
  const decode = () => {
    block.reset();
    for (const [offset, payload] of bodies.entries()) {
      const record = { partition: 0, offset, appendTimeMs: 1_000 + offset, tenant: 'default', itemCount: 0, payload };
      const { error } = reader.read(payload, record, block);
      if (error !== '') throw new Error(error);
    }
  };
  const counter = new ArrivalCounter();
  const encode = () => {
    encodeNativeBlock(spanColumns(block), block.rows);
    const arrivals = counter.columns(block);
    encodeNativeBlock(arrivals.columns, arrivals.rows);
  };
  const both = () => {
    decode();
    encode();
  };
  record('decode', await measure('decode into columns', data.spans, decode));
  record('native_encode', await measure('span columns to Native blocks', data.spans, encode));
  record('decode_encode', await measure('decode and encode', data.spans, both));
  record(
    'stitch',
    await measure('stitch: collect, assemble, rows to Native', data.spans, () => {
      const open = new OpenTraces(WINDOWS, 16);
      const rows = new TraceRows(open.interner, open.tenants);
      const assembler = new Assembler({ ...ASSEMBLY, appTier: open.appTier, dataTier: open.dataTier });
      const closer = new Closer(open, assembler, rows);
      open.addBlock(block);
      closer.advance(0, Number.MAX_SAFE_INTEGER);
      const taken = rows.take();
      encodeNativeBlock(taken.columns, taken.rows);
    }),
  );
}
