import { expect, it } from 'vitest';
import { openBus, optionsFor, record, withAdmin } from './support/bus.js';

const SOON = { deliveryTimeoutMs: 3_000 };

it('to a topic that was deleted is refused, saying so', { timeout: 60_000 }, async () => {
  const options = optionsFor(SOON);
  const bus = await openBus(options);
  await bus.publish([record(0, 'a')]);
  await withAdmin(admin => admin.deleteTopics({ topics: [options.topic] }));
  await expect(bus.publish([record(0, 'b')])).rejects.toMatchObject({
    code: 'BUS_UNAVAILABLE',
    message: expect.stringMatching(new RegExp(`topic ${options.topic}.* does not exist`)),
  });
});

it('larger than the topic takes, whose limit was lowered since, is refused for good; smaller ones beside it are taken', async () => {
  const options = optionsFor({ maxRecordBytes: 500_000, partitionCount: 1 });
  const bus = await openBus(options);
  await withAdmin(admin =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: 2,
          name: options.topic,
          configEntries: [
            { name: 'max.message.bytes', value: '50000' },
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
          ],
        },
      ],
    }),
  );
  const results = await Promise.allSettled(
    [10, 100_000, 20, 30].map(bytes => bus.publish([record(0, 'x'.repeat(bytes))])),
  );
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(results[1]).toMatchObject({ reason: { code: 'BUS_FULL', retryable: false } });
  expect((await bus.offsets())[0].endOffset).toBe(3);
});
