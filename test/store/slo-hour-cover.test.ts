/** Which minutes of a question are read as hours. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MinuteSpan } from '../../store/queries/slo/counts.js';
import { coverByHours, holdsWholeHours } from '../../store/queries/slo/hour-cover.js';

const DAY = 1_440;

test('hours stand for what they hold whole; where one begins or ends within, its minutes are read', () => {
  const cover = coverByHours([{ fromMinute: 30, toMinute: 3 * DAY + 30 }], [], []);

  expect(cover.hours).toEqual([{ fromMinute: 60, toMinute: 3 * DAY }]);
  expect(cover.minutes).toEqual([
    { fromMinute: 30, toMinute: 60 },
    { fromMinute: 3 * DAY, toMinute: 3 * DAY + 30 },
  ]);
});

test('an hour that an edge cuts, or that is not summed yet, is read by its minutes; an edge between two cuts none', () => {
  const cover = coverByHours([{ fromMinute: 0, toMinute: 3 * DAY }], [DAY + 1, 2 * DAY], [2 * DAY + 600]);

  expect(cover.minutes).toEqual([
    { fromMinute: DAY, toMinute: DAY + 60 },
    { fromMinute: 2 * DAY + 600, toMinute: 2 * DAY + 660 },
  ]);
});

test('few hours between minutes are read with them', () => {
  const edges = [DAY + 1, DAY + 361, DAY + 361 + 420];
  const { minutes } = coverByHours([{ fromMinute: 0, toMinute: 3 * DAY }], edges, []);

  expect(minutes).toEqual([
    { fromMinute: DAY, toMinute: DAY + 420 },
    { fromMinute: DAY + 780, toMinute: DAY + 840 },
  ]);
});

test('where too much alternates all is read by minutes', () => {
  const spans = [{ fromMinute: 0, toMinute: 400 * DAY }];
  const edges = Array.from({ length: 300 }, (_, day) => day * DAY + 1);

  expect(coverByHours(spans, edges, [])).toEqual({ hours: [], minutes: spans });
});

test('every minute is read once, and none as part of an hour that may not stand for it', () => {
  const minute = fc.integer({ min: 0, max: 20 * DAY });
  const arbitrary = fc.record({
    cuts: fc.uniqueArray(minute, { minLength: 2, maxLength: 6 }),
    edges: fc.array(minute, { maxLength: 12 }),
    unsummed: fc.array(fc.integer({ min: 0, max: 480 }), { maxLength: 12 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ cuts, edges, unsummed }) => {
      const sorted = cuts.sort((a, b) => a - b);
      const spans: MinuteSpan[] = [];
      for (let at = 0; at + 1 < sorted.length; at += 2) {
        spans.push({ fromMinute: sorted[at], toMinute: sorted[at + 1] });
      }
      const { hours, minutes } = coverByHours(
        spans,
        edges,
        unsummed.map(hour => hour * 60),
      );
      expect(minutesOf([...hours, ...minutes])).toEqual(minutesOf(spans));
      for (const { fromMinute, toMinute } of hours) {
        expect([fromMinute % 60, toMinute % 60]).toEqual([0, 0]);
        expect(edges.some(edge => edge % 60 !== 0 && edge > fromMinute && edge < toMinute)).toBe(false);
        expect(unsummed.some(hour => hour * 60 >= fromMinute && hour * 60 < toMinute)).toBe(false);
      }
      if (hours.length > 0) expect(holdsWholeHours(spans)).toBe(true);
    }),
  );
});

function minutesOf(spans: readonly MinuteSpan[]): number[] {
  const minutes: number[] = [];
  for (const { fromMinute, toMinute } of spans) {
    for (let minute = fromMinute; minute < toMinute; minute++) minutes.push(minute);
  }
  return minutes.sort((a, b) => a - b);
}
