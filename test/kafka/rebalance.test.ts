/** Consumers that join and leave under load, against what their owner may assume (bus/kafka/consumer.ts). */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Bus, BusConsumer, KafkaBusOptions, LogRecord } from '../../bus/index.js';
import { openBus, optionsFor, pointsAfter, record, text } from './support/bus.js';

const PARTITIONS = 6;

/** Polls and commits as a stitcher does, and checks what it is told. */
class Worker {
  readonly seen: LogRecord[] = [];
  /** Next offset by partition it owns. */
  readonly #next = new Map<number, number>();
  readonly #consumer: BusConsumer;
  readonly #commitEvery: number;
  #uncommitted: LogRecord[] = [];
  #isStopping = false;
  readonly #done: Promise<void>;

  static async start(bus: Bus, commitEvery: number): Promise<Worker> {
    return new Worker(await bus.consumer(), commitEvery);
  }

  constructor(consumer: BusConsumer, commitEvery: number) {
    this.#consumer = consumer;
    this.#commitEvery = commitEvery;
    this.#done = this.#run();
    this.#done.catch(() => {});
  }

  get partitions(): readonly number[] {
    return this.#consumer.partitions;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#done;
    await this.#consumer.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const records = await this.#consumer.poll(10_000, 50);
      const revoked = this.#consumer.takeRevoked();
      for (const partition of revoked) this.#next.delete(partition);
      this.#uncommitted = this.#uncommitted.filter(({ partition }) => !revoked.includes(partition));
      for (const found of records) {
        const next = this.#next.get(found.partition);
        // In one ownership each record comes once, and none is left out.
        if (next !== undefined) expect([found.partition, found.offset]).toEqual([found.partition, next]);
        this.#next.set(found.partition, found.offset + 1);
        this.seen.push(found);
        this.#uncommitted.push(found);
      }
      if (this.#uncommitted.length < this.#commitEvery && records.length > 0) continue;
      await this.#consumer.commit(
        pointsAfter(this.#uncommitted).map(point => ({ ...point, tallies: { below: point.offset % 7 } })),
      );
      this.#uncommitted = [];
    }
  }
}

/** Publishes numbered records until told to stop. */
async function publishUntil(bus: Bus, isOver: () => boolean): Promise<string[]> {
  const published: string[] = [];
  for (let n = 0; !isOver(); n++) {
    const records = [record(n % PARTITIONS, `${n}a`, 2), record((n * 5 + 1) % PARTITIONS, `${n}b`, 1)];
    await bus.publish(records, n % 10 === 0 ? { 'rejected.some': 1 } : {});
    published.push(`${n}a`, `${n}b`);
    await sleep(1);
  }
  return published;
}

async function settle(bus: Bus, workers: readonly Worker[]): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const open = (await bus.offsets()).filter(({ committedOffset, endOffset }) => committedOffset < endOffset);
    if (open.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`not committed: ${JSON.stringify(open)} ${JSON.stringify(workers.map(w => w.partitions))}`);
    }
    await sleep(100);
  }
}

it('two and three consumers, joining and leaving under load, see every record and count each once', {
  timeout: 240_000,
}, async () => {
  const options: KafkaBusOptions = optionsFor({ partitionCount: PARTITIONS });
  const bus = await openBus(options);
  let isOver = false;
  const publishing = publishUntil(bus, () => isOver);
  const workers = [await Worker.start(bus, 20)];
  const retired: Worker[] = [];
  const join = async () => {
    workers.push(await Worker.start(await openBus(options), 5 + 10 * workers.length));
  };
  await sleep(1_000);
  await join();
  await sleep(1_500);
  await join();
  await sleep(1_500);
  for (let round = 0; round < 2; round++) {
    const [leaving] = workers.splice(round, 1);
    await leaving.stop();
    retired.push(leaving);
    await sleep(1_000);
    await join();
    await sleep(1_500);
  }
  isOver = true;
  const published = await publishing;
  await settle(bus, workers);
  const owned = workers.flatMap(worker => worker.partitions);
  expect([...owned].sort()).toEqual([0, 1, 2, 3, 4, 5]);

  const seen = new Set([...workers, ...retired].flatMap(worker => worker.seen.map(text)));
  expect(published.filter(name => !seen.has(name))).toEqual([]);
  const state = await bus.state();
  const items = published.reduce((sum, name) => sum + (name.endsWith('a') ? 2 : 1), 0);
  expect(state.partitions.reduce((sum, { committedItems }) => sum + committedItems, 0)).toBe(items);
  expect(state.counters['rejected.some']).toBe(Math.ceil(published.length / 20));
  for (const worker of workers) await worker.stop();
});
