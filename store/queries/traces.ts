/** Traces for people: pages of current revisions. */
import type { Store } from '../types.js';
import { CURRENT_REVISIONS, commonParameters, minuteOf, placeCondition } from './latency.js';
import { SUMMARY, type TraceRow } from './trace-row.js';

export interface TraceFilter {
  readonly tenant: string;
  readonly location?: string | undefined;
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  /** Both inclusive. */
  readonly minDurationNs?: bigint | undefined;
  readonly maxDurationNs?: bigint | undefined;
  readonly error?: boolean | undefined;
}

/** Position in the order (end descending, trace id ascending): that of the last trace already given. */
export interface TracePosition {
  readonly endNs: bigint;
  readonly traceId: string;
}

function conditions(filter: TraceFilter, after: TracePosition | undefined): string {
  const parts = [placeCondition(filter.location)];
  if (filter.service !== undefined) parts.push('service = {service:String}');
  if (filter.operation !== undefined) parts.push('operation = {operation:String}');
  if (filter.minDurationNs !== undefined) parts.push(`duration_ns >= ${filter.minDurationNs}`);
  if (filter.maxDurationNs !== undefined) parts.push(`duration_ns <= ${filter.maxDurationNs}`);
  if (filter.error !== undefined) parts.push(filter.error ? 'error' : 'NOT error');
  if (after !== undefined) {
    parts.push(`(end < fromUnixTimestamp64Nano({after_end:Int64})
      OR (end = fromUnixTimestamp64Nano({after_end:Int64}) AND trace_id > {after_id:String}))`);
  }
  return parts.join(' AND ');
}

/** Current revisions ending in [fromNs, toNs), in order, at most `limit`. */
export function tracesEndingIn(
  store: Store,
  filter: TraceFilter,
  fromNs: bigint,
  toNs: bigint,
  after: TracePosition | undefined,
  limit: number,
): Promise<TraceRow[]> {
  return store.query<TraceRow>(
    `SELECT ${SUMMARY} FROM trace_revisions FINAL
     WHERE tenant = {tenant:String} AND end_minute >= toDateTime({first_minute:UInt32})
       AND end_minute <= toDateTime({last_minute:UInt32})
       AND end >= fromUnixTimestamp64Nano({from:Int64}) AND end < fromUnixTimestamp64Nano({to:Int64})
       AND ${conditions(filter, after)}
     ORDER BY trace_revisions.end DESC, trace_id LIMIT ${Math.trunc(limit)}`,
    {
      ...commonParameters(filter),
      first_minute: String(minuteOf(fromNs)),
      last_minute: String(minuteOf(toNs - 1n)),
      from: String(fromNs),
      to: String(toNs),
      ...(after && { after_end: String(after.endNs), after_id: after.traceId }),
    },
    CURRENT_REVISIONS,
  );
}

/** Newest and oldest minute (epoch seconds) with a revision among those from `fromNs` to `toNs`, or undefined. */
export async function minutesWithTraces(
  store: Store,
  filter: TraceFilter,
  fromNs: bigint,
  toNs: bigint,
): Promise<{ first: number; last: number } | undefined> {
  const [[count, first, last]] = await store.queryRows(
    `SELECT count(), toUnixTimestamp(min(end_minute)), toUnixTimestamp(max(end_minute)) FROM trace_revisions
     WHERE tenant = {tenant:String} AND end_minute >= toDateTime({first_minute:UInt32})
       AND end_minute <= toDateTime({last_minute:UInt32}) AND ${placeCondition(filter.location)}`,
    { ...commonParameters(filter), first_minute: String(minuteOf(fromNs)), last_minute: String(minuteOf(toNs - 1n)) },
  );
  return Number(count) === 0 ? undefined : { first: Number(first), last: Number(last) };
}
