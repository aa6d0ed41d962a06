/** Fault 4: the store hangs, or takes what it is given and never says so. Receivers go on; the store is restarted or asked again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { mulberry32 } from '../oracle/generate.js';
import { ExternalStore } from './support/external-store.js';
import { SEED } from './support/seeds.js';
import { Trial } from './support/trial.js';

describe(`the store hangs (seed ${SEED})`, () => {
  test('stopped for good: receivers go on answering, and the engine is killed and started again', async () => {
    const trial = await Trial.start(SEED, { env: { THROUGHLINE_STORE_EMBEDDED_HANG_TIMEOUT: '2s' } });
    const { system } = trial;
    const load = trial.load(250, { pauseMs: 60 });
    await load.reached(10);
    const pid = system.enginePid()!;
    system.signal('engine', 'SIGSTOP');
    const acked = load.acked;
    await load.reached(acked + 10);
    // While it was stopped: it cannot have been started again so soon.
    expect(load.acked).toBeGreaterThanOrEqual(acked + 10);
    await system.until('another engine', async () => ![undefined, pid].includes(system.enginePid()), 60_000);
    await load.done;
    await trial.judge();
  });

  test('stopped for a moment: the same engine goes on', async () => {
    const trial = await Trial.start(SEED + 1, { env: { THROUGHLINE_STORE_EMBEDDED_HANG_TIMEOUT: '30s' } });
    const { system } = trial;
    const load = trial.load(100);
    await load.reached(10);
    const pid = system.enginePid();
    system.signal('engine', 'SIGSTOP');
    await sleep(3_000);
    system.signal('engine', 'SIGCONT');
    await load.done;
    await trial.judge();
    expect(system.enginePid()).toBe(pid);
  });
});

describe(`the network to the store (seed ${SEED})`, () => {
  test('swallows answers after commits, holds everything, cuts connections, delays: in turns, under load', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-faults-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
    const store = await ExternalStore.start(dataDir);
    onTestFinished(() => store.destroy());
    const trial = await Trial.start(SEED, { dataDir, env: store.env });
    const random = mulberry32(SEED ^ 0x27d4eb2f);
    // It has to last for all three turns, whatever the seed.
    const load = trial.load(800, { pauseMs: 200 });
    for (const mode of ['swallow', 'hold', 'cut'] as const) {
      await load.reached(load.acked + 5 + Math.floor(random() * 10));
      store.proxy.mode = mode;
      const acked = load.acked;
      // Longer than a try of the stitcher takes (3 s): what was swallowed is sent again.
      await sleep(3_500 + random() * 1_000);
      expect(load.acked, mode).toBeGreaterThan(acked);
      store.proxy.mode = 'pass';
      store.proxy.delayMs = Math.floor(random() * 30);
    }
    store.proxy.delayMs = 0;
    await load.done;
    await trial.judge();
    expect(store.proxy.swallowedBytes).toBeGreaterThan(0);
  });
});
