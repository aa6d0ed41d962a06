/** Traces for people: pages of current revisions, and one trace with its spans. */
import type { Store } from '../types.js';
import { CURRENT_REVISIONS, commonParameters, minuteOf, placeCondition } from './latency.js';
import { LOOKUP } from './lookup.js';

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

/** 64-bit integers come as text. */
export interface TraceRow {
  readonly trace_id: string;
  readonly revision: string;
  readonly complete: boolean;
  readonly has_root: boolean;
  readonly service: string;
  readonly operation: string;
  readonly root_span_id: string;
  readonly start_ns: string;
  readonly end_ns: string;
  readonly duration_ns: string;
  readonly locality: string;
  readonly region: string;
  readonly country: string;
  readonly error: boolean;
  readonly span_count: number;
  readonly service_count: number;
  readonly orphan_count: number;
  readonly duplicate_count: number;
  readonly late_span_count: number;
  readonly flags: readonly string[];
}

const SUMMARY = `trace_id, revision, complete, has_root, service, operation, root_span_id,
  toUnixTimestamp64Nano(start) AS start_ns, toUnixTimestamp64Nano(end) AS end_ns, duration_ns, locality, region, country,
  error, span_count, service_count, orphan_count, duplicate_count, late_span_count, flags`;

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

export interface RevisionRow extends TraceRow {
  readonly error_span_id: string;
  readonly error_service: string;
  readonly error_operation: string;
  readonly error_tier: string;
  readonly tier_names: readonly string[];
  readonly tier_ns: readonly string[];
  /** Of each section of the critical path a JSON array: kind (service or link), caller, service, operation, tier. */
  readonly path_sections: readonly string[];
  readonly path_span_id: readonly string[];
  readonly path_self_ns: readonly string[];
  /** '', or JSON: what assembly found out about single spans (docs/schema.md). */
  readonly corrections: string;
}

/** When records brought spans of a trace, epoch milliseconds. Empty: nobody knows, so it is looked for everywhere. */
export type Receipts = readonly number[];

/** A trace that came in more records is looked for everywhere. */
const MAX_RECEIPTS = 1_000;
/** Spans of now arrive within so many minutes of the trace's end, mostly. */
const MINUTES_BEFORE_RECEIPT = 3n;
/** With more of them a trace has impossible times, and looking them all up is dearer than searching. */
const MAX_END_MINUTES = 100;
const NS_PER_MS = 1_000_000n;

/**
 * A trace's spans and revisions lie in the partitions of the days on which its records came, and finding it in one of
 * thirty is what makes the answer quick; the arrivals that tell them are narrow (docs/adr/072).
 */
export async function receiptsOfTrace(store: Store, tenant: string, traceId: string): Promise<Receipts> {
  const rows = await store.queryRows(
    `SELECT toUnixTimestamp64Milli(received) FROM trace_arrivals
     WHERE tenant = {tenant:String} AND trace_id = {trace_id:String} LIMIT ${MAX_RECEIPTS + 1}`,
    { tenant, trace_id: traceId },
    LOOKUP,
  );
  return rows.length > MAX_RECEIPTS ? [] : rows.map(([receivedMs]) => Number(receivedMs));
}

function receivedAt(receipts: Receipts): string {
  const days = new Set(receipts.map(receivedMs => new Date(receivedMs).toISOString().slice(0, 10)));
  return days.size === 0 ? '1' : `toDate(received) IN (${[...days].map(day => `'${day}'`)})`;
}

/**
 * The current revision, or undefined if no row of the trace is live there. It is looked for by its key among the minutes
 * in which it ends if it is a trace of now. Where it moved away from there, it left a tombstone.
 */
export function recentRevision(
  store: Store,
  tenant: string,
  traceId: string,
  receipts: Receipts,
): Promise<RevisionRow | undefined> {
  const minutes = new Set<bigint>();
  for (const receivedMs of receipts) {
    const last = minuteOf(BigInt(receivedMs) * NS_PER_MS);
    for (let before = 0n; before <= MINUTES_BEFORE_RECEIPT; before++) minutes.add(last - before * 60n);
  }
  return newestAmong(store, tenant, traceId, minutes, receipts);
}

/**
 * The current revision wherever it is. A revision ends where one of its spans does, so `endsNs`, those of the spans, lead
 * to it by the key. Where they do not (spans that are kept for less long, an end that was restated), the bloom index on
 * trace ids finds it, which reads 15 KB for each 8,192 traces.
 */
export async function currentRevision(
  store: Store,
  tenant: string,
  traceId: string,
  endsNs: Iterable<bigint> = [],
): Promise<RevisionRow | undefined> {
  const minutes = new Set<bigint>();
  for (const endNs of endsNs) if (endNs >= 0n) minutes.add(minuteOf(endNs));
  const byKey = await newestAmong(store, tenant, traceId, minutes, []);
  return byKey ?? (await newestRevision(store, tenant, traceId, '1'));
}

async function newestAmong(
  store: Store,
  tenant: string,
  traceId: string,
  minutes: ReadonlySet<bigint>,
  receipts: Receipts,
): Promise<RevisionRow | undefined> {
  if (minutes.size === 0) return undefined;
  const among = [...minutes].slice(0, MAX_END_MINUTES).map(minute => `toDateTime(${minute})`);
  return newestRevision(store, tenant, traceId, `end_minute IN (${among}) AND ${receivedAt(receipts)}`);
}

/** A revision that moved has a tombstone of equal version under its old key: the live row counts. */
async function newestRevision(
  store: Store,
  tenant: string,
  traceId: string,
  where: string,
): Promise<RevisionRow | undefined> {
  const [row] = await store.query<RevisionRow & { readonly is_deleted: number }>(
    `SELECT ${SUMMARY}, is_deleted, error_span_id, error_service, error_operation, error_tier, tier_names, tier_ns,
            path_sections, path_span_id, path_self_ns, corrections
     FROM trace_revisions PREWHERE trace_id = {trace_id:String} WHERE tenant = {tenant:String} AND ${where}
     ORDER BY version DESC, is_deleted LIMIT 1`,
    { tenant, trace_id: traceId },
    LOOKUP,
  );
  return row === undefined || row.is_deleted ? undefined : row;
}

export interface SpanRow {
  readonly span_id: string;
  readonly parent_span_id: string;
  readonly name: string;
  readonly kind: 'UNSPECIFIED' | 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER';
  readonly kind_number: number;
  readonly service: string;
  readonly tier: string;
  readonly start_ns: string;
  readonly end_ns: string;
  readonly duration_ns: string;
  readonly status: 'UNSET' | 'OK' | 'ERROR';
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

type StoredSpan = Omit<SpanRow, 'duration_ns' | 'resource'> & { readonly resource_json: string };

/**
 * One row per identity (the highest version, docs/stitching.md), by start, span id and kind; at most `limit`. Without the
 * columns that the table computes: the engine takes as long to see through these as to find the trace. And with what is
 * to be read first said, as it takes 1.3 ms to find that out.
 */
export async function spansOfTrace(
  store: Store,
  tenant: string,
  traceId: string,
  limit: number,
  receipts: Receipts = [],
): Promise<SpanRow[]> {
  const rows = await store.query<StoredSpan>(
    `SELECT * FROM (
       SELECT span_id, parent_span_id, name, kind, toInt8(kind) AS kind_number, service, tier,
              toUnixTimestamp64Nano(start) AS start_ns, toInt64(bitShiftRight(version, 64)) AS end_ns, status, attributes,
              resource_json
       FROM spans PREWHERE trace_id = {trace_id:String} WHERE tenant = {tenant:String} AND ${receivedAt(receipts)}
       ORDER BY version DESC LIMIT 1 BY span_id, kind)
     ORDER BY start_ns, span_id, kind_number LIMIT ${Math.trunc(limit)}`,
    { tenant, trace_id: traceId },
    LOOKUP,
  );
  return rows.map(({ resource_json, ...span }) => {
    const durationNs = BigInt(span.end_ns) - BigInt(span.start_ns);
    const resource = resource_json === '' ? {} : JSON.parse(resource_json);
    return { ...span, duration_ns: String(durationNs < 0n ? 0n : durationNs), resource };
  });
}

export async function countSpansOfTrace(store: Store, tenant: string, traceId: string): Promise<number> {
  const [[count]] = await store.queryRows(
    'SELECT uniqExact(span_id, kind) FROM spans WHERE tenant = {tenant:String} AND trace_id = {trace_id:String}',
    { tenant, trace_id: traceId },
    LOOKUP,
  );
  return Number(count);
}

/** Spans of the trace in every record that brought some, duplicates included. */
export async function arrivalsOfTrace(store: Store, tenant: string, traceId: string): Promise<number> {
  const [[arrivals]] = await store.queryRows(
    'SELECT sum(spans) FROM trace_arrivals FINAL WHERE tenant = {tenant:String} AND trace_id = {trace_id:String}',
    { tenant, trace_id: traceId },
    { settings: { ...CURRENT_REVISIONS.settings, ...LOOKUP.settings } },
  );
  return Number(arrivals);
}
