/** Fault 6: ClickHouse is away. Receivers accept, the log grows, memory does not; it catches up, and nothing is lost. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ExternalStore } from './support/external-store.js';
import { IS_LONG, SEED } from './support/seeds.js';
import { Trial } from './support/trial.js';

const AWAY_MS = IS_LONG ? 600_000 : 15_000;
const TRACES = IS_LONG ? 6_000 : 800;

describe(`ClickHouse away for ${AWAY_MS / 1_000} s (seed ${SEED})`, () => {
  test('receivers accept everything, memory is bounded, and it catches up', {
    timeout: 300_000 + 3 * AWAY_MS,
  }, async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'throughline-faults-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
    const store = await ExternalStore.start(dataDir);
    onTestFinished(() => store.destroy());
    const trial = await Trial.start(SEED, { dataDir, env: store.env });
    const { system } = trial;
    // Nothing is refused: whatever is not acknowledged would end the generator.
    const load = trial.load(TRACES, { giveUp: 0, pauseMs: Math.floor((AWAY_MS * 4) / (TRACES / 2)) });
    await load.reached(20);
    await store.down();
    const [from, downAt] = [load.acked, performance.now()];
    await Promise.all([load.done, sleep(AWAY_MS)]);
    const [acked, awayS] = [load.acked - from, (performance.now() - downAt) / 1_000];
    expect(acked).toBeGreaterThan(20);
    expect(await refused(system.api)).toBe(0);
    await store.up();
    const backAt = performance.now();
    await trial.judge(120_000 + AWAY_MS);
    const tookS = (performance.now() - backAt) / 1_000;
    console.log(`store away for ${awayS.toFixed(0)} s, ${acked} requests: all settled ${tookS.toFixed(1)} s after`);
  });
});

async function refused(api: string): Promise<number> {
  const text = await (await fetch(`${api}/metrics`)).text();
  const counts = [...text.matchAll(/^throughline_ingest_requests_total\{[^}]*code="(?!200)\d+"[^}]*\} (\d+)$/gm)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}
