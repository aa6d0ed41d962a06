import { describe, expect, it } from 'vitest';
import type { LogRecord, PartitionState } from '../../bus/types.js';
import { drain, openBus, startProgram, temporaryDirectory, text } from './support.js';

/** The sequences of one writer in one partition, in order of offset. */
function sequences(records: readonly LogRecord[], writer: number, partition: number): number[] {
  return records
    .filter(record => record.partition === partition && text(record).startsWith(`${writer} `))
    .map(record => Number(text(record).trim().split(' ')[1]));
}

/** Of a writer, the highest sequence whose publish was acknowledged. */
function lastAcknowledged(lines: readonly string[], writer: number): number {
  const line = lines.findLast(text => text.startsWith(`published ${writer} `)) ?? '';
  return Number(line.split(' ')[2]);
}

const WRITERS = [0, 1, 2, 3];

function sum(states: readonly PartitionState[], field: 'appendedItems' | 'committedItems' | 'endOffset'): number {
  return states.reduce((total, state) => total + state[field], 0);
}

describe('a log whose process was killed', () => {
  it.each([50, 400, 1_500])('after %i acknowledgements has everything that was acknowledged', async acknowledged => {
    const directory = temporaryDirectory();
    const program = startProgram('busy-program', directory);
    await program.wrote(acknowledged);
    program.process.kill('SIGKILL');
    await program.ended;

    const bus = await openBus({ directory, partitionCount: 3, maxBytes: 256 << 20 });
    const { partitions, counters } = await bus.state();
    const records = await drain(await bus.consumer());

    for (const state of partitions) {
      const offsets = records.filter(({ partition }) => partition === state.partition).map(({ offset }) => offset);
      expect(offsets).toEqual(
        Array.from({ length: state.endOffset - state.committedOffset }, (_, at) => state.committedOffset + at),
      );
    }
    for (const line of program.lines.filter(line => line.startsWith('committed'))) {
      const [partition, offset] = line.split(' ').slice(1).map(Number);
      expect(partitions[partition].committedOffset).toBeGreaterThanOrEqual(offset);
    }
    for (const writer of WRITERS) {
      // Both partitions of a writer end with the same publish, acknowledged or not: all or nothing.
      const inPartitions = [writer % 3, (writer + 1) % 3].map(partition => sequences(records, writer, partition));
      for (const found of inPartitions.filter(({ length }) => length > 0)) {
        expect(found).toEqual(found.map((_, at) => found[0] + at));
        expect(found.at(-1)).toBeGreaterThanOrEqual(lastAcknowledged(program.lines, writer));
      }
      const ends = new Set(inPartitions.flatMap(found => found.slice(-1)));
      expect(ends.size).toBeLessThanOrEqual(1);
    }
    expect(counters.published).toBe(sum(partitions, 'appendedItems'));
    const published = program.lines.filter(line => line.startsWith('published'));
    expect(sum(partitions, 'endOffset')).toBeGreaterThanOrEqual(published.length * 2);
    expect(records.some(record => record.corrupt !== undefined)).toBe(false);
    const left = records.reduce((items, { itemCount }) => items + itemCount, 0);
    expect(sum(partitions, 'committedItems') + left).toBe(sum(partitions, 'appendedItems'));
  });

  it('goes on where it was: a second life appends behind the first', async () => {
    const directory = temporaryDirectory();
    for (let life = 1; life <= 3; life++) {
      const program = startProgram('busy-program', directory);
      await program.wrote(100);
      program.process.kill('SIGKILL');
      await program.ended;
    }
    const bus = await openBus({ directory, partitionCount: 3, maxBytes: 256 << 20 });
    const records = await drain(await bus.consumer());
    expect(records.some(record => record.corrupt !== undefined)).toBe(false);
    const { partitions, counters } = await bus.state();
    expect(counters.published).toBe(sum(partitions, 'appendedItems'));
    for (const { partition } of partitions) {
      const times = records.filter(record => record.partition === partition).map(record => record.appendTimeMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});

describe("the consumer's lock", () => {
  it('is refused while another process holds it and free once that was killed', async () => {
    const directory = temporaryDirectory();
    const holder = startProgram('lock-program', directory);
    await holder.wrote(1);
    const bus = await openBus({ directory, partitionCount: 1, maxBytes: 1 << 22 });
    await expect(bus.consumer()).rejects.toMatchObject({ code: 'BUS_CONFLICT', retryable: false });
    holder.process.kill('SIGKILL');
    await holder.ended;
    const consumer = await bus.consumer();
    expect(consumer.partitions).toEqual([0]);
  });
});
