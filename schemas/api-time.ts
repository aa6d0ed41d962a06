/** Instants and durations as people write them in API parameters, to and from nanoseconds. Pure; no clock. */

export const NS_PER_MS = 1_000_000n;
export const NS_PER_SECOND = 1_000_000_000n;
export const NS_PER_MINUTE = 60n * NS_PER_SECOND;

/** The largest nanosecond a signed 64-bit time holds: 2262-04-11. */
const MAX_NS = (1n << 63n) - 1n;

const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;
const EPOCH = /^\d{1,19}$/;
const EPOCH_SECONDS_WITH_FRACTION = /^(\d{1,11})\.(\d{1,9})$/;

export const INSTANT_FORMS =
  'an RFC 3339 time such as 2026-11-24T10:00:00Z, or an epoch time in seconds, milliseconds, microseconds or nanoseconds (told apart by their digits)';
export const DURATION_FORMS = 'a duration such as 250ms, 30s, 5m, 1h or 7d';

/** Epoch nanoseconds, or undefined if the text is none of `INSTANT_FORMS` or lies outside 1970 to 2262. */
export function parseInstant(text: string): bigint | undefined {
  const ns = parseEpoch(text) ?? parseRfc3339(text);
  return ns === undefined || ns < 0n || ns > MAX_NS ? undefined : ns;
}

/** 11 digits of seconds reach the year 5138; as many digits of milliseconds are still in 1973: so the length tells. */
function parseEpoch(text: string): bigint | undefined {
  const fraction = EPOCH_SECONDS_WITH_FRACTION.exec(text);
  if (fraction) return BigInt(fraction[1]) * NS_PER_SECOND + BigInt(fraction[2].padEnd(9, '0'));
  if (!EPOCH.test(text)) return undefined;
  if (text.length <= 11) return BigInt(text) * NS_PER_SECOND;
  if (text.length <= 14) return BigInt(text) * NS_PER_MS;
  if (text.length <= 17) return BigInt(text) * 1000n;
  return BigInt(text);
}

function parseRfc3339(text: string): bigint | undefined {
  const match = RFC_3339.exec(text);
  if (!match) return undefined;
  const [, date, time, fraction, zone] = match;
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  // V8 rolls 31 April over to 1 May: such a date is refused, not corrected.
  const day = Number(date.slice(8));
  const daysInMonth = new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate();
  if (Number.isNaN(ms) || day > daysInMonth) return undefined;
  return BigInt(ms) * NS_PER_MS + BigInt((fraction ?? '').padEnd(9, '0'));
}

/** RFC 3339 in UTC with nine digits: of equal width, so that texts sort as times do. */
export function formatInstant(ns: bigint): string {
  const seconds = new Date(Number(ns / NS_PER_SECOND) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(ns % NS_PER_SECOND).toString().padStart(9, '0')}Z`;
}

/** RFC 3339 in UTC with three digits where that is exact, else nine: for times a person chose. */
export function formatShortInstant(ns: bigint): string {
  return ns % NS_PER_MS === 0n ? new Date(Number(ns / NS_PER_MS)).toISOString() : formatInstant(ns);
}

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
  d: 86_400e9,
};

/** Nanoseconds, or undefined. Fractions (`1.5s`) and sums (`1h30m`) are allowed; there must be a unit. */
export function parseDuration(text: string): bigint | undefined {
  if (!/^(\d{1,15}(\.\d{1,9})?(ns|us|µs|ms|s|m|h|d))+$/.test(text)) return undefined;
  let ns = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h|d)/g)) ns += Number(amount) * UNIT_NS[unit];
  return ns > Number(MAX_NS) / 2 ? undefined : BigInt(Math.round(ns));
}
