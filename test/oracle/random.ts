/** Seeded randomness for generators and simulations. */

/** mulberry32 (T. Ettinger, public domain): 32 bits of state, numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Draw {
  /** Both ends included. */
  integer(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** That many hex digits, never all zero. */
  hex(digits: number): string;
}

export function drawFrom(random: () => number): Draw {
  const integer = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  return {
    integer,
    chance: probability => random() < probability,
    pick: from => from[integer(0, from.length - 1)],
    hex: digits => Array.from({ length: digits }, (_, at) => integer(at === 0 ? 1 : 0, 15).toString(16)).join(''),
  };
}
