/** One trace by its id: where it is, its current revision, its spans. */
import { wholePerShard } from '../cluster.js';
import type { QueryOptions, Store } from '../types.js';
import { CURRENT_REVISIONS, minuteOf } from './latency.js';
import { BY_KEY, LOOKUP } from './lookup.js';
import { SUMMARY, type TraceRow } from './trace-row.js';

export interface RevisionRow extends TraceRow {
  readonly error_span_id: string;
  readonly error_service: string;
  readonly error_operation: string;
  readonly error_tier: string;
  /** Of each section of the critical path a JSON array: kind (service or link), caller, service, operation, tier. */
  readonly path_sections: readonly string[];
  readonly path_span_id: readonly string[];
  readonly path_self_ns: readonly string[];
  /** '', or JSON: what assembly found out about single spans (docs/schema.md). */
  readonly corrections: string;
}

/** The names of tables, as a shard has them. */
type Tables = (name: string) => string;

/** How long before the minute of their receipt spans of now end, mostly. */
const SECONDS_BEFORE_RECEIPT = [0, 60, 120, 180];
/** With more of them a trace has impossible times, and looking them all up is dearer than searching. */
const MAX_END_MINUTES = 100;

/**
 * Where a trace lies (docs/adr/072): its spans were received when its records were, and parts know between which times
 * theirs were. A revision was received with the first of them, and ends, if it is one of now, in the minutes before one.
 * The arrivals that tell when are read within the statement itself, as that takes half as long as a statement before it;
 * the engine does so before it chooses what to read.
 */
function arrived(table: Tables, what: string): string {
  const ofTrace = 'PREWHERE trace_id = {trace_id:String} WHERE tenant = {tenant:String}';
  return `(SELECT ${what} FROM ${table('trace_arrivals')} ${ofTrace})`;
}

function withRecords(table: Tables): string {
  return `received IN ${arrived(table, 'received')}`;
}

/** Of a trace whose records came on two days only what ends on the first. */
function beforeRecords(table: Tables): string {
  const minute = `arrayJoin(arrayMap(ago -> toStartOfMinute(received) - ago, [${SECONDS_BEFORE_RECEIPT}]))`;
  return `(toDate(received), end_minute) IN ${arrived(table, `toDate(received), ${minute}`)}`;
}

/**
 * The current revision, or undefined if no row of the trace is live where one of now would be. Where it moved away from
 * there, it left a tombstone.
 */
export function recentRevision(store: Store, tenant: string, traceId: string): Promise<RevisionRow | undefined> {
  return newestRevision(store, tenant, traceId, beforeRecords, BY_KEY);
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
  const among = [...minutes].slice(0, MAX_END_MINUTES).map(minute => `toDateTime(${minute})`);
  const byKey =
    among.length === 0
      ? undefined
      : await newestRevision(store, tenant, traceId, () => `end_minute IN (${among})`, BY_KEY);
  return byKey ?? (await newestRevision(store, tenant, traceId, () => '1', LOOKUP));
}

/** Of a trace the store has one row, mostly, until merges a few more: sorted here they are planned for sooner. */
const FEW_REVISIONS = 10;

type StoredRevision = RevisionRow & { readonly version: string; readonly is_deleted: number };

async function newestRevision(
  store: Store,
  tenant: string,
  traceId: string,
  where: (table: Tables) => string,
  options: QueryOptions,
): Promise<RevisionRow | undefined> {
  const ask = (end: string) =>
    store.query<StoredRevision>(
      wholePerShard(
        store,
        table => `SELECT ${SUMMARY}, version, is_deleted, error_span_id, error_service, error_operation, error_tier,
                         path_sections, path_span_id, path_self_ns, corrections
                  FROM ${table('trace_revisions')} PREWHERE trace_id = {trace_id:String}
                  WHERE tenant = {tenant:String} AND ${where(table)} ${end}`,
      ),
      { tenant, trace_id: traceId },
      options,
    );
  let rows = await ask(`LIMIT ${FEW_REVISIONS + 1}`);
  if (rows.length > FEW_REVISIONS) rows = await ask('ORDER BY version DESC, is_deleted LIMIT 1');
  const newest = rows.reduce<StoredRevision | undefined>((best, row) => (isNewer(row, best) ? row : best), undefined);
  return newest === undefined || newest.is_deleted ? undefined : newest;
}

/** A revision that moved has a tombstone of equal version under its old key: the live row counts. */
function isNewer(row: StoredRevision, other: StoredRevision | undefined): boolean {
  if (other === undefined) return true;
  const ahead = BigInt(row.version) - BigInt(other.version);
  return ahead > 0n || (ahead === 0n && row.is_deleted < other.is_deleted);
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

type StoredSpan = Omit<SpanRow, 'end_ns' | 'duration_ns' | 'resource'> & {
  /** Its end is in the upper half (docs/stitching.md). */
  readonly version: string;
  readonly resource_json: string;
};

/** More rows than that are sorted, and sorted out, where they are. */
const FEW_SPANS = 1_000;

/**
 * One row per identity (the highest version, docs/stitching.md), by start, span id and kind; at most `limit`. Looked for
 * among what was received with the trace's records, or everywhere, which finds what no arrival tells of, and reads a
 * hundred times as much.
 *
 * Without the columns that the table computes: the engine takes as long to see through these as to find the trace. And
 * with what is to be read first said, as it takes 1.3 ms to find that out.
 */
export async function spansOfTrace(
  store: Store,
  tenant: string,
  traceId: string,
  limit: number,
  where: 'with its records' | 'everywhere' = 'everywhere',
): Promise<SpanRow[]> {
  const spans = (table: Tables) => `
    SELECT span_id, parent_span_id, name, kind, toInt8(kind) AS kind_number, service, tier,
           toUnixTimestamp64Nano(start) AS start_ns, version, status, attributes, resource_json
    FROM ${table('spans')} PREWHERE trace_id = {trace_id:String}
    WHERE tenant = {tenant:String} AND ${where === 'everywhere' ? '1' : withRecords(table)}`;
  const ask = (sql: (table: Tables) => string) =>
    store.query<StoredSpan>(wholePerShard(store, sql), { tenant, trace_id: traceId }, LOOKUP);
  const few = await ask(table => `${spans(table)} LIMIT ${FEW_SPANS + 1}`);
  if (few.length <= FEW_SPANS) return identitiesOf(few).slice(0, limit).map(spanOf);
  const sorted = await ask(
    table => `SELECT * FROM (${spans(table)} ORDER BY version DESC LIMIT 1 BY span_id, kind)
              ORDER BY start_ns, span_id, kind_number LIMIT ${Math.trunc(limit)}`,
  );
  return sorted.map(spanOf);
}

/** What the statement for many says of them. */
function identitiesOf(rows: readonly StoredSpan[]): StoredSpan[] {
  const newest = new Map<string, StoredSpan>();
  for (const row of rows) {
    const identity = `${row.span_id} ${row.kind_number}`;
    const other = newest.get(identity);
    if (other === undefined || BigInt(row.version) > BigInt(other.version)) newest.set(identity, row);
  }
  return [...newest.values()].sort((one, other) => {
    const ns = BigInt(one.start_ns) - BigInt(other.start_ns);
    if (ns !== 0n) return ns < 0n ? -1 : 1;
    if (one.span_id !== other.span_id) return one.span_id < other.span_id ? -1 : 1;
    return one.kind_number - other.kind_number;
  });
}

function spanOf({ resource_json, version, ...span }: StoredSpan): SpanRow {
  const endNs = BigInt.asIntN(64, BigInt(version) >> 64n);
  const durationNs = endNs - BigInt(span.start_ns);
  const resource = resource_json === '' ? {} : JSON.parse(resource_json);
  return { ...span, end_ns: String(endNs), duration_ns: String(durationNs < 0n ? 0n : durationNs), resource };
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
