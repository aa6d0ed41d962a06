/**
 * Keeps `latency_rollup` equal to a recomputation from `trace_revisions`, minute by minute.
 *
 * A cell's `seen` says how much of its minute its writer saw: the sum, over the minute's keys (tombstones included), of
 * their highest version folded to 64 bits: arrivals, then spans, then the steps of docs/adr/002. Every row that changes
 * a key raises it, a merge leaves it as it is, and it fits up to 4 thousand million arrivals a minute. So of two writers
 * the one that saw more wins, and two that saw the same write the same.
 *
 * That order has one gap: a cell that a slow writer brings back after its last trace was moved is not outbid, as no one
 * knows of it. So whoever wrote looks at the minute again, and where what is stored is not what it should be, it writes
 * with one more than any `seen` there.
 */
import { perShard } from '../cluster.js';
import type { Store } from '../types.js';
import { SKETCH_RELATIVE_ERROR } from './latency.js';
import { LOOKUP } from './lookup.js';
import { among, MAX_MINUTES, type Minute, WEIGHT } from './minutes.js';

export interface DirtyMinute extends Minute {
  /** Rows of `trace_revisions` in it: what recomputing it reads. */
  readonly rows: number;
  /** Differs with every row that comes to the minute or goes from it; merges change it, too. */
  readonly fingerprint: string;
}

/** The type of `latency_rollup.latency`. */
const SKETCH = `${SKETCH_RELATIVE_ERROR}, 0.5`;

const CELL = 'tenant, minute, country, region, locality, service, operation';
const COUNTS = 'traces, errors, unknown, incomplete, duration_ns_sum, duration_ns_max';

/**
 * Rows that came since; `written` is indexed. The server's clock is read first: what it tells is surely covered. A position
 * that is yet to come is of a clock that was set back since: what was written meanwhile lies before it.
 */
export async function minutesWrittenSince(
  store: Store,
  sinceMs: number,
): Promise<{ minutes: Minute[]; serverNowMs: number }> {
  const [[now]] = await store.queryRows('SELECT toUnixTimestamp64Milli(now64(3))');
  const rows = await store.queryRows(
    `SELECT DISTINCT tenant, toUnixTimestamp(end_minute) FROM trace_revisions
     WHERE written_at >= fromUnixTimestamp64Milli({since:Int64})`,
    { since: String(sinceMs > Number(now) ? 0 : Math.max(0, Math.trunc(sinceMs))) },
    LOOKUP,
  );
  return { minutes: rows.map(row => ({ tenant: String(row[0]), minute: Number(row[1]) })), serverNowMs: Number(now) };
}

/** How many rows each of the minutes holds, and which, oldest minute first. */
export async function sizesOf(store: Store, minutes: readonly Minute[]): Promise<DirtyMinute[]> {
  const sizes: DirtyMinute[] = [];
  // A month may have come at once: recorded data, or what waited for a store that was away.
  for (let at = 0; at < minutes.length; at += MAX_MINUTES) {
    const rows = await store.queryRows(
      `SELECT tenant, toUnixTimestamp(end_minute) AS at, count(), toString(sum(cityHash64(trace_id, version))) FROM trace_revisions
       WHERE ${among('end_minute', minutes.slice(at, at + MAX_MINUTES))} GROUP BY tenant, at`,
    );
    for (const [tenant, minute, count, fingerprint] of rows) {
      sizes.push({
        tenant: String(tenant),
        minute: Number(minute),
        rows: Number(count),
        fingerprint: String(fingerprint),
      });
    }
  }
  return sizes.sort((one, other) => one.minute - other.minute || (one.tenant < other.tenant ? -1 : 1));
}

/**
 * What every cell should hold, from the highest version of every key; a key's tombstone counts for `weight` only. One
 * read, as both must be of one moment. Rows come in the order of the key: 0.17 s for a million, 2 cores, where
 * grouping them took 1.5 s. A key's rows are on one shard, so each computes its own; sums and states of all add up.
 */
function recomputed(table: (name: string) => string, where: string): string {
  const key = 'tenant, end_minute, country, region, locality, trace_id';
  return `
    SELECT tenant, end_minute AS minute, country, region, locality, service, operation,
           sum(${WEIGHT}) AS weight,
           countIf(live) AS traces, countIf(live AND error) AS errors,
           countIf(live AND NOT has_root) AS unknown, countIf(live AND NOT complete) AS incomplete,
           sumIf(toUInt128(duration_ns), live AND has_root) AS duration_ns_sum,
           maxIf(duration_ns, live AND has_root) AS duration_ns_max,
           quantilesDDStateIf(${SKETCH})(toFloat64(duration_ns), live AND has_root) AS latency,
           max(toDateTime(newest.received)) AS received
    FROM (
      SELECT ${key}, version, NOT is_deleted AS live, error, has_root, complete, duration_ns, service, operation, received,
             row_number() OVER (PARTITION BY ${key} ORDER BY version DESC) AS place
      FROM ${table('trace_revisions')} WHERE ${where}) AS newest
    WHERE place = 1
    GROUP BY ${CELL}`;
}

/** What is stored of every cell, superseded rows and those of equal \`seen\` included. */
function stored(where: string): string {
  return `
    SELECT ${CELL}, toUInt64(0) AS weight, toUInt64(0) AS traces, toUInt64(0) AS errors, toUInt64(0) AS unknown,
           toUInt64(0) AS incomplete, toUInt128(0) AS duration_ns_sum, toUInt64(0) AS duration_ns_max,
           quantilesDDStateIf(${SKETCH})(toFloat64(0), 0) AS latency, max(received_at) AS received,
           groupUniqArray((seen_by, cell)) AS stored, max(seen_by) AS stored_seen
    FROM (SELECT ${CELL}, seen AS seen_by, received AS received_at, (${COUNTS}) AS cell FROM latency_rollup WHERE ${where})
    GROUP BY ${CELL}`;
}

/** The rows that are to be written so that the minutes are right: none if they are. */
function corrections(store: Store, minutes: readonly Minute[]): string {
  const computed = perShard(store, table => recomputed(table, among('end_minute', minutes)));
  return `
  SELECT ${CELL}, if(weight_in_minute > seen_in_minute, weight_in_minute, seen_in_minute + 1) AS seen,
         toUInt8(traces = 0) AS is_deleted, ${COUNTS}, latency, received
  FROM (
    SELECT ${CELL}, ${COUNTS}, latency, received, is_stored,
           sum(weight) OVER (PARTITION BY tenant, minute) AS weight_in_minute,
           max(stored_seen) OVER (PARTITION BY tenant, minute) AS seen_in_minute,
           max(differs) OVER (PARTITION BY tenant, minute) AS minute_differs
    FROM (
      SELECT ${CELL}, sum(side.weight) AS weight, sum(side.traces) AS traces, sum(side.errors) AS errors,
             sum(side.unknown) AS unknown, sum(side.incomplete) AS incomplete,
             sum(side.duration_ns_sum) AS duration_ns_sum, max(side.duration_ns_max) AS duration_ns_max,
             quantilesDDMergeState(${SKETCH})(side.latency) AS latency, max(side.received) AS received,
             max(side.stored_seen) AS stored_seen, groupArrayArray(side.stored) AS versions, notEmpty(versions) AS is_stored,
             arrayMap(row -> row.2, arrayFilter(row -> row.1 = stored_seen, versions)) AS winners,
             if(is_stored, winners != [(${COUNTS})], traces > 0) AS differs
      FROM (SELECT *, [] AS stored, toUInt64(0) AS stored_seen FROM ${computed} UNION ALL ${stored(among('minute', minutes))}) AS side
      GROUP BY ${CELL}))
  WHERE (minute_differs OR weight_in_minute > seen_in_minute) AND (traces > 0 OR is_stored)`;
}

/** Those of the minutes whose stored cells are not what they should be. */
export async function staleAmong(store: Store, minutes: readonly Minute[]): Promise<Minute[]> {
  const rows = await store.queryRows(
    `SELECT DISTINCT tenant, toUnixTimestamp(minute) FROM (${corrections(store, minutes)})`,
  );
  return rows.map(row => ({ tenant: String(row[0]), minute: Number(row[1]) }));
}

/** Recomputes the minutes whole and writes their cells, those that lost their last trace as deleted. */
export async function rewriteMinutes(store: Store, minutes: readonly Minute[]): Promise<void> {
  await store.command(
    `INSERT INTO latency_rollup (${CELL}, seen, is_deleted, ${COUNTS}, latency, received) ${corrections(store, minutes)}`,
  );
}
