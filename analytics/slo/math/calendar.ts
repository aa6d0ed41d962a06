/**
 * Calendar windows: each `count` units long, one after the other from a local start, in both directions.
 *
 * The n-th one starts at start + n × count units by the local calendar, reckoned from the start and not from the window
 * before: monthly windows from the 31st start on the last day of shorter months and on the 31st again after those. A
 * local time that a change of clocks skips is moved on by what was skipped; one that comes twice is the first of the two.
 */
import { Temporal } from 'temporal-polyfill';
import type { CalendarUnit, SloWindow } from '../../../schemas/index.js';

type CalendarWindow = Extract<SloWindow, { kind: 'calendar' }>;

const MS_PER_MINUTE = 60_000;

const UNIT: Readonly<Record<CalendarUnit, { name: 'days' | 'weeks' | 'months' | 'years'; times: number }>> = {
  day: { name: 'days', times: 1 },
  week: { name: 'weeks', times: 1 },
  month: { name: 'months', times: 1 },
  quarter: { name: 'months', times: 3 },
  year: { name: 'years', times: 1 },
};

/** Which of the windows `minute` lies in: 0 for the one that begins at the start, negative before it. */
export function calendarWindowIndex(window: CalendarWindow, minute: number): number {
  let index = estimateIndex(window, minute);
  while (calendarWindowStart(window, index) > minute) index--;
  while (calendarWindowStart(window, index + 1) <= minute) index++;
  return index;
}

/**
 * Minutes since the epoch. An edge with seconds (in the start, or in a zone's offset of former times) is rounded down:
 * counts are kept by the minute, and so each minute is in exactly one window.
 */
export function calendarWindowStart({ count, unit, start, timeZone }: CalendarWindow, index: number): number {
  const { name, times } = UNIT[unit];
  const local = Temporal.PlainDateTime.from(start).add({ [name]: index * count * times }, { overflow: 'constrain' });
  const { epochMilliseconds } = local.toZonedDateTime(timeZone, { disambiguation: 'compatible' });
  return Math.floor(epochMilliseconds / MS_PER_MINUTE);
}

/** Right to within a window or two; the caller corrects it. */
function estimateIndex({ count, unit, start, timeZone }: CalendarWindow, minute: number): number {
  const { name, times } = UNIT[unit];
  const local = Temporal.Instant.fromEpochMilliseconds(minute * MS_PER_MINUTE)
    .toZonedDateTimeISO(timeZone)
    .toPlainDateTime();
  const elapsed = Temporal.PlainDateTime.from(start).until(local, { largestUnit: name })[name];
  return Math.floor(elapsed / (count * times));
}
