import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectReconciled, expectSameRollups, expectSameTraces } from '../pipe/compare.js';
import { seededRandom } from '../support/random.js';
import { Broker } from './support/broker.js';
import { Cluster, type Role } from './support/cluster.js';
import { recordedLoad, sendAll } from './support/load.js';

/** The issue asks for two minutes; by default shorter, so that the suite stays short. */
const OUTAGE_MS = Number(process.env.OUTAGE_SECONDS ?? 20) * 1_000;
const MEMORY_LIMIT = 700 << 20;

async function metric(role: Role, name: string): Promise<number> {
  const text = await (await fetch(`${role.metrics}/metrics`)).text();
  const lines = text.split('\n').filter(line => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe(`with the broker away for ${OUTAGE_MS / 1000} s`, () => {
  let broker: Broker;
  let cluster: Cluster;

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = await Cluster.start({ brokers: [broker.address], stitchers: 1, partitions: 4 });
  });

  afterAll(async () => {
    await cluster?.destroy();
    await broker?.destroy();
  });

  test('receivers say come again, in bounded memory, and recover by themselves', { timeout: 600_000 }, async () => {
    const { bodies, oracle } = recordedLoad(['trainticket'], seededRandom(1));
    const half = Math.floor(bodies.length / 2);
    await sendAll(cluster, bodies.slice(0, half));
    await broker.stop();
    const sending = sendAll(cluster, bodies.slice(half), { senders: 32 });
    const [{ role }] = cluster.receivers;
    let highest = 0;
    for (const end = performance.now() + OUTAGE_MS; performance.now() < end; ) {
      highest = Math.max(highest, await metric(role, 'process_resident_memory_bytes'));
      await sleep(1_000);
    }
    expect(role.isRunning).toBe(true);
    expect(highest).toBeLessThan(MEMORY_LIMIT);
    await broker.up();
    const { statuses, withoutRetryAfter } = await sending;
    expect(statuses.get(503)).toBeGreaterThan(0);
    expect(withoutRetryAfter).toBe(0);
    await cluster.settled(120_000);
    await expectReconciled(cluster);
    await expectSameTraces(cluster, oracle, { duplicates: false });
  });
});

describe(`with the store away for ${OUTAGE_MS / 1000} s`, () => {
  let broker: Broker;
  let cluster: Cluster;

  beforeAll(async () => {
    broker = await Broker.start();
    cluster = await Cluster.start({ brokers: [broker.address], stitchers: 2, partitions: 4 });
  });

  afterAll(async () => {
    await cluster?.destroy();
    await broker?.destroy();
  });

  test('receivers accept, lag is visible, and nothing is lost in catching up', { timeout: 600_000 }, async () => {
    const { bodies, oracle } = recordedLoad(['trainticket'], seededRandom(2));
    const half = Math.floor(bodies.length / 2);
    await sendAll(cluster, bodies.slice(0, half));
    await cluster.stopStore();
    // Spread over the outage.
    const pauseMs = (OUTAGE_MS * 8 * 0.8) / (bodies.length - half);
    const { statuses } = await sendAll(cluster, bodies.slice(half), { pauseMs });
    expect([...statuses.keys()]).toEqual([200]);
    let highest = 0;
    let lag = 0;
    for (const stitcher of cluster.stitchers) {
      lag = Math.max(lag, await metric(stitcher, 'throughline_log_lag_records'));
      highest = Math.max(highest, await metric(stitcher, 'process_resident_memory_bytes'));
      expect(stitcher.isRunning).toBe(true);
    }
    expect(lag).toBeGreaterThan(100);
    expect(highest).toBeLessThan(MEMORY_LIMIT);
    await cluster.startStore();
    await cluster.settled(180_000);
    await expectReconciled(cluster);
    await expectSameTraces(cluster, oracle, { duplicates: false });
    await expectSameRollups(cluster, oracle);
  });
});
