/** Which time a report is about. */
import { formatShortInstant, NS_PER_MINUTE, NS_PER_MS } from '../../schemas/index.js';
import type { MinuteSpan } from '../../store/index.js';
import { ApiError } from '../errors.js';

/** As long as the longest window of an SLO. */
const MAX_DAYS = 400;
const MINUTES_PER_DAY = 1_440;

/** Epoch nanoseconds, as `parseInstant` yields them. Without either: the last whole calendar month, UTC. */
export interface ReportTimes {
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
}

/** Whole minutes: both times are rounded down. Throws an ApiError. */
export function reportWindow({ from, to }: ReportTimes, nowMs: number): MinuteSpan {
  if (from === undefined && to === undefined) return lastMonth(nowMs);
  if (from === undefined || to === undefined) refuse('give both from and to, or neither: the last whole month, UTC');
  const [fromMinute, toMinute] = [Number(from / NS_PER_MINUTE), Number(to / NS_PER_MINUTE)];
  if (fromMinute >= toMinute) {
    refuse(`from (${formatShortInstant(from)}) must be a minute or more before to (${formatShortInstant(to)})`);
  }
  if (toMinute - fromMinute > MAX_DAYS * MINUTES_PER_DAY) refuse(`from and to are more than ${MAX_DAYS} days apart`);
  return { fromMinute, toMinute };
}

function lastMonth(nowMs: number): MinuteSpan {
  const now = new Date(nowMs);
  const firstOf = (month: number) =>
    Number((BigInt(Date.UTC(now.getUTCFullYear(), month, 1)) * NS_PER_MS) / NS_PER_MINUTE);
  return { fromMinute: firstOf(now.getUTCMonth() - 1), toMinute: firstOf(now.getUTCMonth()) };
}

function refuse(message: string): never {
  throw new ApiError('API_PARAMETER_INVALID', message);
}
