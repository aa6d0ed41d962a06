import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Bus, type BusConsumer, openEmbeddedBus } from '../../bus/index.js';
import { temporaryDirectory, text } from './support.js';

interface ModelRecord {
  readonly text: string;
  readonly itemCount: number;
  readonly appendTimeMs: number;
}

/** The log as one would write it down: arrays that are never trimmed. */
class Model {
  readonly partitions = new Map<number, { records: ModelRecord[]; committed: number; polled: number }>();
  readonly counters: Record<string, number> = {};
  readonly deadLetters: string[] = [];

  open(partitionCount: number): void {
    for (let at = 0; at < partitionCount; at++) this.of(at);
    for (const partition of this.partitions.values()) partition.polled = partition.committed;
  }

  of(partition: number) {
    const known = this.partitions.get(partition) ?? { records: [], committed: 0, polled: 0 };
    this.partitions.set(partition, known);
    return known;
  }

  tally(name: string, amount: number): void {
    this.counters[name] = (this.counters[name] ?? 0) + amount;
  }

  state() {
    const partitions = [...this.partitions].sort(([a], [b]) => a - b);
    return partitions.map(([partition, { records, committed }]) => ({
      partition,
      endOffset: records.length,
      committedOffset: committed,
      lastAppendTimeMs: records.at(-1)?.appendTimeMs ?? 0,
      appendedItems: itemsOf(records),
      committedItems: itemsOf(records.slice(0, committed)),
    }));
  }
}

function itemsOf(records: readonly ModelRecord[]): number {
  return records.reduce((items, { itemCount }) => items + itemCount, 0);
}

type Step =
  | { readonly step: 'publish'; readonly sizes: readonly number[]; readonly clockMs: number }
  | { readonly step: 'poll'; readonly maxBytes: number }
  | { readonly step: 'commit'; readonly share: number; readonly withDeadLetter: boolean }
  | { readonly step: 'reopen'; readonly partitionCount: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant('publish' as const),
      sizes: fc.array(fc.oneof(fc.nat(60), fc.integer({ min: 1_900, max: 9_000 })), { maxLength: 6 }),
      clockMs: fc.integer({ min: 1, max: 1_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ step: fc.constant('poll' as const), maxBytes: fc.integer({ min: 1, max: 20_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      step: fc.constant('commit' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      withDeadLetter: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ step: fc.constant('reopen' as const), partitionCount: fc.integer({ min: 1, max: 4 }) }),
  },
);

/** The real log and the model, taking the same steps. */
class Pair {
  readonly model = new Model();
  readonly directory = temporaryDirectory();
  clockMs = 1;
  published = 0;
  bus!: Bus;
  consumer!: BusConsumer;

  async open(partitionCount: number): Promise<void> {
    await this.bus?.close();
    const { directory } = this;
    this.bus = await openEmbeddedBus({ directory, partitionCount, maxBytes: 64 << 20, clock: () => this.clockMs });
    this.consumer = await this.bus.consumer();
    this.model.open(partitionCount);
  }

  async take(next: Step): Promise<void> {
    switch (next.step) {
      case 'publish':
        return this.publish(next.sizes, next.clockMs);
      case 'poll':
        return this.poll(next.maxBytes);
      case 'commit':
        return this.commit(next.share, next.withDeadLetter);
      case 'reopen':
        return this.open(next.partitionCount);
    }
  }

  /** One call per step, each record of a publish in the next partition. */
  async publish(sizes: readonly number[], clockMs: number): Promise<void> {
    this.clockMs = clockMs;
    const records = sizes.map((size, at) => ({
      partition: (this.published + at) % this.bus.partitionCount,
      tenant: 'default',
      itemCount: size % 5,
      payload: Buffer.from(`${this.published + at} `.padEnd(size, '.')),
    }));
    this.published += sizes.length;
    await this.bus.publish(records, { published: records.length });
    for (const { partition, itemCount, payload } of records) {
      const known = this.model.of(partition).records;
      const appendTimeMs = Math.max(clockMs, known.at(-1)?.appendTimeMs ?? 0);
      known.push({ text: payload.toString(), itemCount, appendTimeMs });
    }
    this.model.tally('published', records.length);
  }

  async poll(maxBytes: number): Promise<void> {
    const records = await this.consumer.poll(maxBytes, 0);
    for (const found of records) {
      const partition = this.model.of(found.partition);
      expect(found.offset).toBe(partition.polled);
      const expected = partition.records[partition.polled++];
      const { itemCount, appendTimeMs, corrupt } = found;
      expect({ text: text(found), itemCount, appendTimeMs, corrupt }).toEqual({ ...expected, corrupt: undefined });
    }
    const bytes = records.reduce((sum, { payload }) => sum + payload.length, 0);
    if (records.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
    const isAllRead = [...this.model.partitions.values()].every(({ records, polled }) => polled === records.length);
    if (records.length === 0) expect(isAllRead).toBe(true);
  }

  async commit(share: number, withDeadLetter: boolean): Promise<void> {
    const points = [...this.model.partitions].map(([partition, { committed, polled }]) => ({
      partition,
      offset: committed + Math.floor((polled - committed) * share),
      tallies: { commits: 1 },
    }));
    const moved = points.filter(({ partition, offset }) => offset > this.model.of(partition).committed);
    const letters = withDeadLetter ? moved.slice(0, 1) : [];
    const deadLetters = letters.map(({ partition, offset }) => ({
      partition,
      offset: offset - 1,
      appendTimeMs: 0,
      tenant: 'default',
      itemCount: 1,
      reason: `step of ${partition}/${offset - 1}`,
      payload: new Uint8Array(0),
    }));
    await this.consumer.commit(points, deadLetters);
    if (moved.length > 0) this.model.tally('commits', moved.length);
    for (const letter of deadLetters) this.model.deadLetters.unshift(letter.reason);
    for (const { partition, offset } of moved) this.model.of(partition).committed = offset;
  }

  async compare(): Promise<void> {
    const state = await this.bus.state();
    const withoutStart = state.partitions.map(({ startOffset, ...rest }) => {
      expect(startOffset).toBe(rest.committedOffset);
      return rest;
    });
    expect(withoutStart).toEqual(this.model.state());
    expect(state.counters).toEqual(this.model.counters);
    expect((await this.bus.deadLetters(1_000)).map(({ reason }) => reason)).toEqual(this.model.deadLetters);
  }
}

it('does what a naive log does, whatever is published, polled, committed and reopened', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
      const pair = new Pair();
      await pair.open(2);
      try {
        for (const next of steps) {
          await pair.take(next);
          await pair.compare();
        }
      } finally {
        await pair.bus.close();
      }
    }),
    { numRuns: 60 },
  );
});
