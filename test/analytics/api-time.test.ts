import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatInstant, formatShortInstant, parseDuration, parseInstant } from '../../schemas/index.js';

const SECOND = 1_000_000_000n;

describe('instants', () => {
  test.each<[text: string, ns: bigint]>([
    ['2026-11-24T10:00:00Z', 1_795_514_400n * SECOND],
    ['2026-11-24t10:00:00z', 1_795_514_400n * SECOND],
    ['2026-11-24 12:00:00+02:00', 1_795_514_400n * SECOND],
    ['2026-11-24T10:00:00.123456789Z', 1_795_514_400n * SECOND + 123_456_789n],
    ['2024-02-29T00:00:00Z', 1_709_164_800n * SECOND],
    ['1795514400', 1_795_514_400n * SECOND],
    ['1795514400.5', 1_795_514_400n * SECOND + SECOND / 2n],
    ['1795514400123', 1_795_514_400_123n * 1_000_000n],
    ['1795514400123456', 1_795_514_400_123_456n * 1_000n],
    ['1795514400123456789', 1_795_514_400_123_456_789n],
    ['1970-01-01T00:00:00Z', 0n],
    ['9223372036854775807', 9_223_372_036_854_775_807n],
  ])('%s', (text, ns) => {
    expect(parseInstant(text)).toBe(ns);
  });

  test.each([
    '',
    'now',
    '2026-11-24',
    '2026-11-24T10:00:00',
    '2026-13-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-01T25:00:00Z',
    '1969-12-31T23:59:59Z',
    '2263-01-01T00:00:00Z',
    '-5',
    '1e9',
    '9223372036854775808',
    '2026-11-24T10:00:00.1234567890Z',
  ])('%s is none', text => {
    expect(parseInstant(text)).toBeUndefined();
  });

  test('what is written is read back, to the nanosecond, and sorts as times do', () => {
    const instant = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        expect(parseInstant(formatInstant(a))).toBe(a);
        expect(parseInstant(formatShortInstant(a))).toBe(a);
        expect(formatInstant(a) < formatInstant(b)).toBe(a < b);
      }),
    );
  });
});

describe('durations', () => {
  test.each<[text: string, ns: bigint]>([
    ['1ns', 1n],
    ['2us', 2_000n],
    ['2µs', 2_000n],
    ['250ms', 250_000_000n],
    ['1.5s', 1_500_000_000n],
    ['5m', 300n * SECOND],
    ['1h30m', 5_400n * SECOND],
    ['7d', 604_800n * SECOND],
    ['0s', 0n],
  ])('%s', (text, ns) => {
    expect(parseDuration(text)).toBe(ns);
  });

  test.each(['', '5', 's', '-1s', '1 s', '1S', '1w', '1s!', '1..5s', '99999999999d'])('%s is none', text => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
