import { createRequire } from 'node:module';
import { expect, it, vi } from 'vitest';
import { quietRequestQueues } from '../../../bus/kafka/quiet-queue.js';

const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js');

function newQueue(maxInFlightRequests: number) {
  const logger = { debug: () => {}, warn: () => {} };
  return new RequestQueue({
    instrumentationEmitter: null,
    maxInFlightRequests,
    requestTimeout: 60_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'test:1',
    logger,
    isConnected: () => true,
  });
}

function request(correlationId: number) {
  const sendRequest = vi.fn();
  const entry = { apiKey: 0, apiName: 'x', apiVersion: 0, correlationId, resolve: () => {}, reject: () => {} };
  return { sendRequest, parameters: { entry, expectResponse: true, requestTimeout: null, sendRequest } };
}

it('a connection without waiting requests has no timer, and one that waits is sent', () => {
  vi.useFakeTimers();
  try {
    expect(quietRequestQueues()).toBe(true);
    expect(quietRequestQueues()).toBe(true);
    const queue = newQueue(1);
    const [first, second] = [request(1), request(2)];
    queue.push(first.parameters);
    queue.push(second.parameters);
    expect(second.sendRequest).not.toHaveBeenCalled();
    queue.fulfillRequest({ correlationId: 1, payload: Buffer.alloc(0), size: 0 });
    vi.advanceTimersByTime(100);
    expect(second.sendRequest).toHaveBeenCalledOnce();
    queue.fulfillRequest({ correlationId: 2, payload: Buffer.alloc(0), size: 0 });
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it('what waits because the broker throttles is sent when it may be', () => {
  vi.useFakeTimers();
  try {
    quietRequestQueues();
    const queue = newQueue(5);
    queue.maybeThrottle(500);
    const waiting = request(1);
    queue.push(waiting.parameters);
    vi.advanceTimersByTime(400);
    expect(waiting.sendRequest).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    expect(waiting.sendRequest).toHaveBeenCalledOnce();
  } finally {
    vi.useRealTimers();
  }
});
