import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FaultyBus } from './support/faulty-bus.js';
import { GrpcClient } from './support/grpc-client.js';
import { protobufRequest, someSpans } from './support/otlp-messages.js';
import { openSession, RawGrpcCall } from './support/raw-grpc.js';
import { RawConnection, requestHead } from './support/raw-http.js';
import { Receivers } from './support/receivers.js';

const body = protobufRequest(someSpans(2));

test('close() finishes what is under way on both transports, then resolves', async () => {
  let bus: FaultyBus | undefined;
  const receivers = await Receivers.start({
    wrapBus: real => {
      bus = new FaultyBus(real);
      return bus;
    },
  });
  let publishes = 0;
  bus?.breakWith(async publish => {
    publishes++;
    await sleep(150);
    await publish();
  });
  const grpc = new GrpcClient(receivers.grpcAddress);
  const halfSent = await RawConnection.open(receivers.ingest.httpPort);
  halfSent.write(requestHead({ 'content-length': String(body.length) }));
  halfSent.write(body.subarray(0, 10));
  const answers = Promise.all([receivers.post(body), grpc.export(body)]);
  while (publishes < 2) await sleep(5);
  let isClosed = false;
  const closing = receivers.ingest.close().then(() => {
    isClosed = true;
  });
  expect(receivers.ingest.close()).toBeInstanceOf(Promise);
  await expect(fetch(receivers.httpUrl)).rejects.toThrow();
  const [http, { code }] = await answers;
  expect(http.status).toBe(200);
  expect(http.headers.get('connection')).toBe('close');
  expect(code).toBe(0);
  expect(isClosed).toBe(false);
  halfSent.write(body.subarray(10));
  expect((await halfSent.answer())?.status).toBe(200);
  await closing;
  await halfSent.closed();
  expect(await receivers.newSpanNames()).toHaveLength(6);
  expect(receivers.ingest.inFlightBytes()).toBe(0);
  grpc.close();
  await receivers.close();
});

test('close() is not held up by connections that are idle, silent, or never finish their headers', async () => {
  const receivers = await Receivers.start({ limits: { headersTimeoutMs: 60_000, bodyTimeoutMs: 60_000 } });
  const idle = await RawConnection.open(receivers.ingest.httpPort);
  idle.write(Buffer.concat([Buffer.from(requestHead({ 'content-length': String(body.length) })), body]));
  expect((await idle.answer())?.status).toBe(200);
  const silent = await RawConnection.open(receivers.ingest.httpPort);
  const slow = await RawConnection.open(receivers.ingest.httpPort);
  slow.write('POST /v1/traces HTTP/1.1\r\nHost: loc');
  const silentGrpc = await RawConnection.open(receivers.ingest.grpcPort);
  const idleGrpc = new GrpcClient(receivers.grpcAddress);
  expect((await idleGrpc.export(body)).code).toBe(0);
  await receivers.ingest.close();
  await Promise.all([idle.closed(), silent.closed(), slow.closed(), silentGrpc.closed()]);
  idleGrpc.close();
  await receivers.close();
});

test('what comes on a connection that is still open is told to come again', async () => {
  const receivers = await Receivers.start();
  const connection = await RawConnection.open(receivers.ingest.httpPort);
  const session = openSession(receivers.ingest.grpcPort);
  const holder = new RawGrpcCall(session);
  holder.sendFrame(body.subarray(0, 10), false, body.length);
  while (receivers.ingest.inFlightBytes() < 10) await sleep(5);
  const heldBytes = receivers.ingest.inFlightBytes();
  connection.write(requestHead({ 'content-length': String(body.length) }));
  connection.write(body.subarray(0, 10));
  while (receivers.ingest.inFlightBytes() < heldBytes + 10) await sleep(5);
  const closing = receivers.ingest.close();
  const second = requestHead({ 'content-length': String(body.length) });
  connection.write(Buffer.concat([body.subarray(10), Buffer.from(second), body]));
  expect((await connection.answer())?.status).toBe(200);
  holder.stream.end(body.subarray(10));
  expect((await holder.answer()).trailers['grpc-status']).toBe('0');
  await closing;
  await connection.closed();
  // The second request was either refused or its connection closed: it was not taken.
  const refused = await connection.answer();
  expect([undefined, 503]).toContain(refused?.status);
  expect(await receivers.newSpanNames()).toHaveLength(4);
  session.destroy();
  await receivers.close();
});
