/**
 * Windows by the calendar, for the oracle: local times are turned into instants with nothing but what Intl shows on a
 * clock in that zone, and windows are found by stepping through them from the start.
 */
import type { SloWindow } from '../../schemas/index.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** [from, to) in epoch milliseconds, on whole minutes. */
export type OracleSpan = readonly [number, number];

export function oracleWindow(window: SloWindow, atMs: number): OracleSpan {
  if (window.kind === 'rolling') return [atMs - window.minutes * MINUTE_MS, atMs];
  const startOf = (index: number) => floorToMinute(instantOf(addUnits(window, index), window.timeZone));
  let index = 0;
  while (startOf(index) > atMs) index--;
  while (startOf(index + 1) <= atMs) index++;
  return [startOf(index), startOf(index + 1)];
}

function floorToMinute(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

/** The local time as if it were UTC. */
function addUnits(window: Extract<SloWindow, { kind: 'calendar' }>, index: number): number {
  const [year, month, day, hour, minute, second] = window.start.split(/[-T:]/).map(Number);
  const steps = index * window.count;
  const timeOfDay = ((hour * 60 + minute) * 60 + (second ?? 0)) * 1000;
  if (window.unit === 'day') return Date.UTC(year, month - 1, day + steps) + timeOfDay;
  if (window.unit === 'week') return Date.UTC(year, month - 1, day + 7 * steps) + timeOfDay;
  const months = { month: 1, quarter: 3, year: 12 }[window.unit] * steps;
  const daysInMonth = new Date(Date.UTC(year, month + months, 0)).getUTCDate();
  return Date.UTC(year, month - 1 + months, Math.min(day, daysInMonth)) + timeOfDay;
}

/** A local time that comes twice is the first of the two; one that is skipped comes as late as if it were not. */
function instantOf(localMs: number, timeZone: string): number {
  const offsets = [-26, -13, 0, 13, 26].map(hours => offsetAt(localMs + hours * HOUR_MS, timeZone));
  const candidates = offsets.map(offset => localMs - offset);
  const shown = candidates.filter(ms => ms + offsetAt(ms, timeZone) === localMs);
  return shown.length > 0 ? Math.min(...shown) : Math.max(...candidates);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the clocks there show, less UTC. */
function offsetAt(ms: number, timeZone: string): number {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year, month, day, hour, minute, second } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const numeric = 'numeric' as const;
  const fields = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric };
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields });
  formats.set(timeZone, format);
  return format;
}
