/** Minutes of `trace_revisions`, and how much of them there is to see. */
import { literal } from './literal.js';

export interface Minute {
  readonly tenant: string;
  /** Start, epoch seconds. */
  readonly minute: number;
}

/** A version in 64 bits, so that sums fit: arrivals × 2³² + spans × 2⁸ + step; a tombstone is a step below its row. */
export const WEIGHT = `toUInt64(bitShiftRight(version + 1, 96)) * 4294967296
             + toUInt64(bitAnd(bitShiftRight(version + 1, 64), 16777215)) * 256 + toUInt64(bitAnd(version + 1, 255))`;

/** A statement's text ends at 256 KiB; a minute takes 23 bytes of it. */
export const MAX_MINUTES = 5_000;

/** `(tenant, column)` is one of the minutes. In the text, not as a parameter: there may be thousands (`MAX_MINUTES`). */
export function among(column: string, minutes: readonly Minute[]): string {
  const byTenant = new Map<string, number[]>();
  for (const { tenant, minute } of minutes) {
    const starts = byTenant.get(tenant);
    if (starts === undefined) byTenant.set(tenant, [Math.trunc(minute)]);
    else starts.push(Math.trunc(minute));
  }
  const conditions = [...byTenant].map(
    ([tenant, starts]) => `(tenant = ${literal(tenant)} AND ${column} IN (${starts.map(at => `toDateTime(${at})`)}))`,
  );
  return `(${conditions.join(' OR ')})`;
}
