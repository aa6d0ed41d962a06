/**
 * OpenSLO's durations: a positive whole number and one of m (minutes), h, d, w, M (months), Q (quarters), Y (years). How
 * long the last three are is left to whoever implements it: in a rolling window they are 30, 90 and 365 days, in a
 * calendar window what the calendar says.
 */
import type { CalendarUnit } from './definition.js';

export type ShorthandUnit = 'm' | 'h' | 'd' | 'w' | 'M' | 'Q' | 'Y';

export interface Shorthand {
  readonly count: number;
  readonly unit: ShorthandUnit;
}

export const SHORTHAND_FORMS = 'a whole number and m, h, d, w, M, Q or Y, such as 5m (minutes), 28d or 1M (a month)';

const MINUTES: Readonly<Record<ShorthandUnit, number>> = {
  m: 1,
  h: 60,
  d: 1_440,
  w: 7 * 1_440,
  M: 30 * 1_440,
  Q: 90 * 1_440,
  Y: 365 * 1_440,
};

export const CALENDAR_UNITS: Readonly<Partial<Record<ShorthandUnit, CalendarUnit>>> = {
  d: 'day',
  w: 'week',
  M: 'month',
  Q: 'quarter',
  Y: 'year',
};

/** Zero is a shorthand only for a delay (`alertAfter`). */
export function parseShorthand(text: string): Shorthand | undefined {
  const match = /^(0|[1-9]\d{0,8})([mhdwMQY])$/.exec(text);
  return match === null ? undefined : { count: Number(match[1]), unit: match[2] as ShorthandUnit };
}

export const minutesOf = ({ count, unit }: Shorthand): number => count * MINUTES[unit];

/** The largest unit that divides it: 1440 is `1d`. */
export function shorthandText(minutes: number): string {
  const unit = (['d', 'h'] as const).find(candidate => minutes % MINUTES[candidate] === 0 && minutes > 0) ?? 'm';
  return `${minutes / MINUTES[unit]}${unit}`;
}
