import { describe, expect, test } from 'vitest';
import { CountSeries, type MinuteCounts, mergeCounts, NO_COUNTS } from '../../../../analytics/slo/math/index.js';

const cell = (minute: number, good: number, bad = 0, unknown = 0): MinuteCounts => ({
  minute,
  total: good + bad + unknown,
  good,
  bad,
  unknown,
});

describe('count series', () => {
  const series = new CountSeries([cell(10, 1, 2, 3), cell(12, 10), cell(13, 100, 0, 5)]);

  test('sums include the first minute and exclude the last', () => {
    expect(series.sum(10, 13)).toEqual({ total: 16, good: 11, bad: 2, unknown: 3 });
    expect(series.sum(11, 12)).toEqual(NO_COUNTS);
    expect(series.sum(12, 14)).toEqual({ total: 115, good: 110, bad: 0, unknown: 5 });
    expect(series.sum(0, 100).total).toBe(121);
    expect(series.sum(14, 3)).toEqual(NO_COUNTS);
  });

  test('minutes that do not ascend are refused', () => {
    expect(() => new CountSeries([cell(2, 1), cell(2, 1)])).toThrow('minute 2 comes after minute 2');
    expect(() => new CountSeries([cell(2, 1), cell(1, 1)])).toThrow(RangeError);
  });

  test('sums near 2^53 are exact', () => {
    const large = 2 ** 52 - 1;
    expect(new CountSeries([cell(1, large), cell(2, 1), cell(3, large)]).sum(1, 4).good).toBe(2 ** 53 - 1);
  });

  test('groups merge minute by minute', () => {
    expect(
      mergeCounts([
        [cell(2, 1), cell(3, 1, 1)],
        [cell(1, 0, 0, 4), cell(3, 5)],
      ]),
    ).toEqual([cell(1, 0, 0, 4), cell(2, 1), cell(3, 6, 1)]);
  });
});
