import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exactSum } from '../../../../analytics/slo/math/exact-sum.js';
import { ceiling, compare, fraction, toNumber, ZERO } from '../../../../analytics/slo/math/fraction.js';
import { nearestDouble, plus, type Ratio, ratio } from '../../../oracle/slo-fraction.js';

const big = fc.bigInt({ min: 1n, max: 1n << 200n });

describe('fractions', () => {
  test('the nearest double, however long numerator and denominator are', () => {
    fc.assert(
      fc.property(big, big, (numerator, denominator) => {
        expect(toNumber(fraction(numerator, denominator))).toBe(nearestDouble(ratio(numerator, denominator)));
        expect(toNumber(fraction(-numerator, denominator))).toBe(-nearestDouble(ratio(numerator, denominator)));
      }),
    );
  });

  test('halfway between two doubles it is the even one, just beyond it the next', () => {
    // 2^53 + 1 lies halfway between 2^53 and 2^53 + 2.
    const half = (1n << 53n) + 1n;
    expect(toNumber(fraction(half, 1n))).toBe(2 ** 53);
    expect(toNumber(fraction(half * (1n << 80n) + 1n, 1n << 80n))).toBe(2 ** 53 + 2);
    expect(toNumber(fraction(half * (1n << 80n) - 1n, 1n << 80n))).toBe(2 ** 53);
  });

  test('parts per million leave no dust', () => {
    expect(toNumber(fraction(3n * 3000n, 1_000_000n))).toBe(0.009);
    expect(toNumber(ZERO)).toBe(0);
  });

  test('ceiling of whole, positive and negative ones', () => {
    expect([fraction(4, 2), fraction(5, 2), fraction(-5, 2), fraction(0, 7)].map(ceiling)).toEqual([2n, 3n, -2n, 0n]);
  });

  test('a sum of many is that of the naive sum', () => {
    const term = fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 500 }));
    fc.assert(
      fc.property(fc.array(term, { maxLength: 60 }), terms => {
        const sum = exactSum(
          terms.map(([numerator]) => numerator),
          terms.map(([, denominator]) => denominator),
        );
        const naive = terms.reduce<Ratio>((total, [n, d]) => plus(total, ratio(n, d)), ratio(0));
        expect(compare(sum, fraction(naive[0], naive[1]))).toBe(0);
      }),
    );
  });
});
