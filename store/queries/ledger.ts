/** What the store holds, for the ledger. All tenants: the log's counters know none. */
import type { Store } from '../types.js';

/**
 * Exact, so it reads every key: one pass in the order of the sorting key, in bounded memory (`uniqExact` would hold
 * every identity). A redelivered record has the same key and partition, so its arrivals merge within the partition;
 * a span sent twice on two days lies in two partitions, so identities are grouped across them.
 */
const DISTINCT_SPANS = `
SELECT count() FROM (SELECT 1 FROM spans GROUP BY tenant, trace_id, span_id, kind)
SETTINGS optimize_aggregation_in_order = 1`;

const ARRIVALS = `
SELECT sum(spans) FROM trace_arrivals FINAL SETTINGS do_not_merge_across_partitions_select_final = 1`;

/** Few traces have any: find them by one column, then take the current revision of those only. */
const TOO_LATE = `
SELECT sum(too_late_count) FROM (
  SELECT too_late_count, is_deleted FROM trace_revisions
  WHERE (tenant, trace_id) IN (SELECT tenant, trace_id FROM trace_revisions WHERE too_late_count > 0)
  ORDER BY version DESC, is_deleted LIMIT 1 BY tenant, trace_id)
WHERE is_deleted = 0`;

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
  return number(store, DISTINCT_SPANS);
}

/** Spans left out of their current trace because they came after the lateness. */
export function tooLateSpans(store: Store): Promise<number> {
  return number(store, TOO_LATE);
}
