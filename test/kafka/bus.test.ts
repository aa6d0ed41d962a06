import { describe, expect, it } from 'vitest';
import { BusError } from '../../bus/index.js';
import { kafkaClient, openBus, optionsFor, pointsAfter, record, take, text, withAdmin } from './support/bus.js';

describe('a topic', () => {
  it('is made with append times of the log, its partitions and limits, and a topic for dead letters', async () => {
    const options = optionsFor({ partitionCount: 3, maxRecordBytes: 100_000 });
    const bus = await openBus(options);
    expect(bus.partitionCount).toBe(3);
    expect(bus.maxRecordBytes).toBe(100_000);
    const topics = await withAdmin(admin => admin.listTopics());
    expect(topics).toEqual(expect.arrayContaining([options.topic, `${options.topic}_dead`]));
  });

  it('that is there keeps its own number of partitions', async () => {
    const options = optionsFor({ partitionCount: 3 });
    await openBus(options);
    expect((await openBus({ ...options, partitionCount: 8 })).partitionCount).toBe(3);
  });

  it.each([
    ['message.timestamp.type', 'CreateTime'],
    ['cleanup.policy', 'compact'],
  ])('that is there with %s=%s is refused, with the command that mends it', async (name, value) => {
    const options = optionsFor();
    await withAdmin(admin =>
      admin.createTopics({
        topics: [
          {
            topic: options.topic,
            numPartitions: 1,
            configEntries: [
              { name: 'message.timestamp.type', value: 'LogAppendTime' },
              { name, value },
            ].slice(name === 'message.timestamp.type' ? 1 : 0),
          },
        ],
        waitForLeaders: true,
      }),
    );
    const opening = openBus(options);
    await expect(opening).rejects.toMatchObject({ code: 'BUS_REFUSED', retryable: false });
    await expect(opening).rejects.toThrow(/kafka-configs\.sh .*--entity-name .*--add-config /);
  });
});

describe('what is published', () => {
  it('is polled in order with tenant, tier, items and an append time of the broker', async () => {
    const bus = await openBus(optionsFor());
    const consumer = await bus.consumer();
    const before = Date.now();
    await bus.publish([record(0, 'a', 2), { ...record(1, 'b'), tenant: 'acme', tier: 'edge' }, record(0, 'c', 3)]);
    const records = await take(consumer, 3);
    const zero = records.filter(({ partition }) => partition === 0);
    expect(zero.map(({ offset, itemCount, tenant }) => [offset, itemCount, tenant])).toEqual([
      [0, 2, 'default'],
      [1, 3, 'default'],
    ]);
    expect(zero.map(text)).toEqual(['a', 'c']);
    expect(records.find(({ partition }) => partition === 1)).toMatchObject({
      tenant: 'acme',
      tier: 'edge',
      offset: 0,
    });
    expect(zero.map(({ tier }) => tier)).toEqual([undefined, undefined]);
    for (const { appendTimeMs } of records) {
      expect(appendTimeMs).toBeGreaterThanOrEqual(before - 1_000);
      expect(appendTimeMs).toBeLessThanOrEqual(Date.now() + 1_000);
    }
  });

  it('is counted as appended, and once committed as committed, for good', async () => {
    const options = optionsFor();
    const bus = await openBus(options);
    const consumer = await bus.consumer();
    await bus.publish([record(0, 'a', 2), record(0, 'b', 3), record(1, 'c', 4)]);
    const records = await take(consumer, 3);
    const first = records.filter(({ partition, offset }) => partition === 0 && offset === 0);
    await consumer.commit(pointsAfter(first).map(point => ({ ...point, tallies: { dead_letter: 1 } })));
    const [zero, one] = (await bus.state()).partitions;
    expect(zero).toMatchObject({ committedOffset: 1, endOffset: 2, committedItems: 2, appendedItems: 4 });
    expect(one).toMatchObject({ committedOffset: 0, endOffset: 1, committedItems: 0 });
    await consumer.commit(pointsAfter(records));
    await consumer.close();
    const again = await openBus(options);
    const state = await again.state();
    expect(state.partitions.map(p => [p.committedItems, p.appendedItems])).toEqual([
      [5, 5],
      [4, 4],
    ]);
    expect(state.counters).toEqual({ dead_letter: 1 });
    expect(await again.offsets()).toMatchObject([
      { partition: 0, startOffset: 0, endOffset: 2, committedOffset: 2 },
      { partition: 1, startOffset: 0, endOffset: 1, committedOffset: 1 },
    ]);
  });

  it('together with tallies counts them once they are passed, also without any record', async () => {
    const bus = await openBus(optionsFor());
    const consumer = await bus.consumer();
    await bus.publish([record(1, 'a')], { 'rejected.invalid_trace_id': 2 });
    await bus.publish([], { 'rejected.invalid_span_id': 3 });
    const records = await take(consumer, 3);
    expect(records.filter(({ payload }) => payload.length === 0).map(({ itemCount }) => itemCount)).toEqual([0, 0]);
    expect((await bus.state()).counters).toEqual({});
    await consumer.commit(pointsAfter(records));
    expect((await bus.state()).counters).toEqual({ 'rejected.invalid_trace_id': 2, 'rejected.invalid_span_id': 3 });
  });

  it('above the limit of a record is refused, and the next is taken', async () => {
    const bus = await openBus(optionsFor({ maxRecordBytes: 10_000 }));
    const large = bus.publish([record(0, 'x'.repeat(20_000))]);
    await expect(large).rejects.toMatchObject({ code: 'BUS_FULL', retryable: false });
    await bus.publish([record(0, 'x'.repeat(10_000))]);
  });

  it.each(['gzip', 'none'] as const)('with compression %s comes back as it was', async compression => {
    const bus = await openBus(optionsFor({ compression }));
    const consumer = await bus.consumer();
    const texts = Array.from({ length: 50 }, (_, i) => `record ${i} `.repeat(i * 20));
    await Promise.all(texts.map(content => bus.publish([record(0, content)])));
    const records = await take(consumer, 50);
    expect(records.map(text).sort()).toEqual([...texts].sort());
  });

  it('by others, without our headers and with several items, is counted by content', async () => {
    const options = optionsFor();
    const bus = await openBus(options);
    const consumer = await bus.consumer();
    const producer = kafkaClient().producer();
    await producer.connect();
    const key = '5b8efff798038103d269b633813fc60c';
    await producer.send({
      topic: options.topic,
      messages: [
        { key, value: 'one two three' },
        { key, value: null },
      ],
    });
    await producer.disconnect();
    const records = await take(consumer, 2);
    expect(records.map(({ tenant, itemCount }) => [tenant, itemCount])).toEqual([
      ['default', 3],
      ['default', 0],
    ]);
    await consumer.commit(pointsAfter(records));
    expect((await bus.state()).partitions.reduce((sum, p) => sum + p.committedItems, 0)).toBe(3);
  });

  it('in transactions is read up to the end, markers included', async () => {
    const options = optionsFor({ partitionCount: 1 });
    const bus = await openBus(options);
    const consumer = await bus.consumer();
    const producer = kafkaClient().producer({
      transactionalId: options.topic,
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    for (const value of ['a', 'b']) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: options.topic, messages: [{ value }] });
      await transaction.commit();
    }
    await producer.disconnect();
    const records = await take(consumer, 2);
    expect(records.map(({ offset }) => offset)).toEqual([0, 2]);
    await consumer.commit(pointsAfter(records));
    await bus.publish([record(0, 'c')]);
    await consumer.commit(pointsAfter(await take(consumer, 1)));
    const [partition] = await bus.offsets();
    expect(partition.committedOffset).toBe(partition.endOffset);
  });
});

describe('dead letters', () => {
  it('are kept with where they came from and why, once each, the newest first', async () => {
    const bus = await openBus(optionsFor());
    const consumer = await bus.consumer();
    await bus.publish([record(0, 'bad', 7), record(0, 'worse', 1)]);
    const records = await take(consumer, 2);
    const letters = records.map((bad, i) => ({ ...bad, reason: `reason ${i}` }));
    // As after a crash between burying and committing.
    await consumer.commit([], letters);
    await consumer.commit(pointsAfter(records), letters);
    const kept = await bus.deadLetters(10);
    expect(kept.map(letter => [letter.offset, letter.reason, text(letter), letter.itemCount])).toEqual([
      [1, 'reason 1', 'worse', 1],
      [0, 'reason 0', 'bad', 7],
    ]);
    expect(await bus.deadLetters(0)).toEqual([]);
  });
});

it('a closed bus and a closed consumer say so', async () => {
  const bus = await openBus(optionsFor());
  const consumer = await bus.consumer();
  await consumer.close();
  await expect(consumer.poll(1, 0)).rejects.toBeInstanceOf(BusError);
  await bus.close();
  await expect(bus.publish([record(0, 'a')])).rejects.toMatchObject({ code: 'BUS_CLOSED' });
  await expect(bus.offsets()).rejects.toMatchObject({ code: 'BUS_CLOSED' });
});
