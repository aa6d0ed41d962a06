/**
 * Sums of many fractions. Added one by one their denominators multiply up to hundreds of thousands of bits; so terms are
 * gathered by denominator first and then added in pairs, which keeps the long numbers few.
 */
import { add, type Fraction, fraction, ZERO } from './fraction.js';

export function exactSum(numerators: ArrayLike<number>, denominators: ArrayLike<number>): Fraction {
  const byDenominator = new Map<number, number>();
  for (let index = 0; index < numerators.length; index++) {
    const denominator = denominators[index];
    byDenominator.set(denominator, (byDenominator.get(denominator) ?? 0) + numerators[index]);
  }
  let terms = [...byDenominator].map(([denominator, numerator]) => fraction(numerator, denominator));
  while (terms.length > 1) terms = addPairs(terms);
  return terms[0] ?? ZERO;
}

function addPairs(terms: readonly Fraction[]): Fraction[] {
  const sums: Fraction[] = [];
  for (let index = 0; index < terms.length; index += 2) {
    sums.push(index + 1 < terms.length ? add(terms[index], terms[index + 1]) : terms[index]);
  }
  return sums;
}
