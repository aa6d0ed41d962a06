import { expect, test } from 'vitest';
import { SteadyClock } from '../../cli/steady-clock.js';

function clockOf() {
  const world = { wall: 1_000_000, ticks: 0 };
  const clock = new SteadyClock(
    () => world.wall,
    () => world.ticks,
  );
  const pass = (ms: number) => {
    world.wall += ms;
    world.ticks += ms;
    return clock.now();
  };
  return { world, clock, pass };
}

test('while the machine is right its time is told as it is, also after a jump forwards', () => {
  const { world, pass } = clockOf();
  expect([pass(10), pass(0), pass(5)]).toEqual([1_000_010, 1_000_010, 1_000_015]);
  world.wall += 3_600_000;
  expect(pass(1)).toBe(4_600_016);
});

test('after a jump backwards it goes on at half the pace, until the machine has caught up', () => {
  const { world, pass } = clockOf();
  expect(pass(0)).toBe(1_000_000);
  world.wall -= 1_000;
  expect([pass(0), pass(1), pass(1), pass(998)]).toEqual([1_000_000, 1_000_000, 1_000_001, 1_000_500]);
  // Twice the jump later both agree again.
  expect(pass(1_000)).toBe(1_001_000);
  expect([world.wall, pass(7)]).toEqual([1_001_000, 1_001_007]);
});

test('what the log was told by an earlier process is not gone back behind', () => {
  const { clock, pass } = clockOf();
  clock.atLeast(1_500_000);
  expect([pass(0), pass(2)]).toEqual([1_500_000, 1_500_001]);
});
