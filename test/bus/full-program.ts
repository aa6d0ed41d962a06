/** Publishes until the disk refuses (the caller limits the size of files), drains the log, and publishes again. */
import { writeSync } from 'node:fs';
import { BusError, openEmbeddedBus } from '../../bus/index.js';

export interface FullOutcome {
  readonly taken: number;
  /** "code, retryable" → count. */
  readonly refused: Readonly<Record<string, number>>;
  readonly drained: number;
  readonly takenAfter: number;
}

const [directory] = process.argv.slice(2);
const bus = await openEmbeddedBus({
  directory,
  partitionCount: 1,
  maxBytes: 64 << 20,
  clock: () => 1,
  diskReserveBytes: 0,
});
const refused: Record<string, number> = {};

async function tryPublish(): Promise<number> {
  try {
    await bus.publish([{ partition: 0, tenant: 'default', itemCount: 1, payload: Buffer.alloc(100_000) }]);
    return 1;
  } catch (error) {
    const name =
      error instanceof BusError ? `${error.code}, ${error.retryable ? 'retryable' : 'final'}` : String(error);
    refused[name] = (refused[name] ?? 0) + 1;
    return 0;
  }
}

/** Three at a time: what fails in a group must not fail its neighbours for good. */
async function publish(rounds: number): Promise<number> {
  let taken = 0;
  for (let round = 0; round < rounds; round++) {
    for (const one of await Promise.all([tryPublish(), tryPublish(), tryPublish()])) taken += one;
  }
  return taken;
}

async function drain(): Promise<number> {
  const consumer = await bus.consumer();
  for (let count = 0; ; ) {
    const records = await consumer.poll(1 << 20, 0);
    const last = records.at(-1);
    if (last === undefined) return count;
    await consumer.commit([{ partition: last.partition, offset: last.offset + 1 }]);
    count += records.length;
  }
}

const taken = await publish(60);
const drained = await drain();
const outcome: FullOutcome = { taken, refused: { ...refused }, drained, takenAfter: await publish(10) };
await bus.close();
writeSync(1, `${JSON.stringify(outcome)}\n`);
