import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BusError } from '../../bus/index.js';
import { FaultyBus } from './support/faulty-bus.js';
import { GrpcClient, LOGS_EXPORT, METRICS_EXPORT } from './support/grpc-client.js';
import { decodeMessage, encodeMessage, protobufRequest, someSpans } from './support/otlp-messages.js';
import { openSession, RawGrpcCall } from './support/raw-grpc.js';
import { Receivers } from './support/receivers.js';

const Code = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
};
const MAX_REQUEST_BYTES = 1 << 20;
const MAX_IN_FLIGHT_BYTES = 8 << 20;

let bus: FaultyBus;
let receivers: Receivers;
let client: GrpcClient;

beforeAll(async () => {
  receivers = await Receivers.start({
    limits: { maxRequestBytes: MAX_REQUEST_BYTES, maxInFlightBytes: MAX_IN_FLIGHT_BYTES, maxConcurrentStreams: 7 },
    wrapBus: real => {
      bus = new FaultyBus(real);
      return bus;
    },
  });
  client = new GrpcClient(receivers.grpcAddress);
});

afterAll(async () => {
  client?.close();
  await receivers?.close();
});

async function expectStillGood(): Promise<void> {
  expect((await client.export(protobufRequest(someSpans(2)))).code).toBe(Code.OK);
  expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2']);
  while (receivers.ingest.inFlightBytes() > 0) await sleep(5);
}

describe('15: metrics and logs are answered with a rejection of everything', () => {
  test.each([
    [METRICS_EXPORT, 'ExportMetricsServiceResponse', 'rejectedDataPoints', 'MetricsData'],
    [LOGS_EXPORT, 'ExportLogsServiceResponse', 'rejectedLogRecords', 'LogsData'],
  ] as const)('%s', async (path, responseName, countName, requestName) => {
    const request = {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ histogram: { dataPoints: [{}, {}] } }] }] }],
      resourceLogs: [{ scopeLogs: [{ logRecords: [{}, {}] }] }],
    };
    const { code, body } = await client.export(encodeMessage(requestName, request), {}, path);
    expect(code).toBe(Code.OK);
    expect(decodeMessage(responseName, body)).toEqual({
      partialSuccess: { [countName]: '2', errorMessage: expect.stringContaining('only traces') },
    });
  });
});

describe('16: TraceService/Export', () => {
  test('takes plain and gzip messages; success has partial_success unset', async () => {
    const zipping = GrpcClient.withGzip(receivers.grpcAddress);
    for (const exporter of [client, zipping]) {
      const { code, body } = await exporter.export(protobufRequest(someSpans(50)));
      expect(code).toBe(Code.OK);
      expect(decodeMessage('ExportTraceServiceResponse', body)).toEqual({});
      expect(await receivers.newSpanNames()).toHaveLength(50);
    }
    zipping.close();
  });

  test('takes an empty request', async () => {
    expect((await client.export(Buffer.alloc(0))).code).toBe(Code.OK);
    expect(await receivers.newRecords()).toEqual([]);
  });

  test('rejects single spans as HTTP does', async () => {
    const [good] = someSpans(1);
    const { code, body } = await client.export(protobufRequest([good, { ...good, spanId: 'ab' }]));
    expect(code).toBe(Code.OK);
    expect(decodeMessage('ExportTraceServiceResponse', body)).toMatchObject({
      partialSuccess: { rejectedSpans: '1', errorMessage: expect.stringContaining('span id') },
    });
    expect(await receivers.newSpanNames()).toEqual(['span 1']);
  });

  test('takes many calls at once', async () => {
    const calls = Array.from({ length: 100 }, (_, call) => client.export(protobufRequest(someSpans(3, 1 + 3 * call))));
    expect((await Promise.all(calls)).every(({ code }) => code === Code.OK)).toBe(true);
    expect(new Set(await receivers.newSpanNames()).size).toBe(300);
  });

  test('bounds concurrent streams to what the limits say', async () => {
    const session = openSession(receivers.ingest.grpcPort);
    const settings = await new Promise<{ maxConcurrentStreams?: number }>(resolve =>
      session.once('remoteSettings', resolve),
    );
    expect(settings.maxConcurrentStreams).toBe(7);
    session.destroy();
  });

  test('a call beyond the limit of concurrent ones waits until another has ended', async () => {
    const session = openSession(receivers.ingest.grpcPort);
    await new Promise(resolve => session.once('remoteSettings', resolve));
    const open = Array.from({ length: 7 }, () => new RawGrpcCall(session));
    const waiting = new RawGrpcCall(session);
    waiting.sendFrame(protobufRequest(someSpans(1)));
    waiting.stream.end();
    const answers: number[] = [];
    void waiting.answer().then(() => answers.push(8));
    await sleep(200);
    expect(answers).toEqual([]);
    open[0].stream.close();
    expect((await waiting.answer()).trailers['grpc-status']).toBe(String(Code.OK));
    session.destroy();
    expect(await receivers.newSpanNames()).toEqual(['span 1']);
  });

  test('another method is UNIMPLEMENTED', async () => {
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Import';
    expect((await client.export(Buffer.alloc(0), {}, path)).code).toBe(Code.UNIMPLEMENTED);
  });

  test('a connection over the limit is closed, and the others go on', async () => {
    const crowded = await Receivers.start({ limits: { maxConnections: 1 } });
    const first = new GrpcClient(crowded.grpcAddress);
    expect((await first.export(Buffer.alloc(0))).code).toBe(Code.OK);
    const second = openSession(crowded.ingest.grpcPort);
    await new Promise(resolve => second.once('close', resolve));
    expect((await first.export(Buffer.alloc(0))).code).toBe(Code.OK);
    first.close();
    await crowded.close();
  });
});

describe('17: the same size limit, inflation included, RESOURCE_EXHAUSTED without RetryInfo', () => {
  const [span] = someSpans(1);
  const large = protobufRequest([{ ...span, name: 'x'.repeat(MAX_REQUEST_BYTES) }]);

  test('plain', async () => {
    const { code, trailers, details } = await client.export(large);
    expect(code).toBe(Code.RESOURCE_EXHAUSTED);
    expect(details).toContain(String(MAX_REQUEST_BYTES));
    expect(trailers.get('google.rpc.retryinfo-bin')).toEqual([]);
    await expectStillGood();
  });

  test('inflated', async () => {
    const zipping = GrpcClient.withGzip(receivers.grpcAddress);
    const { code, trailers } = await zipping.export(large);
    expect(code).toBe(Code.RESOURCE_EXHAUSTED);
    expect(trailers.get('google.rpc.retryinfo-bin')).toEqual([]);
    const [details] = trailers.get('grpc-status-details-bin');
    expect(decodeMessage('Status', details as Buffer)).toEqual({ code: 8, message: expect.any(String) });
    zipping.close();
    await expectStillGood();
  });

  test('announced only: refused before the message has come', async () => {
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session);
    call.sendFrame(Buffer.alloc(10), false, MAX_REQUEST_BYTES + 1);
    call.stream.end();
    expect((await call.answer()).trailers['grpc-status']).toBe(String(Code.RESOURCE_EXHAUSTED));
    session.destroy();
    await expectStillGood();
  });
});

describe('18: statuses and trailers', () => {
  test.each([
    ['full', new BusError('BUS_FULL', 'full')],
    ['away', new BusError('BUS_UNAVAILABLE', 'away')],
  ])('a log that is %s: UNAVAILABLE with RetryInfo of 1 or 2 seconds in both trailers', async (_what, error) => {
    bus.failWith(error);
    const { code, trailers } = await client.export(protobufRequest(someSpans(1)));
    bus.breakWith(undefined);
    expect(code).toBe(Code.UNAVAILABLE);
    const [retryInfo] = trailers.get('google.rpc.retryinfo-bin');
    const [statusBytes] = trailers.get('grpc-status-details-bin');
    const status = decodeMessage('Status', statusBytes as Buffer) as {
      code: number;
      details: { typeUrl: string; value: Uint8Array }[];
    };
    expect(status.code).toBe(Code.UNAVAILABLE);
    expect(status.details[0].typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo');
    expect(Buffer.from(status.details[0].value)).toEqual(retryInfo);
    const { retryDelay } = decodeMessage('RetryInfo', retryInfo as Buffer) as { retryDelay: { seconds: string } };
    expect(['1', '2']).toContain(retryDelay.seconds);
    await expectStillGood();
  });

  test('an undecodable message: INVALID_ARGUMENT that says where, without RetryInfo', async () => {
    const { code, details, trailers } = await client.export(Buffer.from([0x0a, 0x05, 0x12]));
    expect(code).toBe(Code.INVALID_ARGUMENT);
    expect(details).toMatch(/byte \d/);
    expect(trailers.get('google.rpc.retryinfo-bin')).toEqual([]);
    await expectStillGood();
  });

  test('a slow message: DEADLINE_EXCEEDED, and nothing stays in flight', async () => {
    const impatient = await Receivers.start({ limits: { bodyTimeoutMs: 100 } });
    const session = openSession(impatient.ingest.grpcPort);
    const call = new RawGrpcCall(session);
    call.sendFrame(Buffer.alloc(1_000), false, 2_000);
    while (impatient.ingest.inFlightBytes() < 1_000) await sleep(5);
    expect((await call.answer()).trailers['grpc-status']).toBe(String(Code.DEADLINE_EXCEEDED));
    expect(impatient.ingest.inFlightBytes()).toBe(0);
    session.destroy();
    await impatient.close();
  });
});

describe('19: both transports give the same verdict', () => {
  test.each<[string, (call: RawGrpcCall, message: Buffer) => void]>([
    ['that ends without a message', () => {}],
    ['that ends in the middle of a message', (call, message) => call.sendFrame(message, false, message.length + 1)],
    [
      'with two messages',
      (call, message) => {
        call.sendFrame(message);
        call.sendFrame(message);
      },
    ],
  ])('a call %s is INVALID_ARGUMENT, and nothing of it is taken', async (_what, send) => {
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session);
    send(call, protobufRequest(someSpans(1)));
    call.stream.end();
    expect((await call.answer()).trailers['grpc-status']).toBe(String(Code.INVALID_ARGUMENT));
    session.destroy();
    await expectStillGood();
  });

  const good = protobufRequest(someSpans(20));
  const zipped = gzipSync(good);
  const [span] = someSpans(1);

  async function newPayloads(): Promise<string[]> {
    const records = await receivers.newRecords();
    return records.map(({ partition, payload }) => `${partition}: ${Buffer.from(payload).toString('hex')}`).sort();
  }

  /** Number of each HTTP status and the gRPC status that says the same. */
  const SAME: ReadonlyMap<number, number> = new Map([
    [200, Code.OK],
    [400, Code.INVALID_ARGUMENT],
    [413, Code.RESOURCE_EXHAUSTED],
    [429, Code.UNAVAILABLE],
  ]);

  test.each([
    ['good', '', good, 200],
    ['good, gzip', 'gzip', zipped, 200],
    ['good, deflate', 'deflate', deflateSync(good), 200],
    ['empty', '', Buffer.alloc(0), 200],
    ['with bad ids', '', protobufRequest([{ ...span, traceId: '' }, span]), 200],
    ['malformed', '', good.subarray(0, good.length - 1), 400],
    ['malformed inside gzip', 'gzip', gzipSync(good.subarray(0, good.length - 1)), 400],
    ['gzip cut short', 'gzip', zipped.subarray(0, zipped.length - 9), 400],
    ['not gzip at all', 'gzip', good, 400],
    ['an unknown encoding', 'snappy', good, 400],
    ['too large', '', Buffer.alloc(MAX_REQUEST_BYTES + 1), 413],
    ['too large once inflated', 'gzip', gzipSync(Buffer.alloc(MAX_REQUEST_BYTES + 1)), 413],
  ])('%s', async (_what, encoding, body, status) => {
    const overHttp = await receivers.post(body, encoding === '' ? {} : { 'content-encoding': encoding });
    const httpRecords = await newPayloads();
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session, encoding === '' ? {} : { 'grpc-encoding': encoding });
    call.sendFrame(body, encoding !== '');
    call.stream.end();
    const { trailers } = await call.answer();
    session.destroy();
    expect(overHttp.status).toBe(status);
    expect(Number(trailers['grpc-status'])).toBe(SAME.get(status));
    if (status !== 200) {
      const httpStatus = decodeMessage('Status', Buffer.from(await overHttp.arrayBuffer()));
      expect(decodeURI(trailers['grpc-message'])).toBe(httpStatus.message);
    }
    expect(await newPayloads()).toEqual(httpRecords);
    await expectStillGood();
  });
});

describe('27: in-flight bytes are bounded over all calls, inflated bytes included', () => {
  test('arriving bytes are counted, and over the limit it is UNAVAILABLE with RetryInfo', async () => {
    const tight = await Receivers.start({ limits: { maxInFlightBytes: 100 << 10 } });
    const session = openSession(tight.ingest.grpcPort);
    const holder = new RawGrpcCall(session);
    holder.sendFrame(Buffer.alloc(50 << 10), false, 90 << 10);
    while (tight.ingest.inFlightBytes() < 50 << 10) await sleep(5);
    const exporter = new GrpcClient(tight.grpcAddress);
    const refused = await exporter.export(protobufRequest(someSpans(300, 1, 200)));
    expect(refused.code).toBe(Code.UNAVAILABLE);
    expect(refused.trailers.get('google.rpc.retryinfo-bin')).toHaveLength(1);
    expect((await tight.post(Buffer.alloc(60 << 10))).status).toBe(429);
    holder.stream.close();
    while (tight.ingest.inFlightBytes() > 0) await sleep(5);
    expect((await exporter.export(protobufRequest(someSpans(300, 1, 200)))).code).toBe(Code.OK);
    exporter.close();
    session.destroy();
    await tight.close();
  });

  test('bombs from many calls at once never hold more than the limit', async () => {
    const tight = await Receivers.start({ limits: { maxRequestBytes: 64 << 20, maxInFlightBytes: 4 << 20 } });
    const bomb = gzipSync(Buffer.alloc(60 << 20));
    let peakBytes = 0;
    const watch = setInterval(() => {
      peakBytes = Math.max(peakBytes, tight.ingest.inFlightBytes());
    }, 1);
    const before = process.memoryUsage().rss;
    const session = openSession(tight.ingest.grpcPort);
    const calls = Array.from({ length: 20 }, () => new RawGrpcCall(session, { 'grpc-encoding': 'gzip' }));
    for (const call of calls) {
      call.sendFrame(bomb, true);
      call.stream.end();
    }
    for (const call of calls) expect((await call.answer()).trailers['grpc-status']).toBe(String(Code.UNAVAILABLE));
    clearInterval(watch);
    expect(peakBytes).toBeLessThanOrEqual(4 << 20);
    // All of them inflated would be 1.2 GB.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20);
    session.destroy();
    await tight.close();
  });

  test('a call that is cancelled half way gives its bytes back', async () => {
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session);
    call.sendFrame(Buffer.alloc(10_000), false, 20_000);
    while (receivers.ingest.inFlightBytes() < 10_000) await sleep(5);
    session.destroy();
    await expectStillGood();
  });

  test('a call that is cancelled while the log writes keeps its bytes counted until that has settled', async () => {
    let settle = () => {};
    bus.breakWith(async publish => {
      await new Promise<void>(resolve => {
        settle = resolve;
      });
      await publish();
    });
    const body = protobufRequest(someSpans(100));
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session);
    call.sendFrame(body);
    call.stream.end();
    while (receivers.ingest.inFlightBytes() < body.length) await sleep(5);
    session.destroy();
    await call.answer();
    await sleep(50);
    expect(receivers.ingest.inFlightBytes()).toBeGreaterThanOrEqual(body.length);
    settle();
    bus.breakWith(undefined);
    while (receivers.ingest.inFlightBytes() > 0) await sleep(5);
    expect(await receivers.newSpanNames()).toHaveLength(100);
  });
});
