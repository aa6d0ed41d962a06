/**
 * Publishes, consumes and commits until it is killed. Writes a line for everything that was acknowledged:
 * `published <writer> <sequence>` and `committed <partition> <offset>`.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedBus } from '../../bus/index.js';

const WRITERS = 4;
const [directory] = process.argv.slice(2);

const bus = await openEmbeddedBus({
  directory,
  partitionCount: 3,
  maxBytes: 256 << 20,
  clock: () => Date.now(),
});

/** Two records in two partitions at a time; either both must survive or none. */
async function publish(writer: number): Promise<void> {
  for (let sequence = 0; ; sequence++) {
    const payload = Buffer.from(`${writer} ${sequence}`.padEnd(1 + ((sequence * 7919) % 20_000)));
    const records = [writer % 3, (writer + 1) % 3].map(partition => ({
      partition,
      tenant: 'default',
      itemCount: 1 + (sequence % 3),
      payload,
    }));
    await bus.publish(records, { published: records[0].itemCount * 2 });
    writeSync(1, `published ${writer} ${sequence}\n`);
  }
}

/** Commits half of what it reads, so that there is something left to find. */
async function consume(): Promise<void> {
  const consumer = await bus.consumer();
  for (;;) {
    const records = await consumer.poll(1 << 20, 100);
    const { partition, offset } = records[records.length >> 1] ?? {};
    if (partition === undefined || offset === undefined) continue;
    await consumer.commit([{ partition, offset, tallies: { commits: 1 } }]);
    writeSync(1, `committed ${partition} ${offset}\n`);
  }
}

await Promise.all([consume(), ...Array.from({ length: WRITERS }, (_, writer) => publish(writer))]);
