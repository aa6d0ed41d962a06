/** The time an SLO is reckoned over. */
import { localTime } from './calendar-rules.js';
import type { CalendarUnit, SloWindow } from './definition.js';
import type { TimeWindow } from './documents.js';
import { inside, type Located, type Place, type Report } from './report.js';
import { CALENDAR_UNITS, minutesOf, parseShorthand, type Shorthand } from './shorthand.js';

const DAY = 1_440;
export const MIN_WINDOW_MINUTES = 60;
export const MAX_WINDOW_MINUTES = 400 * DAY;

/** Where the document says nothing. */
export const DEFAULT_WINDOW: SloWindow = { kind: 'rolling', minutes: 30 * DAY };

/** Counts are kept for 400 days (`store.clickhouse.retention.rollups`). */
const MOST_UNITS: Readonly<Record<CalendarUnit, number>> = { day: 400, week: 57, month: 13, quarter: 4, year: 1 };
const NOMINAL_MINUTES: Readonly<Record<CalendarUnit, number>> = {
  day: DAY,
  week: 7 * DAY,
  month: 30 * DAY,
  quarter: 90 * DAY,
  year: 365 * DAY,
};

/** How long a window is, with months of 30 days, quarters of 90 and years of 365. */
export function nominalMinutes(window: SloWindow): number {
  return window.kind === 'rolling' ? window.minutes : window.count * NOMINAL_MINUTES[window.unit];
}

/** null: it has been reported why not. */
export function resolveWindow(windows: Located<readonly TimeWindow[] | undefined>, report: Report): SloWindow | null {
  if (windows.value === undefined) return DEFAULT_WINDOW;
  const [window] = windows.value;
  const duration = parseShorthand(window.duration);
  if (duration === undefined) return null;
  const at = inside(windows.place, 0, 'duration');
  return window.calendar === undefined
    ? rollingWindow(duration, at, report)
    : calendarWindow(duration, window.calendar, at, report);
}

function rollingWindow(duration: Shorthand, at: Place, report: Report): SloWindow | null {
  const minutes = minutesOf(duration);
  if (minutes >= MIN_WINDOW_MINUTES && minutes <= MAX_WINDOW_MINUTES) return { kind: 'rolling', minutes };
  report.add(
    'problem',
    at,
    `give a rolling window from 1h to 400d, such as 28d${monthsMeant(duration)}`,
    shorthandOf(duration),
  );
  return null;
}

const shorthandOf = ({ count, unit }: Shorthand): string => `${count}${unit}`;

/** `1m` is a minute; examples of OpenSLO's own take it for a month. */
function monthsMeant({ count, unit }: Shorthand): string {
  return unit === 'm' && count <= 12 ? `; m is minutes: if months are meant, give ${count}M` : '';
}

function calendarWindow(
  duration: Shorthand,
  { startTime, timeZone }: NonNullable<TimeWindow['calendar']>,
  at: Place,
  report: Report,
): SloWindow | null {
  const { count } = duration;
  const unit = CALENDAR_UNITS[duration.unit];
  const start = localTime(startTime);
  if (start === undefined) return null;
  if (unit === undefined || count > MOST_UNITS[unit]) {
    const message = `give a calendar window in d, w, M, Q or Y, of at most 400 days, such as 1M${monthsMeant(duration)}`;
    report.add('problem', at, message, shorthandOf(duration));
    return null;
  }
  return { kind: 'calendar', count, unit, start, timeZone };
}
