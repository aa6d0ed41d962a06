import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Bus, BusConsumer } from '../../bus/types.js';
import type { FullOutcome } from './full-program.js';
import { compileProgram, drain, openBus, pointsAfter, record, recordOf, start, temporaryDirectory } from './support.js';

const MIB = 1 << 20;

/** Publishes until the log is full; returns how many records it took. */
async function fill(bus: Bus, bytes: number): Promise<number> {
  for (let count = 0; ; count++) {
    try {
      await bus.publish([recordOf(0, bytes)], { tried: 1 });
    } catch (error) {
      expect(error).toMatchObject({ code: 'BUS_FULL', retryable: true });
      return count;
    }
  }
}

async function commitAll(consumer: BusConsumer): Promise<void> {
  await consumer.commit(pointsAfter(await drain(consumer)));
}

describe('a full log', () => {
  it.each([100, 1_990, 2_000, 4_000, 100_000])(
    'of records of %i bytes refuses before it writes',
    async bytes => {
      const bus = await openBus({ partitionCount: 1, maxBytes: 2 * MIB });
      const count = await fill(bus, bytes);
      const state = await bus.state();
      expect(count).toBeGreaterThan(0);
      expect(state.partitions[0].endOffset).toBe(count);
      expect(state.counters).toEqual({ tried: count });
      expect(state.usedBytes).toBeLessThanOrEqual(state.limitBytes!);
      await expect(bus.publish([recordOf(0, bytes), record(0, 'x')])).rejects.toMatchObject({ code: 'BUS_FULL' });
      expect(await bus.state()).toEqual(state);
    },
    20_000,
  );

  it('still takes tallies and commits; after a commit it takes records again', async () => {
    const bus = await openBus({ partitionCount: 1, maxBytes: 2 * MIB });
    const count = await fill(bus, 50_000);
    await bus.publish([], { refused: 1 });
    const consumer = await bus.consumer();
    const first = await consumer.poll(100_000, 0);
    await consumer.commit(pointsAfter(first));
    for (let i = 0; i < first.length; i++) await bus.publish([recordOf(0, 50_000)]);
    await expect(bus.publish([recordOf(0, 50_000)])).rejects.toMatchObject({ code: 'BUS_FULL' });
    expect((await bus.state()).partitions[0].endOffset).toBe(count + first.length);
  });

  it('among parallel publishes refuses some and takes the others whole', async () => {
    const bus = await openBus({ partitionCount: 1, maxBytes: 2 * MIB });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, () => bus.publish([recordOf(0, 40_000), recordOf(0, 10_000)], { taken: 1 })),
    );
    const taken = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(60);
    const { partitions, counters } = await bus.state();
    expect([partitions[0].endOffset, counters.taken]).toEqual([taken * 2, taken]);
  });

  it('says of a record that can never fit that trying again is of no use', async () => {
    const bus = await openBus({ partitionCount: 1, maxBytes: 2 * MIB });
    await expect(bus.publish([recordOf(0, 3 * MIB)])).rejects.toMatchObject({ code: 'BUS_FULL', retryable: false });
  });

  it('filled and emptied over and over keeps its file within twice its limit', async () => {
    const directory = temporaryDirectory();
    const bus = await openBus({ directory, partitionCount: 1, maxBytes: 4 * MIB });
    const consumer = await bus.consumer();
    for (let round = 0; round < 12; round++) {
      await fill(bus, 20_000 + ((round * 77_777) % 200_000));
      await commitAll(consumer);
    }
    expect((await bus.state()).usedBytes).toBe(0);
    expect(statSync(join(directory, 'data.mdb')).size).toBeLessThanOrEqual(8 * MIB);
  });
});

describe('a full disk', () => {
  it('refuses to grow the file, retryably, but commits still work and make room', async () => {
    const directory = temporaryDirectory();
    const before = await openBus({ directory, partitionCount: 1 });
    await before.publish(Array.from({ length: 20 }, () => recordOf(0, 100_000)));
    await before.close();
    const bus = await openBus({ directory, partitionCount: 1, diskReserveBytes: Number.MAX_SAFE_INTEGER });
    const publish = () => bus.publish([recordOf(0, 100_000)]);
    await expect(publish()).rejects.toMatchObject({ code: 'BUS_FULL', retryable: true });
    await commitAll(await bus.consumer());
    await publish();
    expect((await bus.state()).partitions[0].endOffset).toBe(21);
  });

  it('that fails writes maps to BUS_FULL; a commit makes room and all is well', async () => {
    const directory = temporaryDirectory();
    const program = start(
      'sh',
      '-c',
      'ulimit -f 20000; exec "$0" "$@"',
      process.execPath,
      compileProgram('full-program'),
      directory,
    );
    expect(await program.ended).toBe(0);
    const { taken, refused, drained, takenAfter } = JSON.parse(program.lines[0]) as FullOutcome;
    expect(taken).toBeGreaterThan(10);
    expect(refused).toEqual({ 'BUS_FULL, retryable': 180 - taken });
    expect([drained, takenAfter]).toEqual([taken, 30]);
    const bus = await openBus({ directory, partitionCount: 1 });
    const records = await drain(await bus.consumer());
    expect(records.map(({ offset, corrupt }) => [offset, corrupt])).toEqual(
      Array.from({ length: 30 }, (_, at) => [taken + at, undefined]),
    );
  });
});
