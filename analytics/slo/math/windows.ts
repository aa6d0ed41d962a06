/** Which minutes an SLO's window covers. Minutes count from the epoch; minute m holds the events of [m, m + 1). */
import type { SloWindow } from '../../../schemas/index.js';
import { calendarWindowIndex, calendarWindowStart } from './calendar.js';

export interface WindowSpan {
  /** Inclusive. */
  readonly fromMinute: number;
  /** Exclusive. That of a calendar window that still goes on lies ahead. */
  readonly toMinute: number;
}

/**
 * The window at the beginning of `atMinute`: a rolling one ends there; of calendar windows it is the one that `atMinute`
 * is in. At the edge between two of them that is the later, of which nothing has passed yet.
 */
export function windowAt(window: SloWindow, atMinute: number): WindowSpan {
  if (window.kind === 'rolling') return { fromMinute: atMinute - window.minutes, toMinute: atMinute };
  return calendarSpan(window, calendarWindowIndex(window, atMinute));
}

/** As `windowAt`, but at the edge between two calendar windows the earlier one: for reports on a month that is over. */
export function windowEndingAt(window: SloWindow, atMinute: number): WindowSpan {
  if (window.kind === 'rolling') return windowAt(window, atMinute);
  return calendarSpan(window, calendarWindowIndex(window, atMinute - 1));
}

function calendarSpan(window: Extract<SloWindow, { kind: 'calendar' }>, index: number): WindowSpan {
  return { fromMinute: calendarWindowStart(window, index), toMinute: calendarWindowStart(window, index + 1) };
}

/** A change of clocks makes a calendar window longer or shorter, and so does a leap day. */
export function lengthMinutes({ fromMinute, toMinute }: WindowSpan): number {
  return toMinute - fromMinute;
}

export function elapsedMinutes({ fromMinute, toMinute }: WindowSpan, atMinute: number): number {
  return Math.max(0, Math.min(atMinute, toMinute) - fromMinute);
}

/** Of several versions of something, oldest first, the one in force at a minute; before the first one the first. */
export function inForceAt<T extends { readonly fromMinute: number }>(versions: readonly T[], minute: number): T {
  return versions.findLast(version => version.fromMinute <= minute) ?? versions[0];
}
