import { describe, expect, it } from 'vitest';
import type { Bus, DeadLetter, LogRecord } from '../../bus/types.js';
import { drain, openBus, pointsAfter, record, recordOf, tamper, temporaryDirectory, text } from './support.js';

function letterOf(from: LogRecord, reason = 'cannot be decoded'): DeadLetter {
  const { partition, offset, appendTimeMs, tenant, itemCount, payload } = from;
  return { partition, offset, appendTimeMs, tenant, itemCount, payload, reason };
}

async function partition(bus: Bus, number = 0) {
  return (await bus.state()).partitions[number];
}

describe('commit', () => {
  it('moves the offset on, counts the items below it, and lasts', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory });
    await bus.publish([record(0, 'a', 2), record(0, 'b', 3), record(0, 'c', 4)]);
    const consumer = await bus.consumer();
    await drain(consumer);
    await consumer.commit([{ partition: 0, offset: 2, tallies: { stored: 5 } }]);
    expect(await partition(bus)).toMatchObject({
      committedOffset: 2,
      committedItems: 5,
      appendedItems: 9,
      endOffset: 3,
    });
    await bus.close();
    const again = await openBus({ directory });
    expect((await again.state()).counters).toEqual({ stored: 5 });
    expect((await drain(await again.consumer())).map(text)).toEqual(['c']);
  });

  it('repeated or below the committed offset changes nothing, tallies and dead letters included', async () => {
    const bus = await openBus();
    await bus.publish([record(0, 'a'), record(0, 'b')]);
    const consumer = await bus.consumer();
    const records = await drain(consumer);
    const commit = () => consumer.commit([{ partition: 0, offset: 2, tallies: { stored: 2 } }], [letterOf(records[0])]);
    await commit();
    const before = await bus.state();
    await commit();
    await consumer.commit([{ partition: 0, offset: 1, tallies: { stored: 1 } }], [letterOf(records[1])]);
    await consumer.commit([{ partition: 0, offset: 0 }]);
    expect(await bus.state()).toEqual(before);
    expect(await bus.deadLetters(10)).toHaveLength(1);
  });

  it('of the end, of nothing and of the highest of several points', async () => {
    const bus = await openBus();
    await bus.publish([record(0, 'a'), record(0, 'b')]);
    const consumer = await bus.consumer();
    await consumer.commit([]);
    await consumer.commit([
      { partition: 0, offset: 2 },
      { partition: 0, offset: 1 },
      { partition: 1, offset: 0 },
    ]);
    expect(await partition(bus)).toMatchObject({ committedOffset: 2, committedItems: 2 });
  });

  it.each([
    ['beyond the end', { partition: 0, offset: 2 }, 'BUS_CONFLICT'],
    ['of a partition that never was', { partition: 7, offset: 0 }, 'BUS_CONFLICT'],
  ])('%s is refused whole', async (_case, point, code) => {
    const bus = await openBus();
    await bus.publish([record(0, 'a')]);
    const consumer = await bus.consumer();
    const before = await bus.state();
    const commit = consumer.commit([{ partition: 0, offset: 1, tallies: { stored: 1 } }, point]);
    await expect(commit).rejects.toMatchObject({ code, retryable: false });
    expect(await bus.state()).toEqual(before);
  });

  it.each([
    { partition: -1, offset: 0 },
    { partition: 0.5, offset: 0 },
    { partition: 0, offset: -1 },
    { partition: 0, offset: Number.NaN },
  ])('of %j is no commit at all', async point => {
    const consumer = await (await openBus()).consumer();
    await expect(consumer.commit([point])).rejects.toThrow(RangeError);
  });

  it('by a consumer whose lock was taken over is refused', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory });
    await bus.publish([record(0, 'a')]);
    const consumer = await bus.consumer();
    const thief = { token: 'another', pid: process.pid, startedAt: '' };
    await tamper(directory, 'meta', tree => tree.put(Buffer.from('consumer'), Buffer.from(JSON.stringify(thief))));
    const commit = consumer.commit([{ partition: 0, offset: 1, tallies: { stored: 1 } }]);
    await expect(commit).rejects.toMatchObject({ code: 'BUS_CONFLICT', retryable: false });
    expect(await partition(bus)).toMatchObject({ committedOffset: 0 });
    await consumer.close();
    await expect(bus.consumer()).rejects.toMatchObject({ code: 'BUS_CONFLICT' });
  });

  it('under way when its consumer closes still counts', async () => {
    const bus = await openBus();
    await bus.publish([record(0, 'a')]);
    const consumer = await bus.consumer();
    const commit = consumer.commit([{ partition: 0, offset: 1 }]);
    await consumer.close();
    await commit;
    expect(await partition(bus)).toMatchObject({ committedOffset: 1 });
  });

  it('trims in bounded steps and in the end everything', async () => {
    const bus = await openBus({ partitionCount: 1 });
    await bus.publish(Array.from({ length: 2_000 }, (_, at) => record(0, `record ${at}`)));
    const consumer = await bus.consumer();
    const records = await drain(consumer);
    await consumer.commit(pointsAfter(records));
    expect((await partition(bus)).startOffset).toBeLessThan(2_000);
    await expect.poll(async () => (await partition(bus)).startOffset).toBe(2_000);
    expect((await bus.state()).usedBytes).toBe(0);
  });

  it('goes on trimming after it was cut short by a close', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory, partitionCount: 1 });
    await bus.publish(Array.from({ length: 2_000 }, (_, at) => record(0, `record ${at}`)));
    const consumer = await bus.consumer();
    await consumer.commit([{ partition: 0, offset: 2_000 }]);
    await bus.close();
    const again = await openBus({ directory, partitionCount: 1 });
    await again.consumer();
    await expect.poll(async () => (await again.state()).usedBytes).toBe(0);
  });
});

describe('dead letters', () => {
  it('come back newest first, with everything they had', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory });
    await bus.publish([record(0, 'a', 3), record(1, 'b')]);
    const consumer = await bus.consumer();
    const [a, b] = await drain(consumer);
    await consumer.commit([{ partition: 0, offset: 1, tallies: { dead_letter: 3 } }], [letterOf(a, 'first')]);
    await consumer.commit([{ partition: 1, offset: 1, tallies: { dead_letter: 1 } }], [letterOf(b, 'second')]);
    await bus.close();
    const again = await openBus({ directory });
    const letters = await again.deadLetters(10);
    await again.publish(Array.from({ length: 100 }, () => recordOf(0, 5_000)));
    const expected = [letterOf(b, 'second'), letterOf(a, 'first')];
    expect(letters).toEqual(expected.map(letter => ({ ...letter, payload: Buffer.from(letter.payload) })));
    expect(await again.deadLetters(1)).toHaveLength(1);
    expect((await again.state()).counters).toEqual({ dead_letter: 4 });
  });

  it('beyond their bytes keep header and reason, then only a count, and never fill the log', async () => {
    const bus = await openBus({ partitionCount: 1, maxBytes: 1 << 20, maxDeadLetterBytes: 64 << 10 });
    const consumer = await bus.consumer();
    for (let round = 0; round < 60; round++) {
      await bus.publish([recordOf(0, 20_000)]);
      const records = await drain(consumer);
      await consumer.commit(pointsAfter(records), [letterOf(records[0], 'x'.repeat(2_000))]);
    }
    const letters = await bus.deadLetters(1_000);
    const whole = letters.filter(({ payload }) => payload.length === 20_000);
    const headers = letters.filter(({ payload }) => payload.length === 0);
    expect([whole.length, headers.length > 0]).toEqual([2, true]);
    expect(headers[0].reason).toContain('payload of 20000 bytes not kept');
    const { counters, usedBytes } = await bus.state();
    expect(counters.dead_letter_not_kept).toBe(60 - letters.length);
    expect(usedBytes).toBeLessThanOrEqual(128 << 10);
  });

  it('of a partition that never was are refused', async () => {
    const bus = await openBus();
    await bus.publish([record(0, 'a')]);
    const consumer = await bus.consumer();
    const [a] = await drain(consumer);
    const commit = consumer.commit([{ partition: 0, offset: 1 }], [{ ...letterOf(a), partition: 9 }]);
    await expect(commit).rejects.toMatchObject({ code: 'BUS_CONFLICT' });
    expect(await partition(bus)).toMatchObject({ committedOffset: 0 });
  });
});
