/** Fault 1: kill -9 at the named points: between any two writes that must not depend on each other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { CrashPoint } from '../../schemas/index.js';
import { mulberry32 } from '../oracle/generate.js';
import { CrashPoints } from './support/crash-points.js';
import { SEED } from './support/seeds.js';
import { type SystemTrial, Trial } from './support/trial.js';

const POINTS: readonly CrashPoint[] = [
  'after-append',
  'between-spans-and-arrivals',
  'before-commit',
  'after-commit',
  'before-revisions',
  'after-revisions',
  'within-rollup',
  'within-counting',
];

/** Sends until somebody has been killed at the point. */
async function loadUntilKilled(trial: SystemTrial, points: CrashPoints, point: CrashPoint, random: () => number) {
  const up = trial.system.program('up');
  let load = trial.load(40);
  let settled = false;
  await load.reached(Math.floor(random() * 8));
  points.arm(point, 1 + Math.floor(random() * 2));
  const deadline = performance.now() + 60_000;
  for (; up.isRunning; await sleep(20)) {
    expect(performance.now(), `${point} was not reached`).toBeLessThan(deadline);
    if (settled) load = trial.load(10);
    settled = await Promise.race([load.done.then(() => true), sleep(300).then(() => false)]);
  }
  expect([await up.exited, points.isArmed], point).toEqual([null, false]);
  return load;
}

describe(`kill -9 at a named point under load (seed ${SEED})`, () => {
  test(`${POINTS.join(', ')}, one after the other`, { timeout: 300_000 }, async () => {
    const points = new CrashPoints();
    const trial = await Trial.start(SEED, points.options);
    const random = mulberry32(SEED ^ 0x6d2b79f5);
    for (const point of POINTS) {
      const load = await loadUntilKilled(trial, points, point, random);
      trial.system.program('up').start();
      await load.done;
    }
    await trial.system.ready();
    await trial.judge();
  });

  test('is not to be had without the hook: a production start takes no notice of what arms it', async () => {
    const points = new CrashPoints();
    const trial = await Trial.start(SEED, { env: points.options.env });
    for (const point of ['after-append', 'before-commit'] as const) {
      points.arm(point);
      await trial.load(4).done;
    }
    await trial.judge();
    expect(points.isArmed).toBe(true);
    expect(trial.system.program('up').isRunning).toBe(true);
  });
});
