/** What a consumer promises its stitcher, against a real broker. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { closeLater, kafkaClient, openBus, optionsFor, pointsAfter, record, take, text } from './support/bus.js';

it('keeps its membership and a bounded queue while nobody polls, for longer than a session', {
  timeout: 120_000,
}, async () => {
  const options = optionsFor({ partitionCount: 4, sessionTimeoutMs: 6_000, maxFetchedBytes: 1 << 20 });
  const bus = await openBus(options);
  const consumer = await bus.consumer();
  await bus.publish([record(0, 'first')]);
  await take(consumer, 1);
  const large = 'x'.repeat(100_000);
  for (let round = 0; round < 40; round++) {
    await bus.publish([0, 1, 2, 3].map(partition => record(partition, `${round} ${large}`)));
  }
  const before = process.memoryUsage().arrayBuffers;
  await sleep(15_000);
  // 16 MB wait in the log; what was fetched of it is one answer and the queue.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(12 << 20);
  expect(consumer.takeRevoked()).toEqual([]);
  const records = await take(consumer, 160, 60_000);
  expect(consumer.takeRevoked()).toEqual([]);
  for (const partition of [0, 1, 2, 3]) {
    const rounds = records.filter(at => at.partition === partition).map(at => Number(text(at).split(' ')[0]));
    expect(rounds).toEqual(Array.from({ length: 40 }, (_, round) => round));
  }
  await consumer.commit(pointsAfter(records));
  expect((await bus.offsets()).every(({ committedOffset, endOffset }) => committedOffset === endOffset)).toBe(true);
});

it('passes aborted transactions of others, also at the end of the log', async () => {
  const options = optionsFor({ partitionCount: 1 });
  const bus = await openBus(options);
  const consumer = await bus.consumer();
  const producer = kafkaClient().producer({ transactionalId: options.topic, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const send = async (value: string, end: 'commit' | 'abort') => {
    const transaction = await producer.transaction();
    await transaction.send({ topic: options.topic, messages: [{ value }] });
    await transaction[end]();
  };
  const isDrained = async () => {
    const [{ committedOffset, endOffset }] = await bus.offsets();
    return committedOffset === endOffset;
  };
  // Before anything was ever handed out, between records, and after the last.
  await send('no', 'abort');
  await expect.poll(isDrained).toBe(true);
  await bus.publish([record(0, 'a', 3)]);
  await send('no', 'abort');
  await send('b', 'commit');
  const records = await take(consumer, 2);
  expect(records.map(text)).toEqual(['a', 'b']);
  await send('no', 'abort');
  await sleep(1_000);
  await consumer.commit(pointsAfter(records));
  await expect.poll(isDrained).toBe(true);
  await send('no', 'abort');
  await expect.poll(isDrained).toBe(true);
  await producer.disconnect();
  expect((await bus.state()).partitions[0].committedItems).toBe(4);
});

it('commits again, or beyond what it handed out, or of what it does not own, changes nothing', async () => {
  const options = optionsFor();
  const bus = await openBus(options);
  const consumer = await bus.consumer();
  await bus.publish([record(0, 'a', 2), record(0, 'b', 3)]);
  const [first] = await take(consumer, 2);
  const once = { partition: 0, offset: first.offset + 1, tallies: { dead_letter: 1 } };
  for (const point of [
    once,
    once,
    { partition: 0, offset: 0 },
    { partition: 0, offset: 99 },
    { partition: 7, offset: 1 },
  ])
    await consumer.commit([point]);
  expect((await bus.offsets())[0].committedOffset).toBe(1);
  const state = await bus.state();
  expect(state.counters).toEqual({ dead_letter: 1 });
  expect(state.partitions[0].committedItems).toBe(2);
});

it('loses a partition that another takes, and what was polled of it and is not committed comes to the other', async () => {
  const options = optionsFor({ partitionCount: 2 });
  const bus = await openBus(options);
  const first = await bus.consumer();
  await bus.publish([record(0, 'a'), record(1, 'b')]);
  const polled = await take(first, 2);
  const second = await closeLater(await openBus(options)).consumer();
  await expect.poll(() => first.partitions.length + second.partitions.length, { timeout: 30_000 }).toBe(2);
  await expect.poll(() => second.partitions.length, { timeout: 30_000 }).toBe(1);
  const [moved] = second.partitions;
  expect(first.takeRevoked()).toEqual([moved]);
  expect(first.takeRevoked()).toEqual([]);
  // Of the lost one nothing is committed, of the kept one it is; the kept one is not handed out again.
  await first.commit(pointsAfter(polled));
  const committed = await bus.offsets();
  expect(committed[moved].committedOffset).toBe(0);
  expect(committed[1 - moved].committedOffset).toBe(1);
  expect((await take(second, 1)).map(text)).toEqual([moved === 0 ? 'a' : 'b']);
  expect(await first.poll(1_000, 1_500)).toEqual([]);
});

it('is followed on its bus by another, which gets what was not committed', async () => {
  const options = optionsFor({ partitionCount: 1 });
  const bus = await openBus(options);
  const consumer = await bus.consumer();
  await bus.publish([record(0, 'a', 1), record(0, 'b', 2)]);
  await take(consumer, 2);
  await consumer.close();
  const next = await bus.consumer();
  const records = await take(next, 2);
  expect(records.map(text)).toEqual(['a', 'b']);
  await next.commit(pointsAfter(records));
  expect((await bus.state()).partitions[0].committedItems).toBe(3);
});
