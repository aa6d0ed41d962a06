/** Fault 1: kill -9 of any process at random moments under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../oracle/generate.js';
import { SEED } from './support/seeds.js';
import type { ProcessName, RoleName } from './support/system.js';
import { type SystemTrial, Trial } from './support/trial.js';

const ROLES = ['ingest', 'stitch', 'analytics'] as const;
const LONGEST_AWAY_MS = 1_500;

/** Kills at moments that the seed chooses, and starts again what has no parent to do so. */
async function killUnderLoad(trial: SystemTrial, victims: readonly ProcessName[], traces: number): Promise<void> {
  const random = mulberry32(trial.seed ^ 0x2545f491);
  const { system } = trial;
  const load = trial.load(traces);
  // A load of so many traces has about a batch for two of them.
  const moments = victims.map((_, at) => ((at + random()) / victims.length) * (traces / 2));
  for (const [at, victim] of victims.entries()) {
    await load.reached(Math.floor(moments[at]));
    await sleep(random() * 200);
    await system.kill(victim);
    await sleep(random() * LONGEST_AWAY_MS);
    if (victim !== 'engine') system.program(victim as RoleName).start();
  }
  await load.done;
  await system.ready();
  await trial.judge();
}

describe(`kill -9 at random moments under load (seed ${SEED})`, () => {
  test('of the one process, and of its engine, again and again', async () => {
    const trial = await Trial.start(SEED);
    await killUnderLoad(trial, ['up', 'engine', 'up', 'engine', 'up'], 250);
  });

  test('of each role that has a process of its own, and of the engine', async () => {
    const trial = await Trial.start(SEED + 1, { roles: ROLES });
    expect(trial.system.roles).toEqual(ROLES);
    await killUnderLoad(trial, ['stitch', 'ingest', 'engine', 'analytics', 'stitch', 'ingest'], 250);
  });
});
