/** What we compress the broker and others can read, and what they compress so can we, or it is told. */
import * as zlib from 'node:zlib';
import { expect, it } from 'vitest';
import { type KafkaBusOptions, openKafkaBus } from '../../bus/index.js';
import { openBus, optionsFor, pointsAfter, record, take, text, withAdmin } from './support/bus.js';

const HAS_ZSTD = 'zstdCompress' in zlib;
const TEXTS = Array.from({ length: 40 }, (_, i) => `record ${i} `.repeat(1 + i * 150));

/** A topic on which the broker itself compresses, whatever it is sent. */
async function topicWith(compressionType: string): Promise<KafkaBusOptions> {
  const options = optionsFor();
  await withAdmin(admin =>
    admin.createTopics({
      topics: [
        {
          topic: options.topic,
          numPartitions: 2,
          configEntries: [
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
            { name: 'compression.type', value: compressionType },
          ],
        },
      ],
      waitForLeaders: true,
    }),
  );
  return options;
}

async function thereAndBack(options: KafkaBusOptions): Promise<string[]> {
  const bus = await openBus(options);
  const consumer = await bus.consumer();
  await Promise.all(TEXTS.map((content, i) => bus.publish([record(i % 2, content)])));
  const records = await take(consumer, TEXTS.length);
  await consumer.commit(pointsAfter(records));
  return records.map(text).sort();
}

it.each([
  ['lz4', 'producer'],
  ['lz4', 'gzip'],
  ['gzip', 'lz4'],
  ['none', 'lz4'],
] as const)('%s on a topic with compression.type=%s comes back as it was', async (compression, kept) => {
  const options = await topicWith(kept);
  expect(await thereAndBack({ ...options, compression })).toEqual([...TEXTS].sort());
});

it('zstd is used where Node has it, and refused at start where not', async () => {
  const options = optionsFor({ compression: 'zstd' });
  if (HAS_ZSTD) expect(await thereAndBack(options)).toEqual([...TEXTS].sort());
  else await expect(openKafkaBus(options)).rejects.toMatchObject({ code: 'BUS_REFUSED', message: /zstd.*22\.15/ });
});

it.each(HAS_ZSTD ? ['snappy'] : ['snappy', 'zstd'])(
  '%s of others, which cannot be read here, ends the bus with what to do',
  async kept => {
    const bus = await openBus(await topicWith(kept));
    await bus.consumer();
    await bus.publish([record(0, TEXTS[9])]);
    await expect(bus.failed).rejects.toMatchObject({
      code: 'BUS_CRASHED',
      retryable: false,
      message: expect.stringMatching(new RegExp(`compressed with ${kept}.*compression\\.type`)),
    });
  },
);
