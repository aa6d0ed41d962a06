/** Which minutes a backfill has before it, and how far back the spans for it are kept. */
import { LOCAL_SUFFIX } from '../../cluster.js';
import type { Store } from '../../types.js';

export interface MinuteSize {
  /** Start, epoch seconds. */
  readonly minute: number;
  /** Of `trace_revisions`. */
  readonly rows: number;
}

/** Minutes of a tenant that hold traces, before one, the newest first. */
export async function minutesBefore(
  store: Store,
  tenant: string,
  before: number,
  limit: number,
): Promise<MinuteSize[]> {
  const rows = await store.queryRows(
    `SELECT toUnixTimestamp(end_minute) AS at, count() FROM trace_revisions
     WHERE tenant = {tenant:String} AND end_minute < toDateTime({before:UInt32}) GROUP BY at ORDER BY at DESC LIMIT {limit:UInt32}`,
    { tenant, before: Math.min(before, 2 ** 32 - 1), limit },
  );
  return rows.map(row => ({ minute: Number(row[0]), rows: Number(row[1]) }));
}

export async function countMinutesBefore(store: Store, tenant: string, before: number): Promise<number> {
  const rows = await store.queryRows(
    `SELECT uniqExact(end_minute) FROM trace_revisions
     WHERE tenant = {tenant:String} AND end_minute < toDateTime({before:UInt32})`,
    { tenant, before: Math.min(before, 2 ** 32 - 1) },
  );
  return Number(rows[0]?.[0] ?? 0);
}

/** Spans received since then are all there, epoch milliseconds; 0 where they are kept for good. */
export async function spansKeptFrom(store: Store): Promise<number> {
  const name = store.cluster === undefined ? 'spans' : `spans${LOCAL_SUFFIX}`;
  const rows = await store.queryRows(
    `SELECT toUInt32OrZero(extract(engine_full, 'TTL .*toIntervalDay\\\\((\\\\d+)\\\\)')), toUnixTimestamp64Milli(now64(3))
     FROM system.tables WHERE database = {database:String} AND name = {name:String}`,
    { database: store.database, name },
  );
  const [days, nowMs] = (rows[0] ?? []).map(Number);
  return days > 0 ? nowMs - days * 86_400_000 : 0;
}
