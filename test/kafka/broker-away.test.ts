/**
 * A broker that dies, hangs, comes back, or is not there yet. Each test has its own, and as they mostly wait, some run at
 * the same time (`maxConcurrency`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, type TestContext } from 'vitest';
import {
  type Bus,
  type BusConsumer,
  BusError,
  type KafkaBusOptions,
  type LogRecord,
  openKafkaBus,
} from '../../bus/index.js';
import { Broker } from './support/broker.js';
import { optionsFor, pointsAfter, record, text } from './support/bus.js';
import { type LogLine, logInto } from './support/log.js';

const SECOND_MS = 1_000;
type OnFinished = TestContext['onTestFinished'];

async function startBroker(onFinished: OnFinished): Promise<Broker> {
  const broker = await Broker.start();
  onFinished(() => broker.destroy());
  return broker;
}

/** Closed before the broker is destroyed: what is to be done at the end is done in reverse order. */
async function openBus(options: KafkaBusOptions, onFinished: OnFinished): Promise<Bus> {
  const bus = await openKafkaBus(options);
  onFinished(() => bus.close());
  return bus;
}

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** What is held by all tests that run now, not what was used and not yet swept. */
function heldBytes(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Publishes one numbered record after the other, as often as it takes; what was acknowledged and what was refused. */
class Publishing {
  readonly acknowledged: string[] = [];
  readonly refused: { readonly error: BusError; readonly afterMs: number }[] = [];
  #isOver = false;
  readonly #done: Promise<void>[];

  constructor(bus: Bus, lanes = 4) {
    this.#done = Array.from({ length: lanes }, (_, lane) => this.#run(bus, lane));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#done);
  }

  async #run(bus: Bus, lane: number): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const name = `${lane}-${n}`;
      const startedMs = performance.now();
      try {
        await bus.publish([record(n % bus.partitionCount, name)]);
        this.acknowledged.push(name);
      } catch (error) {
        this.refused.push({ error: error as BusError, afterMs: performance.now() - startedMs });
        await sleep(50);
      }
      await sleep(2);
    }
  }
}

/** Reads and commits in the background. */
class Reading {
  readonly seen: string[] = [];
  #isOver = false;
  readonly #done: Promise<void>;

  constructor(consumer: BusConsumer) {
    this.#done = this.#run(consumer);
    this.#done.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async #run(consumer: BusConsumer): Promise<void> {
    while (!this.#isOver) {
      const records: LogRecord[] = await consumer.poll(100_000, 100);
      const revoked = consumer.takeRevoked();
      const valid = records.filter(({ partition }) => !revoked.includes(partition));
      this.seen.push(...valid.map(text));
      await consumer.commit(pointsAfter(valid));
    }
  }
}

async function untilCommitted(bus: Bus, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const open = (await bus.offsets().catch(() => [null])).filter(
      at => at === null || at.committedOffset < at.endOffset,
    );
    if (open.length === 0) return;
    if (performance.now() > deadline) throw new Error(`not committed: ${JSON.stringify(open)}`);
    await sleep(200);
  }
}

it.concurrent('killed and started again under load loses nothing that was acknowledged, and is joined again', {
  timeout: 240_000,
}, async ({ onTestFinished }) => {
  const broker = await startBroker(onTestFinished);
  const options = optionsFor({ brokers: [broker.address], deliveryTimeoutMs: 5 * SECOND_MS });
  const bus = await openBus(options, onTestFinished);
  const reading = new Reading(await bus.consumer());
  const publishing = new Publishing(bus);
  for (const awayMs of [0, 6 * SECOND_MS]) {
    await sleep(1_500);
    await broker.kill();
    await sleep(awayMs);
    await broker.up();
    const before = publishing.acknowledged.length;
    const deadline = performance.now() + 30 * SECOND_MS;
    while (publishing.acknowledged.length === before) {
      if (performance.now() > deadline) throw new Error('nothing is acknowledged any more');
      await sleep(50);
    }
  }
  await sleep(1_500);
  await publishing.stop();
  await untilCommitted(bus, 60 * SECOND_MS);
  await reading.stop();
  const seen = new Set(reading.seen);
  expect(publishing.acknowledged.filter(name => !seen.has(name))).toEqual([]);
  expect(publishing.acknowledged.length).toBeGreaterThan(100);
  // Duplicates, of what was appended and not acknowledged in time, are counted as the records they are.
  const { partitions } = await bus.state();
  expect(partitions.reduce((sum, { committedItems }) => sum + committedItems, 0)).toBe(
    partitions.reduce((sum, { endOffset }) => sum + endOffset, 0),
  );
  for (const { error } of publishing.refused) expect(error).toMatchObject({ code: 'BUS_UNAVAILABLE', retryable: true });
});

it.concurrent('that is away is told within the deadline, then at once, and costs no memory; and is used again when it is back', {
  timeout: 240_000,
}, async ({ onTestFinished }) => {
  const broker = await startBroker(onTestFinished);
  const options = optionsFor({
    brokers: [broker.address],
    deliveryTimeoutMs: 3 * SECOND_MS,
    maxQueuedBytes: 4 << 20,
  });
  const bus = await openBus(options, onTestFinished);
  await bus.publish([record(0, 'before')]);
  await broker.stop();
  const heldBefore = heldBytes();
  const large = { partition: 0, tenant: 'default', itemCount: 1, payload: Buffer.alloc(200_000, 1) };
  const waits: number[] = [];
  const deadline = performance.now() + 12 * SECOND_MS;
  while (performance.now() < deadline) {
    const startedMs = performance.now();
    const results = await Promise.allSettled(Array.from({ length: 30 }, () => bus.publish([large])));
    waits.push(performance.now() - startedMs);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(BusError) });
      const { code, retryable } = (result as PromiseRejectedResult).reason;
      expect(['BUS_UNAVAILABLE', 'BUS_FULL']).toContain(code);
      expect(retryable).toBe(true);
    }
    await sleep(20);
  }
  expect(Math.max(...waits)).toBeLessThan(4 * SECOND_MS);
  // While one publish finds out whether it is back, the others need not wait.
  expect(waits.length).toBeGreaterThan(4);
  expect(heldBytes() - heldBefore).toBeLessThan(30 << 20);
  await expect(bus.offsets()).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });

  await broker.up();
  const back = performance.now() + 30 * SECOND_MS;
  for (;;) {
    const outcome = await bus.publish([record(0, 'after')]).catch((error: BusError) => error);
    if (outcome === undefined) break;
    if (performance.now() > back) throw outcome;
    await sleep(100);
  }
  expect((await bus.offsets())[0].endOffset).toBeGreaterThanOrEqual(2);
});

it.concurrent('that hangs is told within the deadline, and its connection does not pile up what is tried again', {
  timeout: 240_000,
}, async ({ onTestFinished }) => {
  const broker = await startBroker(onTestFinished);
  const options = optionsFor({ brokers: [broker.address], deliveryTimeoutMs: 2 * SECOND_MS, partitionCount: 4 });
  const bus = await openBus(options, onTestFinished);
  await bus.publish([0, 1, 2, 3].map(partition => record(partition, 'before')));
  broker.signal('SIGSTOP');
  const heldBefore = heldBytes();
  const deadline = performance.now() + 35 * SECOND_MS;
  while (performance.now() < deadline) {
    const startedMs = performance.now();
    const payload = Buffer.alloc(900_000, 1);
    const publish = bus.publish([0, 1, 2, 3].map(partition => ({ ...record(partition, ''), payload })));
    await expect(publish).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    // Its deadline is 2 s; kafkajs alone would take the request's timeout, 15 s, several times.
    expect(performance.now() - startedMs).toBeLessThan(12 * SECOND_MS);
    await sleep(100);
  }
  expect(heldBytes() - heldBefore).toBeLessThan(30 << 20);
  broker.signal('SIGCONT');
  const back = performance.now() + 60 * SECOND_MS;
  for (;;) {
    const outcome = await bus.publish([record(2, 'after')]).catch((error: BusError) => error);
    if (outcome === undefined) break;
    if (performance.now() > back) throw outcome;
    await sleep(100);
  }
});

it.concurrent('that is not there yet is waited for, saying so; or until there is no more use in it', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const broker = await startBroker(onTestFinished);
  await broker.kill();
  const lines: LogLine[] = [];
  const stop = new AbortController();
  const options = optionsFor({ brokers: [broker.address], logger: logInto(lines), signal: stop.signal });
  const given = openKafkaBus(options);
  await sleep(3 * SECOND_MS);
  stop.abort();
  await expect(given).rejects.toMatchObject({ code: 'BUS_CLOSED' });
  expect(lines.map(({ msg }) => msg)).toContain('waiting for Kafka');
  expect(lines.find(({ msg }) => msg === 'waiting for Kafka')).toMatchObject({ brokers: [broker.address] });

  const opening = openKafkaBus({ ...options, signal: undefined });
  await sleep(2 * SECOND_MS);
  await broker.up();
  const bus = await opening;
  onTestFinished(() => bus.close());
  await bus.publish([record(0, 'first')]);
});

it.concurrent('that is away while the consumer closes does not keep it, and its member does not come back', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const broker = await startBroker(onTestFinished);
  const options = optionsFor({ brokers: [broker.address] });
  const bus = await openBus(options, onTestFinished);
  const consumer = await bus.consumer();
  await bus.publish([record(0, 'a')]);
  await broker.kill();
  await sleep(3 * SECOND_MS);
  const startedMs = performance.now();
  await consumer.close();
  expect(performance.now() - startedMs).toBeLessThan(45 * SECOND_MS);
  await broker.up();
  const next = await openBus(options, onTestFinished);
  const successor = await next.consumer();
  const reading = new Reading(successor);
  await untilCommitted(next, 40 * SECOND_MS);
  expect([...successor.partitions]).toEqual([0, 1]);
  await sleep(5 * SECOND_MS);
  expect([...successor.partitions]).toEqual([0, 1]);
  await reading.stop();
  expect(reading.seen).toEqual(['a']);
});
