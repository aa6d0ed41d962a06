/** Takes the consumer's lock, says so, and holds it until it is killed. */
import { writeSync } from 'node:fs';
import { openEmbeddedBus } from '../../bus/index.js';

const [directory] = process.argv.slice(2);
const bus = await openEmbeddedBus({ directory, partitionCount: 1, maxBytes: 1 << 22, clock: () => 1 });
const consumer = await bus.consumer();
writeSync(1, 'locked\n');
for (;;) await consumer.poll(1, 1_000);
