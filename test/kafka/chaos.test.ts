import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectReconciled, expectSameLatency, expectSameRollups, expectSameTraces } from '../pipe/compare.js';
import { type Random, seededRandom } from '../support/random.js';
import { Broker } from './support/broker.js';
import { Cluster } from './support/cluster.js';
import { recordedLoad, sendAll } from './support/load.js';

const FILES = (process.env.CHAOS_FILES ?? 'trainticket,opentelemetry-demo').split(',');
const SEED = Number(process.env.CHAOS_SEED ?? 20_261_124);
const KILLS = Number(process.env.CHAOS_KILLS ?? 10);

describe(`every role and the broker killed under load, a stitcher joining and leaving (seed ${SEED})`, () => {
  let broker: Broker;
  let cluster: Cluster;

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = await Cluster.start({ brokers: [broker.address], ingests: 2, stitchers: 2, partitions: 8 });
  });

  afterAll(async () => {
    await cluster?.destroy();
    await broker?.destroy();
  });

  test('loses nothing acknowledged and counts nothing twice', { timeout: 900_000 }, async () => {
    const random = seededRandom(SEED);
    const { bodies, oracle } = recordedLoad(FILES, random);
    const events = new Set(
      Array.from({ length: KILLS }, (_, i) => Math.floor(((i + random()) / KILLS) * bodies.length)),
    );
    let disturbing: Promise<void> = Promise.resolve();
    const done: string[] = [];
    const delivery = await sendAll(cluster, bodies, {
      before: index => {
        if (!events.has(index)) return;
        // One after the other: a role that is killed is started again before the next thing happens.
        disturbing = disturbing.then(async () => {
          done.push(await disturb(cluster, broker, random, done.length));
        });
        // Awaited below.
        disturbing.catch(() => {});
      },
    });
    await disturbing;
    expect(done).toHaveLength(events.size);
    expect(delivery.withoutRetryAfter).toBe(0);
    await cluster.ready();
    await cluster.settled(300_000);
    await expectReconciled(cluster);
    await expectSameTraces(cluster, oracle, { duplicates: false });
    await expectSameRollups(cluster, oracle);
    await expectSameLatency(cluster, oracle, 'New York');
  });
});

/** Each kind of thing in turn, so that every run has them all; which role of a kind is by chance. */
async function disturb(cluster: Cluster, broker: Broker, random: Random, turn: number): Promise<string> {
  const kinds = ['stitcher', 'broker', 'receiver', 'rebalance', 'analytics'] as const;
  const kind = kinds[turn % kinds.length];
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)];
  if (kind === 'broker') {
    await broker.kill();
    await sleep(random() * 2_000);
    await broker.up();
  } else if (kind === 'rebalance') {
    const third = await cluster.addStitcher();
    await cluster.until('a third stitcher', () => third.isReady(), 60_000);
    await sleep(random() * 5_000);
    expect(await third.stop()).toBe(0);
    cluster.stitchers.splice(cluster.stitchers.indexOf(third), 1);
  } else {
    const role = {
      stitcher: pick(cluster.stitchers),
      receiver: pick(cluster.receivers).role,
      analytics: cluster.analytics,
    }[kind];
    await role.kill();
    await sleep(random() * 1_000);
    role.start();
  }
  return kind;
}
