import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BusError } from '../../bus/index.js';
import { FaultyBus } from './support/faulty-bus.js';
import { GrpcClient } from './support/grpc-client.js';
import { decodeMessage, protobufRequest, someSpans } from './support/otlp-messages.js';
import { Receivers } from './support/receivers.js';

const UNAVAILABLE = 14;
const RESOURCE_EXHAUSTED = 8;

let bus: FaultyBus;
let receivers: Receivers;
let grpc: GrpcClient;

beforeAll(async () => {
  receivers = await Receivers.start({
    limits: { publishTimeoutMs: 300 },
    wrapBus: real => {
      bus = new FaultyBus(real);
      return bus;
    },
  });
  grpc = new GrpcClient(receivers.grpcAddress);
});

afterEach(() => bus.breakWith(undefined));

afterAll(async () => {
  grpc?.close();
  await receivers?.close();
});

const body = protobufRequest(someSpans(4));

describe('9: transient failures are 503 or 429 and UNAVAILABLE, never 500', () => {
  test.each([
    ['a full log', new BusError('BUS_FULL', 'the disk is full')],
    ['a log that is away', new BusError('BUS_UNAVAILABLE', 'no broker answers')],
    ['a log that is closed', new BusError('BUS_CLOSED', 'closed')],
    ['a corrupt log', new BusError('BUS_CORRUPT', 'bad page')],
    ['an error that nobody foresaw', new TypeError('undefined is not a function')],
  ])('%s: 503, and afterwards the same request succeeds', async (_what, error) => {
    bus.failWith(error);
    const response = await receivers.post(body);
    expect(response.status).toBe(503);
    const status = decodeMessage('Status', Buffer.from(await response.arrayBuffer()));
    expect(status).toMatchObject({ code: UNAVAILABLE, message: expect.stringContaining('try again') });
    // The exporter need not know what is wrong inside.
    expect(JSON.stringify(status)).not.toContain(error.message);
    expect((await grpc.export(body)).code).toBe(UNAVAILABLE);
    expect(receivers.ingest.inFlightBytes()).toBe(0);
    bus.breakWith(undefined);
    expect((await receivers.post(body)).status).toBe(200);
    expect(await receivers.newSpanNames()).toHaveLength(4);
  });

  test('a request that the log can never hold is final: 413, RESOURCE_EXHAUSTED', async () => {
    bus.failWith(new BusError('BUS_FULL', 'larger than the log', { retryable: false }));
    const response = await receivers.post(body);
    expect(response.status).toBe(413);
    expect(response.headers.get('retry-after')).toBeNull();
    expect((await grpc.export(body)).code).toBe(RESOURCE_EXHAUSTED);
  });

  test('a log that is really full: 503 until the consumer has made room', async () => {
    const small = await Receivers.start({ maxLogBytes: 2 << 20, partitionCount: 1 });
    const large = protobufRequest(someSpans(1_000, 1, 200));
    let taken = 0;
    let response = await small.post(large);
    for (; response.status === 200; response = await small.post(large)) taken++;
    expect(taken).toBeGreaterThan(0);
    expect(response.status).toBe(503);
    const [state] = (await small.bus.state()).partitions;
    // Not one of the refused spans is in the log.
    expect(state.appendedItems).toBe(taken * 1_000);
    await small.close();
  });

  test('success is sent only after the log has it: a slow publish is waited for', async () => {
    let landed = false;
    bus.breakWith(async publish => {
      await sleep(100);
      await publish();
      landed = true;
    });
    const response = await receivers.post(body);
    expect(landed).toBe(true);
    expect(response.status).toBe(200);
    expect(await receivers.newSpanNames()).toHaveLength(4);
  });

  test('a publish that never settles is given up as 503, and its bytes stay counted until it does', async () => {
    let settle = () => {};
    bus.breakWith(async publish => {
      await new Promise<void>(resolve => {
        settle = resolve;
      });
      await publish();
    });
    const response = await receivers.post(body);
    expect(response.status).toBe(503);
    expect(receivers.ingest.inFlightBytes()).toBeGreaterThanOrEqual(body.length);
    settle();
    while (receivers.ingest.inFlightBytes() > 0) await sleep(5);
    // It lands late; the exporter's second try would land once more.
    bus.breakWith(undefined);
    expect((await receivers.post(body)).status).toBe(200);
    expect(await receivers.newSpanNames()).toHaveLength(8);
  });

  test('a publish that fails after it was given up harms nobody', async () => {
    bus.breakWith(async () => {
      await sleep(400);
      throw new BusError('BUS_UNAVAILABLE', 'too late');
    });
    expect((await receivers.post(body)).status).toBe(503);
    while (receivers.ingest.inFlightBytes() > 0) await sleep(5);
    bus.breakWith(undefined);
    expect((await receivers.post(body)).status).toBe(200);
    await receivers.newRecords();
  });

  test('rejected spans are counted only with what was accepted: a failed publish counts none', async () => {
    const [good] = someSpans(1);
    const mixed = protobufRequest([good, { ...good, traceId: '' }]);
    const before = await receivers.counters();
    bus.failWith(new BusError('BUS_UNAVAILABLE', 'away'));
    expect((await receivers.post(mixed)).status).toBe(503);
    expect(await receivers.counters()).toEqual(before);
    bus.breakWith(undefined);
    expect((await receivers.post(mixed)).status).toBe(200);
    const after = await receivers.counters();
    expect(after['rejected.invalid_trace_id']).toBe((before['rejected.invalid_trace_id'] ?? 0) + 1);
    expect(await receivers.newSpanNames()).toEqual(['span 1']);
  });
});

test('10: Retry-After is 1 or 2 seconds, and not the same for everyone', async () => {
  bus.failWith(new BusError('BUS_FULL', 'full'));
  const delays = new Set<string | null>();
  for (let request = 0; request < 6; request++) {
    const response = await receivers.post(body);
    const header = response.headers.get('retry-after');
    delays.add(header);
    const { details } = decodeMessage('Status', Buffer.from(await response.arrayBuffer())) as {
      details: { type_url: string; typeUrl: string; value: Uint8Array }[];
    };
    expect(details[0].typeUrl).toBe('type.googleapis.com/google.rpc.RetryInfo');
    expect(decodeMessage('RetryInfo', details[0].value)).toEqual({ retryDelay: { seconds: header } });
  }
  expect([...delays].sort()).toEqual(['1', '2']);
});

test('an outage is logged with its cause once, not once a request, and never with a payload or a token', async () => {
  let away: FaultyBus | undefined;
  const fresh = await Receivers.start({
    wrapBus: real => {
      away = new FaultyBus(real);
      return away;
    },
  });
  away?.failWith(new BusError('BUS_UNAVAILABLE', 'no broker answers'));
  const headers = { authorization: 'Bearer secret-token' };
  for (let request = 0; request < 10; request++) await fresh.post(body, headers);
  await fresh.post('\x0bsecret-payload', headers);
  await fresh.close();
  const lines = fresh.logged.map(line => JSON.stringify(line));
  expect(lines.filter(line => line.includes('no broker answers'))).toHaveLength(1);
  expect(lines.filter(line => line.includes('"INGEST_UNAVAILABLE":10'))).toHaveLength(1);
  expect(lines.join()).not.toMatch(/secret|span 1/);
});

test('refusals are counted by transport and code, published time is observed', async () => {
  const labels = { transport: 'http', code: '503' };
  const before = await receivers.metric('throughline_ingest_requests_total', labels);
  const grpcLabels = { transport: 'grpc', code: 'UNAVAILABLE' };
  const grpcBefore = await receivers.metric('throughline_ingest_requests_total', grpcLabels);
  bus.failWith(new BusError('BUS_FULL', 'full'));
  await receivers.post(body);
  await grpc.export(body);
  expect(await receivers.metric('throughline_ingest_requests_total', labels)).toBe(before + 1);
  expect(await receivers.metric('throughline_ingest_requests_total', grpcLabels)).toBe(grpcBefore + 1);
  expect(await receivers.registry.metrics()).toMatch(/throughline_ingest_publish_seconds_count [1-9]/);
});
