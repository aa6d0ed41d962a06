import { afterEach, describe, expect, test } from 'vitest';
import { Quota } from '../../ingest/quota.js';
import { GrpcClient } from './support/grpc-client.js';
import { decodeMessage, jsonRequest, protobufRequest, someSpans } from './support/otlp-messages.js';
import { openSession, RawGrpcCall } from './support/raw-grpc.js';
import { RawConnection, requestHead } from './support/raw-http.js';
import { Receivers } from './support/receivers.js';

const UNAVAILABLE = 14;

describe('the bucket', () => {
  function quotaAt(limits: ConstructorParameters<typeof Quota>[0]) {
    const clock = { nowMs: 1_000 };
    return { clock, quota: new Quota(limits, () => clock.nowMs) };
  }

  test('holds one second of the rate, may owe, and gives nothing until that is paid', () => {
    const { clock, quota } = quotaAt({ maxSpansPerSecond: 100 });
    quota.takeSpans(99);
    quota.takeSpans(301);
    expect(() => quota.takeSpans(1)).toThrow(/100 spans per second/);
    clock.nowMs += 3_000;
    expect(() => quota.admit()).toThrow();
    clock.nowMs += 10;
    quota.admit();
    quota.takeSpans(1);
    expect(() => quota.admit()).toThrow();
  });

  test('over a long time the rate holds exactly, whatever the sizes of requests', () => {
    const { clock, quota } = quotaAt({ maxBytesPerSecond: 1_000 });
    let taken = 0;
    for (let step = 0; step < 100_000; step++, clock.nowMs++) {
      const bytes = 1 + ((step * 7_919) % 5_000);
      try {
        quota.takeBytes(bytes);
        taken += bytes;
      } catch {}
    }
    expect(taken).toBeGreaterThan(99_000);
    expect(taken).toBeLessThanOrEqual(1_000 + 100_000 + 5_000);
  });

  test('does not save up while nothing is sent, nor lose by a clock that goes back', () => {
    const { clock, quota } = quotaAt({ maxSpansPerSecond: 10 });
    clock.nowMs += 3_600_000;
    quota.takeSpans(11);
    expect(() => quota.admit()).toThrow();
    clock.nowMs -= 60_000;
    expect(() => quota.admit()).toThrow();
    clock.nowMs += 200;
    quota.admit();
  });
});

describe('rates of a token', () => {
  let receivers: Receivers | undefined;
  let grpc: GrpcClient | undefined;

  afterEach(async () => {
    grpc?.close();
    await receivers?.close();
  });

  async function start(limits: { maxSpansPerSecond?: number; maxBytesPerSecond?: number }) {
    const tokens = [
      { token: 'limited', tenant: 'bank', ...limits },
      { token: 'free', tenant: 'shop' },
    ];
    receivers = await Receivers.start({ auth: { tokens } });
    grpc = new GrpcClient(receivers.grpcAddress);
    return { receivers, grpc };
  }

  const body = protobufRequest(someSpans(50));
  const limited = { authorization: 'Bearer limited' };

  test.each([
    ['spans', { maxSpansPerSecond: 1 }],
    ['bytes', { maxBytesPerSecond: 1 }],
  ])('over its %s it is told to come again over both transports, and others are not', async (_what, limits) => {
    const { receivers, grpc } = await start(limits);
    expect((await receivers.post(body, limited)).status).toBe(200);
    const refused = await receivers.post(body, limited);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toMatch(/^[12]$/);
    expect(decodeMessage('Status', Buffer.from(await refused.arrayBuffer()))).toMatchObject({ code: UNAVAILABLE });
    const { code, trailers } = await grpc.export(body, limited);
    expect(code).toBe(UNAVAILABLE);
    expect(trailers.get('google.rpc.retryinfo-bin')).toHaveLength(1);
    expect((await receivers.post(body, { authorization: 'Bearer free' })).status).toBe(200);
    const records = await receivers.newRecords();
    const spansOf = (tenant: string) =>
      records.filter(record => record.tenant === tenant).reduce((sum, { itemCount }) => sum + itemCount, 0);
    expect([spansOf('bank'), spansOf('shop')]).toEqual([50, 50]);
  });

  test('it is told so before its body is read, over both transports', async () => {
    const { receivers } = await start({ maxSpansPerSecond: 1 });
    await receivers.post(body, limited);
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    connection.write(requestHead({ ...limited, 'content-length': '1000000' }));
    expect((await connection.answer())?.status).toBe(429);
    connection.destroy();
    const session = openSession(receivers.ingest.grpcPort);
    const call = new RawGrpcCall(session, limited);
    expect((await call.answer()).trailers['grpc-status']).toBe(String(UNAVAILABLE));
    session.destroy();
  });

  test('it comes back once the rate allows', async () => {
    const { receivers } = await start({ maxSpansPerSecond: 100 });
    await receivers.post(protobufRequest(someSpans(300)), limited);
    // Two seconds in debt: no pause of a slow machine pays that back before the next line.
    expect((await receivers.post(body, limited)).status).toBe(429);
    await expect.poll(async () => (await receivers.post(body, limited)).status, { timeout: 60_000 }).toBe(200);
  });

  test('of requests that come at once only those pass that find something left', async () => {
    const { receivers } = await start({ maxSpansPerSecond: 60 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => receivers.post(body, limited)));
    const taken = answers.filter(({ status }) => status === 200).length;
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(20 - taken);
    // Two, and one more for every second that this took.
    expect(taken).toBeLessThan(10);
    const records = await receivers.newRecords();
    expect(records.reduce((sum, { itemCount }) => sum + itemCount, 0)).toBe(taken * 50);
  });

  test('bytes count as they are once inflated, in JSON as in protobuf, of every signal', async () => {
    const { receivers } = await start({ maxBytesPerSecond: 1_000_000 });
    const large = jsonRequest([{ ...someSpans(1)[0], name: 'x'.repeat(3_000_000) }]);
    const { gzipSync } = await import('node:zlib');
    const json = { ...limited, 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const small = gzipSync(large);
    expect(small.length).toBeLessThan(10_000);
    expect((await receivers.post(small, json)).status).toBe(200);
    expect((await receivers.post(small, json)).status).toBe(429);
    expect((await receivers.post('{}', { ...limited, 'content-type': 'application/json' }, '/v1/logs')).status).toBe(
      429,
    );
  });
});
