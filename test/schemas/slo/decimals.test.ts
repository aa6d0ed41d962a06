import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isExact, scaled, unscaled } from '../../../schemas/slo/decimals.js';
import { percentToPpm, shareToPpm } from '../../../schemas/slo/value-rules.js';

describe('parts per million', () => {
  test('are exact for every share from 0.000001 to 1', () => {
    let wrong = 0;
    for (let ppm = 1; ppm <= 1_000_000; ppm++) {
      const text = `${ppm === 1_000_000 ? 1 : 0}.${String(ppm % 1_000_000).padStart(6, '0')}`;
      if (shareToPpm(Number(text)) !== ppm) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test('are exact for every percentage from 0.0001 to 100', () => {
    let wrong = 0;
    for (let ppm = 1; ppm <= 1_000_000; ppm++) {
      const text = `${Math.floor(ppm / 10_000)}.${String(ppm % 10_000).padStart(4, '0')}`;
      if (percentToPpm(Number(text)) !== ppm) wrong++;
    }
    expect(wrong).toBe(0);
  });

  test.each([0, -0.5, 1.000001, 0.0000001, 0.99950001, 1e-7, 1e300, Number.MIN_VALUE])('%d is no share', share => {
    expect(shareToPpm(share)).toBeUndefined();
  });
});

describe('decimals', () => {
  test.each([
    ['0.9995', 0.9995, true],
    ['0.99950', 0.9995, true],
    ['+.5', 0.5, true],
    ['5e-1', 0.5, true],
    ['1e3', 1000, true],
    ['-0', -0, true],
    ['0x1F', 31, true],
    ['0.99999999999999999999', 1, false],
    ['9007199254740993', 9007199254740992, false],
    ['0.1000000000000000001', 0.1, false],
  ])('%s as %d: kept is %s', (written, value, isKept) => {
    expect(Number(written)).toBe(value);
    expect(isExact(value, written)).toBe(isKept);
  });

  test('scaled and back are the same, for any decimal of up to 15 digits', () => {
    const decimal = fc.tuple(fc.integer({ min: 0, max: 999_999_999 }), fc.integer({ min: 0, max: 999_999 }));
    fc.assert(
      fc.property(decimal, ([whole, fraction]) => {
        const text = `${whole}.${String(fraction).padStart(6, '0')}`;
        const found = scaled(Number(text), 6);
        expect(found).toBe(BigInt(whole) * 1_000_000n + BigInt(fraction));
        expect(Number(unscaled(found!, 6))).toBe(Number(text));
      }),
    );
  });
});
