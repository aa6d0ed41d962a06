/** Fault 5: Kafka is stopped under load, killed in the middle of a produce, and its consumer groups are rebalanced every few seconds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Broker } from '../kafka/support/broker.js';
import { Cluster } from '../kafka/support/cluster.js';
import { mulberry32 } from '../oracle/generate.js';
import { MemoryWatch } from './support/memory.js';
import { IS_LONG, SEED } from './support/seeds.js';
import { FAST } from './support/system.js';
import { Trial } from './support/trial.js';

const AWAY_MS = IS_LONG ? 180_000 : 4_000;
const REBALANCES = IS_LONG ? 60 : 2;
const { THROUGHLINE_BUS_PARTITIONS: _, THROUGHLINE_STORE_EMBEDDED_MAX_MEMORY: __, ...settings } = FAST;

describe(`a broker that goes and comes (seed ${SEED})`, () => {
  test('stopped, killed while it writes, and rebalanced, all under load', {
    timeout: 300_000 + 4 * AWAY_MS,
  }, async () => {
    const broker = await Broker.start();
    onTestFinished(() => broker.destroy());
    const cluster = await Cluster.start({ brokers: [broker.address], stitchers: 2, partitions: 4, settings });
    onTestFinished(() => cluster.destroy());
    const memory = new MemoryWatch(
      () => new Map(cluster.roles.map(({ name, pid }, at) => [`${name} ${at}`, pid] as const)),
    );
    onTestFinished(() => memory.stop());
    const trial = await Trial.of(SEED, {
      client: cluster,
      endpoints: cluster.receivers.map(({ otlpHttp }) => otlpHttp),
      peaks: () => memory.peaks(),
    });
    const random = mulberry32(SEED ^ 0x7f4a7c15);
    const load = trial.load(400, { pauseMs: IS_LONG ? 1_000 : 100 });

    await load.reached(10 + Math.floor(random() * 10));
    await broker.stop();
    await sleep(AWAY_MS);
    await broker.up();

    await load.reached(load.acked + 10 + Math.floor(random() * 10));
    // Four senders are in the middle of something at any moment.
    await broker.kill();
    await sleep(random() * 1_000);
    await broker.up();

    for (let rebalance = 0; rebalance < REBALANCES; rebalance++) {
      const third = await cluster.addStitcher();
      await cluster.until('a third stitcher', () => third.isReady(), 60_000);
      await sleep(1_000 + random() * 2_000);
      if (random() < 0.5) await third.kill();
      else expect(await third.stop()).toBe(0);
      cluster.stitchers.splice(cluster.stitchers.indexOf(third), 1);
    }
    await load.done;
    await cluster.ready();
    await trial.judge(180_000);
  });
});
