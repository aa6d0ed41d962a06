import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elapsedMinutes, inForceAt, windowAt, windowEndingAt } from '../../../../analytics/slo/math/index.js';
import type { CalendarUnit, SloWindow } from '../../../../schemas/index.js';
import { oracleWindow } from '../../../oracle/slo-calendar.js';

const minuteOf = (text: string): number => Date.parse(text) / 60_000;
const MONTHS: SloWindow = {
  kind: 'calendar',
  count: 1,
  unit: 'month',
  start: '2026-01-01T00:00:00',
  timeZone: 'America/New_York',
};

const ZONES = ['UTC', 'America/New_York', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Pacific/Apia'];
const calendar = fc.record({
  kind: fc.constant('calendar' as const),
  count: fc.integer({ min: 1, max: 5 }),
  unit: fc.constantFrom<CalendarUnit>('day', 'week', 'month', 'quarter', 'year'),
  start: fc
    .date({ min: new Date('2009-01-01T00:00:00Z'), max: new Date('2013-12-31T23:59:59Z'), noInvalidDate: true })
    .map(date => date.toISOString().slice(0, 19)),
  timeZone: fc.constantFrom(...ZONES),
});
const instant = fc.integer({ min: minuteOf('2010-01-01T00:00Z'), max: minuteOf('2013-01-01T00:00Z') });

describe('windows', () => {
  test('calendar windows are those of the oracle, whatever start, zone and instant', () => {
    fc.assert(
      fc.property(calendar, instant, (window, minute) => {
        const { fromMinute, toMinute } = windowAt(window, minute);
        expect([fromMinute * 60_000, toMinute * 60_000]).toEqual(oracleWindow(window, minute * 60_000));
        expect(fromMinute).toBeLessThanOrEqual(minute);
        expect(toMinute).toBeGreaterThan(minute);
      }),
      { numRuns: 200 },
    );
  });

  test('they follow each other without gap or overlap', () => {
    fc.assert(
      fc.property(calendar, instant, (window, minute) => {
        const span = windowAt(window, minute);
        expect(windowAt(window, span.toMinute).fromMinute).toBe(span.toMinute);
        expect(windowAt(window, span.fromMinute - 1).toMinute).toBe(span.fromMinute);
      }),
      { numRuns: 200 },
    );
  });

  test('the edge between two belongs to the later one, and to the earlier one as its end', () => {
    const edge = minuteOf('2026-02-01T00:00-05:00');
    expect(windowAt(MONTHS, edge)).toEqual({ fromMinute: edge, toMinute: minuteOf('2026-03-01T00:00-05:00') });
    expect(windowEndingAt(MONTHS, edge)).toEqual({ fromMinute: minuteOf('2026-01-01T00:00-05:00'), toMinute: edge });
    expect(windowEndingAt(MONTHS, edge + 1)).toEqual(windowAt(MONTHS, edge));
    expect(windowEndingAt({ kind: 'rolling', minutes: 60 }, edge)).toEqual({ fromMinute: edge - 60, toMinute: edge });
  });

  test('the elapsed part neither begins before the window nor ends after it', () => {
    const span = { fromMinute: 100, toMinute: 200 };
    expect([50, 100, 150, 200, 250].map(minute => elapsedMinutes(span, minute))).toEqual([0, 0, 50, 100, 100]);
  });

  test('an unknown zone is refused', () => {
    expect(() => windowAt({ ...MONTHS, timeZone: 'America/Gotham' } as SloWindow, 0)).toThrow(RangeError);
  });

  test('of versions the latest that has begun is in force, before all of them the first', () => {
    const versions = [{ fromMinute: 10 }, { fromMinute: 20 }];
    expect([5, 10, 19, 20].map(minute => inForceAt(versions, minute).fromMinute)).toEqual([10, 10, 10, 20]);
  });
});
