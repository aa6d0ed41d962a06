/** What the store holds, for the ledger. All tenants: the log's counters know none. */
import { perShard } from '../cluster.js';
import type { Store } from '../types.js';

/**
 * Exact, so it reads every key: one pass in the order of the sorting key, in bounded memory (`uniqExact` would hold
 * every identity), on each shard for itself. A redelivered record has the same key and partition, so its arrivals merge
 * within the partition; a span sent twice on two days lies in two partitions, so identities are grouped across them.
 */
function distinctIdentities(store: Store): string {
  const count = (table: (name: string) => string) =>
    `SELECT count() AS identities FROM (SELECT 1 FROM ${table('spans')} GROUP BY tenant, trace_id, span_id, kind)`;
  return `SELECT sum(identities) FROM ${perShard(store, count)} SETTINGS optimize_aggregation_in_order = 1`;
}

const ARRIVALS = `
SELECT sum(spans) FROM trace_arrivals FINAL SETTINGS do_not_merge_across_partitions_select_final = 1`;

/** Few traces have any: find them by one column, then take the current revision of those only. Whole within a shard. */
function tooLate(store: Store): string {
  const sum = (table: (name: string) => string) => `
    SELECT sum(too_late_count) AS spans FROM (
      SELECT too_late_count, is_deleted FROM ${table('trace_revisions')}
      WHERE (tenant, trace_id) IN (SELECT tenant, trace_id FROM ${table('trace_revisions')} WHERE too_late_count > 0)
      ORDER BY version DESC, is_deleted LIMIT 1 BY tenant, trace_id)
    WHERE is_deleted = 0`;
  return `SELECT sum(spans) FROM ${perShard(store, sum)}`;
}

async function number(store: Store, sql: string): Promise<number> {
  const [[value]] = await store.queryRows(sql);
  return Number(value);
}

/** Spans in records of the log that reached the store, duplicates included. Grows with every record, never by redelivery. */
export function arrivalsInStore(store: Store): Promise<number> {
  return number(store, ARRIVALS);
}

/** Distinct spans (trace id, span id, kind). Costs a pass over every key of `spans`. */
export function distinctSpans(store: Store): Promise<number> {
  return number(store, distinctIdentities(store));
}

/** Spans left out of their current trace because they came after the lateness. */
export function tooLateSpans(store: Store): Promise<number> {
  return number(store, tooLate(store));
}
