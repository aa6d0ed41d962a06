import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeMessage, jsonRequest, protobufRequest, someSpans } from './support/otlp-messages.js';
import { RawConnection, requestHead } from './support/raw-http.js';
import { Receivers } from './support/receivers.js';

const MAX_REQUEST_BYTES = 1 << 20;
const MAX_IN_FLIGHT_BYTES = 8 << 20;

let receivers: Receivers;

beforeAll(async () => {
  const limits = { maxRequestBytes: MAX_REQUEST_BYTES, maxInFlightBytes: MAX_IN_FLIGHT_BYTES };
  receivers = await Receivers.start({ limits });
});

afterAll(() => receivers?.close());

/** A valid request of exactly so many bytes. */
function requestOfSize(bytes: number): Buffer {
  const [span] = someSpans(1);
  const frameBytes = protobufRequest([{ ...span, name: 'x'.repeat(bytes - 1000) }]).length - (bytes - 1000);
  const request = protobufRequest([{ ...span, name: 'x'.repeat(bytes - frameBytes) }]);
  expect(request.length).toBe(bytes);
  return request;
}

async function cpuMs(run: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

async function expectStillGood(): Promise<void> {
  expect((await receivers.post(protobufRequest(someSpans(2)))).status).toBe(200);
  expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2']);
  expect(receivers.ingest.inFlightBytes()).toBe(0);
}

describe('4: one size limit holds before and after inflation', () => {
  test('a body of exactly the limit is taken, plain and inflated', async () => {
    const body = requestOfSize(MAX_REQUEST_BYTES);
    expect((await receivers.post(body)).status).toBe(200);
    expect((await receivers.post(gzipSync(body), { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(await receivers.newRecords()).toHaveLength(2);
  });

  test.each([
    ['announced', {}, (body: Buffer) => body],
    ['inflated', { 'content-encoding': 'gzip' }, (body: Buffer) => gzipSync(body)],
  ])('a byte more is 413 when %s', async (_when, headers, encode) => {
    const response = await receivers.post(encode(requestOfSize(MAX_REQUEST_BYTES + 1)), headers);
    expect(response.status).toBe(413);
    expect(response.headers.get('retry-after')).toBeNull();
    const status = decodeMessage('Status', Buffer.from(await response.arrayBuffer()));
    expect(status).toEqual({ code: 8, message: expect.stringContaining(String(MAX_REQUEST_BYTES)) });
    await expectStillGood();
  });

  test('a byte more is 413 when it comes unannounced, in chunks', async () => {
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    connection.write(requestHead({ 'transfer-encoding': 'chunked' }));
    const chunk = Buffer.alloc(64 << 10);
    for (let sent = 0; sent <= MAX_REQUEST_BYTES; sent += chunk.length) {
      connection.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]));
    }
    expect((await connection.answer())?.status).toBe(413);
    connection.destroy();
    await expectStillGood();
  });

  test('JSON has the same limit', async () => {
    const [span] = someSpans(1);
    const body = jsonRequest([{ ...span, name: 'x'.repeat(MAX_REQUEST_BYTES) }]);
    expect((await receivers.post(body, { 'content-type': 'application/json' })).status).toBe(413);
    await expectStillGood();
  });

  test('inflation stops as soon as the limit is passed: a bomb is never inflated to its end', async () => {
    // Half a megabyte that would become 512: the wire limit lets it pass.
    const member = gzipSync(Buffer.alloc(16 << 20));
    const bomb = Buffer.concat(Array.from({ length: 32 }, () => member));
    expect(bomb.length).toBeLessThan(MAX_REQUEST_BYTES);
    let peakBytes = 0;
    const watch = setInterval(() => {
      peakBytes = Math.max(peakBytes, receivers.ingest.inFlightBytes());
    }, 1);
    const bombsMs = await cpuMs(async () => {
      const answers = await Promise.all(
        Array.from({ length: 4 }, () => receivers.post(bomb, { 'content-encoding': 'gzip' })),
      );
      for (const { status } of answers) expect(status).toBe(413);
    });
    clearInterval(watch);
    expect(peakBytes).toBeLessThanOrEqual(MAX_IN_FLIGHT_BYTES);
    const memberMs = await cpuMs(async () => void gunzipSync(member));
    expect(bombsMs).toBeLessThan(4 * 32 * memberMs);
    await expectStillGood();
  });
});

describe('13: many connections; slow headers and slow bodies time out', () => {
  test('100 parallel keep-alive connections are served, several requests each', async () => {
    const body = protobufRequest(someSpans(5));
    const head = requestHead({ 'content-length': String(body.length) });
    const connections = await Promise.all(
      Array.from({ length: 100 }, () => RawConnection.open(receivers.ingest.httpPort)),
    );
    for (let round = 0; round < 3; round++) {
      for (const connection of connections) connection.write(Buffer.concat([Buffer.from(head), body]));
      const answers = await Promise.all(connections.map(connection => connection.answer()));
      expect(answers.every(answer => answer?.status === 200)).toBe(true);
    }
    for (const connection of connections) connection.destroy();
    expect(await receivers.newSpanNames()).toHaveLength(100 * 3 * 5);
  });

  test('requests on one connection without waiting for the answers are answered in order', async () => {
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    const good = protobufRequest(someSpans(1));
    const request = (body: Buffer) =>
      Buffer.concat([Buffer.from(requestHead({ 'content-length': String(body.length) })), body]);
    connection.write(Buffer.concat([request(good), request(Buffer.from([0x0b])), request(good)]));
    const statuses = [];
    for (let answer = 0; answer < 3; answer++) statuses.push((await connection.answer())?.status);
    expect(statuses).toEqual([200, 400, 200]);
    connection.destroy();
    expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 1']);
  });

  test('slow headers are answered 408 and cut off; slow bodies too, with a Status; nothing stays in flight', async () => {
    const impatient = await Receivers.start({ limits: { headersTimeoutMs: 200, bodyTimeoutMs: 200 } });
    const slowHeaders = await RawConnection.open(impatient.ingest.httpPort);
    slowHeaders.write('POST /v1/traces HTTP/1.1\r\nHost: loc');
    const silent = await RawConnection.open(impatient.ingest.httpPort);
    const slowBody = await RawConnection.open(impatient.ingest.httpPort);
    slowBody.write(`${requestHead({ 'content-length': '1000' })}\x0a`);
    const trickle = setInterval(() => slowBody.write('\x00'), 50);
    expect((await slowHeaders.answer())?.status).toBe(408);
    const answer = await slowBody.answer();
    clearInterval(trickle);
    expect(answer?.status).toBe(408);
    expect(answer?.headers.connection).toBe('close');
    expect(decodeMessage('Status', answer?.body ?? Buffer.alloc(0))).toMatchObject({ code: 4 });
    await Promise.all([slowHeaders.closed(), slowBody.closed(), silent.closed()]);
    expect(impatient.ingest.inFlightBytes()).toBe(0);
    expect((await impatient.post(protobufRequest(someSpans(1)))).status).toBe(200);
    await impatient.close();
  });

  test('connections over the limit are closed unanswered, and the others go on', async () => {
    const crowded = await Receivers.start({ limits: { maxConnections: 2 } });
    const kept = await Promise.all([1, 2].map(() => RawConnection.open(crowded.ingest.httpPort)));
    const over = await RawConnection.open(crowded.ingest.httpPort);
    expect(await over.answer()).toBeUndefined();
    for (const connection of kept) {
      connection.write(requestHead({ 'content-length': '0' }));
      expect((await connection.answer())?.status).toBe(200);
      connection.destroy();
    }
    await crowded.close();
  });
});

describe('27: in-flight bytes are bounded over all requests together, inflated bytes included', () => {
  const limits = { maxRequestBytes: 4 << 20, maxInFlightBytes: 1 << 20 };
  const body = gzipSync(protobufRequest(someSpans(2_000, 1, 400)));

  test('over it: 429 with Retry-After, for announced, arriving and inflated bytes; then all is free again', async () => {
    const tight = await Receivers.start({ limits });
    const holder = await RawConnection.open(tight.ingest.httpPort);
    holder.write(requestHead({ 'content-length': String(900 << 10) }));
    holder.write(Buffer.alloc(800 << 10));
    while (tight.ingest.inFlightBytes() < 800 << 10) await sleep(5);
    const announced = await tight.post(Buffer.alloc(300 << 10));
    const inflated = await tight.post(body, { 'content-encoding': 'gzip' });
    const small = await tight.post(protobufRequest(someSpans(3)));
    for (const refused of [announced, inflated]) {
      expect(refused.status).toBe(429);
      expect(['1', '2']).toContain(refused.headers.get('retry-after'));
      const status = decodeMessage('Status', Buffer.from(await refused.arrayBuffer()));
      expect(status).toMatchObject({ code: 14, message: expect.stringContaining('in flight') });
    }
    expect(small.status).toBe(200);
    holder.destroy();
    while (tight.ingest.inFlightBytes() > 0) await sleep(5);
    expect((await tight.post(body, { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(await tight.newSpanNames()).toHaveLength(2_003);
    expect(tight.ingest.inFlightBytes()).toBe(0);
    await tight.close();
  });

  test('JSON counts while it is converted: what fits as protobuf may not as JSON', async () => {
    const tight = await Receivers.start({ limits: { ...limits, maxInFlightBytes: 600 << 10 } });
    const spans = someSpans(1_000, 1, 300);
    const json = jsonRequest(spans);
    expect(json.length).toBeLessThan(600 << 10);
    expect((await tight.post(json, { 'content-type': 'application/json' })).status).toBe(429);
    expect((await tight.post(protobufRequest(spans))).status).toBe(200);
    expect(tight.ingest.inFlightBytes()).toBe(0);
    await tight.close();
  });

  test('who announces much and sends little does not shut the others out', async () => {
    const tight = await Receivers.start({ limits });
    const idlers = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(tight.ingest.httpPort)));
    for (const idler of idlers) idler.write(requestHead({ 'content-length': String(900 << 10) }));
    await sleep(50);
    expect((await tight.post(protobufRequest(someSpans(1)))).status).toBe(200);
    for (const idler of idlers) idler.destroy();
    await tight.close();
  });
});
