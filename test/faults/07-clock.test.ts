/** Fault 7: the clock of the machine jumps an hour, forwards and backwards, under load. */
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../oracle/generate.js';
import { Clock } from './support/clock.js';
import { SEED } from './support/seeds.js';
import { Trial } from './support/trial.js';

const HOUR_MS = 3_600_000;

describe(`the clock jumps an hour (seed ${SEED})`, () => {
  test('forwards, backwards below where it was, and right again, with a restart in between', async () => {
    const clock = new Clock();
    const trial = await Trial.start(SEED, clock.options);
    const { system } = trial;
    const random = mulberry32(SEED ^ 0x165667b1);
    for (const offsetMs of [HOUR_MS, -HOUR_MS, HOUR_MS / 2, 0]) {
      const load = trial.load(50);
      await load.reached(Math.floor(random() * 15));
      clock.set(offsetMs);
      if (offsetMs === -HOUR_MS) {
        await system.kill('up');
        system.program('up').start();
      }
      await load.done;
      await system.ready();
      await trial.judge();
      const [{ skewed }] = await system.sql('SELECT max(received) > now() + INTERVAL 30 MINUTE AS skewed FROM spans');
      // Else the clock did not jump.
      expect(Number(skewed)).toBe(1);
    }
  });
});
