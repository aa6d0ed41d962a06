/** Start and time zone of calendar windows. */
import { nearestName } from '../suggestion.js';
import type { Finding, Path } from './problems.js';

const LOCAL_TIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)$/;
const FIRST_YEAR = 1970;
const LAST_YEAR = 2199;

/** `2022-01-01T12:00:00`, or undefined if there is no such local time. */
export function localTime(text: string): string | undefined {
  const match = LOCAL_TIME.exec(text);
  if (match === null) return undefined;
  const iso = text.replace(' ', 'T');
  const date = new Date(`${iso}Z`);
  // Dates that do not exist roll over to others.
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 19) !== iso) return undefined;
  return date.getUTCFullYear() >= FIRST_YEAR && date.getUTCFullYear() <= LAST_YEAR ? iso : undefined;
}

/** A name of the IANA database; offsets such as +02:00 are none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export function calendarFindings(calendar: Readonly<Record<string, unknown>>, path: Path): Finding[] {
  const { startTime, timeZone } = calendar;
  const findings: Finding[] = [];
  if (typeof startTime === 'string' && startTime !== '' && localTime(startTime) === undefined) {
    const message = `give a date and a time without a zone, of the years ${FIRST_YEAR} to ${LAST_YEAR}, such as 2026-01-01 00:00:00`;
    findings.push({ path: [...path, 'startTime'], value: startTime, message });
  }
  if (typeof timeZone === 'string' && timeZone !== '' && !isTimeZone(timeZone)) {
    const nearest = nearestName(timeZone, Intl.supportedValuesOf('timeZone'));
    const meant = nearest === undefined ? 'such as America/New_York' : `; did you mean ${nearest}?`;
    const message = `give the name of an IANA time zone${nearest === undefined ? ` ${meant}` : meant}`;
    findings.push({ path: [...path, 'timeZone'], value: timeZone, message });
  }
  return findings;
}
