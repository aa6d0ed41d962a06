/**
 * Fault 1, many times: `npm run test:faults -- --kills 200`. Rounds of load into one system, and in each a kill -9 of
 * whichever process the seed says, at a moment that it says; after each round everything must hold.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { mulberry32 } from '../oracle/generate.js';
import { SEED } from './support/seeds.js';
import type { ProcessName, RoleName, SystemOptions } from './support/system.js';
import { type SystemTrial, Trial } from './support/trial.js';

const KILLS = Number(process.env.THROUGHLINE_FAULT_KILLS ?? 4);
/** Then a new system: the judge reads everything each time. */
const KILLS_PER_SYSTEM = 20;
const TRACES_PER_KILL = 30;
const LONGEST_AWAY_MS = 1_000;

/** By turns one process with its engine, and role by role. */
const SHAPES: readonly { readonly options: SystemOptions; readonly victims: readonly ProcessName[] }[] = [
  { options: {}, victims: ['up', 'engine'] },
  {
    options: { roles: ['ingest', 'stitch', 'analytics'] },
    victims: ['ingest', 'stitch', 'analytics', 'engine'],
  },
];

const killed = new Map<string, number>();

async function round(trial: SystemTrial, victims: readonly ProcessName[], random: () => number): Promise<void> {
  const { system } = trial;
  const load = trial.load(TRACES_PER_KILL);
  const victim = victims[Math.floor(random() * victims.length)];
  await load.reached(Math.floor((random() * TRACES_PER_KILL) / 3));
  await sleep(random() * 400);
  await system.kill(victim);
  killed.set(victim, (killed.get(victim) ?? 0) + 1);
  await sleep(random() * LONGEST_AWAY_MS);
  if (victim !== 'engine') system.program(victim as RoleName).start();
  await load.done;
  await system.ready();
  await trial.judge();
}

describe(`${KILLS} kills of any process under load (seed ${SEED})`, () => {
  const systems = Math.max(2, Math.ceil(KILLS / KILLS_PER_SYSTEM));
  for (let number = 0; number < systems; number++) {
    const { options, victims } = SHAPES[number % SHAPES.length];
    const kills = Math.floor(KILLS / systems) + Number(number < KILLS % systems);
    const name = `system ${number + 1} of ${systems}, ${kills} kills of ${victims.join(', ')}`;
    test(name, { timeout: 120_000 + kills * 120_000 }, async () => {
      const random = mulberry32((SEED ^ 0x9e3779b9) + number);
      const trial = await Trial.start(SEED * 100 + number, options);
      for (let kill = 0; kill < kills; kill++) await round(trial, victims, random);
    });
  }

  test('every kill was one', () => {
    expect([...killed.values()].reduce((sum, count) => sum + count, 0)).toBe(KILLS);
    console.log(`${KILLS} kills: ${[...killed].map(([victim, count]) => `${victim} ${count}`).join(', ')}`);
  });
});
