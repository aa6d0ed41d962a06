import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultyBus } from './support/faulty-bus.js';
import { GrpcClient } from './support/grpc-client.js';
import {
  decodeMessage,
  jsonRequest,
  protobufRequest,
  type SentSpan,
  someSpans,
  spansIn,
} from './support/otlp-messages.js';
import { Receivers } from './support/receivers.js';

const MAX_RECORD_BYTES = 2_000;
const JSON_TYPE = { 'content-type': 'application/json' };

/** A log like one of a broker that refuses larger records. */
class SmallRecordsBus extends FaultyBus {
  override get maxRecordBytes(): number {
    return MAX_RECORD_BYTES;
  }
}

let bus: SmallRecordsBus;
let receivers: Receivers;
let grpc: GrpcClient;

async function startReceivers(maxInFlightBytes = 32 << 20): Promise<Receivers> {
  return await Receivers.start({
    limits: { maxInFlightBytes },
    wrapBus: real => {
      bus = new SmallRecordsBus(real);
      return bus;
    },
  });
}

beforeAll(async () => {
  receivers = await startReceivers();
  grpc = new GrpcClient(receivers.grpcAddress);
});

afterAll(async () => {
  grpc?.close();
  await receivers?.close();
});

const fitting = someSpans(200);
const large: SentSpan[] = someSpans(2, 1_000, MAX_RECORD_BYTES);
const namesOf = (spans: readonly SentSpan[]): string[] => spans.map(span => span.name).sort();

interface PartialSuccess {
  readonly rejectedSpans: string;
  readonly errorMessage: string;
}

/** What the exporter is told; undefined if nothing was refused. */
type Send = (spans: readonly SentSpan[]) => Promise<PartialSuccess | undefined>;

const sendProtobuf: Send = async spans => {
  const response = await receivers.post(protobufRequest(spans));
  expect(response.status).toBe(200);
  const body = Buffer.from(await response.arrayBuffer());
  return decodeMessage('ExportTraceServiceResponse', body).partialSuccess as PartialSuccess | undefined;
};
const sendJson: Send = async spans => {
  const response = await receivers.post(jsonRequest(spans), JSON_TYPE);
  expect(response.status).toBe(200);
  return ((await response.json()) as { partialSuccess?: PartialSuccess }).partialSuccess;
};
const sendGrpc: Send = async spans => {
  const { code, body } = await grpc.export(protobufRequest(spans));
  expect(code).toBe(0);
  return decodeMessage('ExportTraceServiceResponse', body).partialSuccess as PartialSuccess | undefined;
};

/** Names of the spans in new records, none of which is too large. */
async function newNames(): Promise<string[]> {
  const records = await receivers.newRecords();
  for (const { payload, itemCount } of records) {
    expect(payload.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    expect(spansIn(payload)).toHaveLength(itemCount);
  }
  return records.flatMap(({ payload }) => spansIn(payload).map(span => span.name ?? '')).sort();
}

const tooLargeCount = async (): Promise<number> => (await receivers.counters())['rejected.too_large'] ?? 0;
const spansMetric = (outcome: string) => receivers.metric('throughline_ingest_spans_total', { outcome });

describe.each([
  ['HTTP, protobuf', sendProtobuf],
  ['HTTP, JSON', sendJson],
  ['gRPC', sendGrpc],
])('%s: a log with a limit on records', (_transport, send) => {
  test('takes a request larger than that in several records, and nothing is refused', async () => {
    const before = await tooLargeCount();
    expect(await send(fitting)).toBeUndefined();
    expect(await newNames()).toEqual(namesOf(fitting));
    expect(await tooLargeCount()).toBe(before);
  });

  test('spans too large for a record are refused alone, counted in the ledger, and the message says what to do', async () => {
    const [before, accepted, refused] = [
      await tooLargeCount(),
      await spansMetric('accepted'),
      await spansMetric('too_large'),
    ];
    const told = await send([...fitting.slice(0, 100), ...large, ...fitting.slice(100)]);
    expect(told?.rejectedSpans).toBe('2');
    expect(told?.errorMessage).toContain(
      `2 with attributes, resource or scope too large for the log's records of 2000`,
    );
    expect(told?.errorMessage).toMatch(/send smaller ones, or raise bus\.kafka\.maxRecordBytes.*max\.message\.bytes/);
    expect(await newNames()).toEqual(namesOf(fitting));
    expect(await tooLargeCount()).toBe(before + 2);
    expect(await spansMetric('accepted')).toBe(accepted + 200);
    expect(await spansMetric('too_large')).toBe(refused + 2);
  });

  test('nothing but too large ones: still a success, still counted, nothing in the log', async () => {
    const before = await tooLargeCount();
    expect((await send(large))?.rejectedSpans).toBe('2');
    expect(await newNames()).toEqual([]);
    expect(await tooLargeCount()).toBe(before + 2);
  });

  test('beside spans refused for other reasons, each is counted under its own', async () => {
    const before = await receivers.counters();
    const told = await send([{ ...fitting[0], spanId: '0'.repeat(16) }, large[0], fitting[1]]);
    expect(told?.rejectedSpans).toBe('2');
    expect(told?.errorMessage).toMatch(/1 with a span id that.*; 1 with attributes/);
    const after = await receivers.counters();
    for (const reason of ['rejected.invalid_span_id', 'rejected.too_large']) {
      expect(after[reason]).toBe((before[reason] ?? 0) + 1);
    }
    expect(await newNames()).toEqual([fitting[1].name]);
  });
});

describe('bytes in flight', () => {
  test('are those of the records while the log has them', async () => {
    let settle = () => {};
    const asked = new Promise<void>(resolve => {
      bus.breakWith(async publish => {
        resolve();
        await new Promise<void>(go => {
          settle = go;
        });
        await publish();
      });
    });
    const body = protobufRequest(fitting);
    const sent = receivers.post(body);
    await asked;
    const heldBytes = receivers.ingest.inFlightBytes();
    settle();
    expect((await sent).status).toBe(200);
    bus.breakWith(undefined);
    const records = await receivers.newRecords();
    expect(heldBytes).toBe(records.reduce((sum, { payload }) => sum + payload.length, 0));
    expect(heldBytes).toBeGreaterThan(body.length);
    while (receivers.ingest.inFlightBytes() > 0) await sleep(5);
  });

  test('over the limit only through what cutting repeats: 429, and nothing of it is in the log', async () => {
    const body = protobufRequest(fitting);
    const tight = await startReceivers(body.length + 100);
    const response = await tight.post(body);
    expect(response.status).toBe(429);
    expect(tight.ingest.inFlightBytes()).toBe(0);
    expect(await tight.newRecords()).toEqual([]);
    expect((await tight.post(protobufRequest(fitting.slice(0, 100)))).status).toBe(200);
    await tight.close();
  });
});
