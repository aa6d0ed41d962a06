/** Exact fractions. Budgets are compared and summed as these; a double is made once, at the very end. */

export interface Fraction {
  readonly numerator: bigint;
  /** Above zero; the two may have common divisors. */
  readonly denominator: bigint;
}

export const ZERO: Fraction = { numerator: 0n, denominator: 1n };

export function fraction(numerator: number | bigint, denominator: number | bigint): Fraction {
  return { numerator: BigInt(numerator), denominator: BigInt(denominator) };
}

export function add(a: Fraction, b: Fraction): Fraction {
  if (a.denominator === b.denominator) {
    return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  }
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

export function subtract(a: Fraction, b: Fraction): Fraction {
  return add(a, { numerator: -b.numerator, denominator: b.denominator });
}

export function multiply(a: Fraction, b: Fraction): Fraction {
  return { numerator: a.numerator * b.numerator, denominator: a.denominator * b.denominator };
}

/** `b` must not be zero. */
export function divide(a: Fraction, b: Fraction): Fraction {
  const sign = b.numerator < 0n ? -1n : 1n;
  return { numerator: sign * a.numerator * b.denominator, denominator: sign * a.denominator * b.numerator };
}

/** Below, at or above zero: as `a` is below, at or above `b`. */
export function compare(a: Fraction, b: Fraction): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The smallest whole number that is not below it. */
export function ceiling({ numerator, denominator }: Fraction): bigint {
  const quotient = numerator / denominator;
  return quotient * denominator < numerator ? quotient + 1n : quotient;
}

const EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** The nearest double. Budgets are far from the ends of its range. */
export function toNumber({ numerator, denominator }: Fraction): number {
  const magnitude = numerator < 0n ? -numerator : numerator;
  // Both exact as doubles: then IEEE division rounds the true quotient, once.
  if (magnitude <= EXACT && denominator <= EXACT) return Number(numerator) / Number(denominator);
  const shift = BigInt(Math.max(0, bitLength(denominator) - bitLength(magnitude) + 66));
  const scaled = magnitude << shift;
  const quotient = scaled / denominator;
  // More than 60 bits; the last one says whether anything was cut, so that the rounding to 53 bits sees it.
  const sticky = quotient * denominator === scaled ? quotient : quotient | 1n;
  const value = Number(sticky) / 2 ** Number(shift);
  return numerator < 0n ? -value : value;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(16).length * 4;
}
