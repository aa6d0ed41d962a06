/**
 * What the stitcher asks of the store: spans, arrivals and revisions of given traces, and what the auditor compares.
 * Ids are hex by construction and checked again here, so they may stand in the SQL text: a batch of 500 would not fit
 * into a URL as a bound parameter.
 */
import { perShard } from '../cluster.js';
import type { NativeColumn, QueryOptions, Store } from '../types.js';
import { readProgress, writeProgress } from './progress.js';

/** A trace's spans as the assembler needs them, one per identity, in the order of `SPAN_COLUMNS`. */
export type SpanTuple = readonly [
  traceId: string,
  spanId: string,
  parentSpanId: string,
  kind: number,
  status: number,
  startNs: string,
  endNs: string,
  service: string,
  name: string,
  tier: string,
  environment: string,
  host: string,
  peerService: string,
  locality: string,
  region: string,
  country: string,
  locationRank: number,
  isDatabaseCall: number,
  flags: number,
  checksum: number,
  receivedMs: string,
];

export interface TraceArrivals {
  readonly traceId: string;
  readonly arrivals: number;
}

/** A row of `trace_revisions` that is live: current under its key and not deleted. There should be one per trace. */
export interface LiveRow {
  readonly traceId: string;
  readonly endMinute: number;
  readonly country: string;
  readonly region: string;
  readonly locality: string;
  readonly receivedMs: number;
  readonly version: bigint;
  readonly flags: readonly string[];
}

/** A trace whose stored arrivals and live rows do not agree. */
export interface AuditFinding {
  readonly tenant: string;
  readonly traceId: string;
  readonly partitions: readonly number[];
  readonly lastReceivedMs: number;
}

export interface Audit {
  readonly findings: AuditFinding[];
  /** The server's clock before looking, epoch milliseconds. */
  readonly serverNowMs: number;
  /** A pass that begins here meets every finding of this one again, also those beyond the limit. */
  readonly untilMs: number;
}

export interface SeenTrace {
  readonly tenant: string;
  readonly traceId: string;
}

/** Which traces `throughline restitch` works on. */
export type RestitchSelection =
  | { readonly kind: 'ids'; readonly tenant: string; readonly traceIds: readonly string[] }
  | { readonly kind: 'tooLate' }
  | { readonly kind: 'range'; readonly fromMs: number; readonly toMs: number };

export interface TraceStore {
  insert(table: StitchedTable, columns: readonly NativeColumn[], rows: number, signal?: AbortSignal): Promise<void>;
  readArrivals(tenant: string, traceIds: readonly string[]): Promise<TraceArrivals[]>;
  readSpans(tenant: string, traceIds: readonly string[]): Promise<SpanTuple[]>;
  /** Those of the traces in which records of one identity differ, as far as the store still has both. */
  readConflicts(tenant: string, traceIds: readonly string[]): Promise<string[]>;
  readLiveRows(tenant: string, traceIds: readonly string[]): Promise<LiveRow[]>;
  /** Findings among traces touched since `sinceMs` (server clock), at most `limit`. */
  audit(sinceMs: number, limit: number): Promise<Audit>;
  /** Traces with records appended to the given partitions in the last `windowMs` of what is stored, newest first. */
  recentTraces(windowMs: number, limit: number, partitions: readonly number[]): Promise<SeenTrace[]>;
  selectTraces(selection: RestitchSelection): Promise<SeenTrace[]>;
  loadProgress(name: string): Promise<{ instance: string; atMs: number; state: string }[]>;
  saveProgress(name: string, instance: string, state: string): Promise<void>;
}

export type StitchedTable = 'spans' | 'trace_arrivals' | 'trace_revisions';

const ONE_PARTITION_FINAL: QueryOptions = { settings: { do_not_merge_across_partitions_select_final: 1 } };

/** More spans of one trace than this are never read back; the trace is flagged truncated long before. */
const MAX_SPANS_READ_PER_TRACE = 500_000;

function idList(traceIds: readonly string[]): string {
  for (const traceId of traceIds) {
    if (!/^[0-9a-f]{32}$/.test(traceId)) throw new Error(`not a trace id: ${JSON.stringify(traceId)}`);
  }
  return traceIds.map(traceId => `'${traceId}'`).join(',');
}

const SPAN_COLUMNS = `trace_id, span_id, parent_span_id, toInt8(kind), toInt8(status),
  toUnixTimestamp64Nano(start), toUnixTimestamp64Nano(end), service, name, tier, environment, host, peer_service,
  locality, region, country, location_rank, toUInt8(is_database_call), flags, checksum, toUnixTimestamp64Milli(received)`;

/** Arrivals of each trace, every record counted once however often it was inserted. */
function arrivalsPerTrace(where: string, from = 'trace_arrivals'): string {
  return `SELECT tenant, trace_id, sum(spans) AS arrivals, max(received) AS last_received, groupUniqArray(partition) AS partitions,
           max(inserted_at) AS last_inserted
    FROM (SELECT tenant, trace_id, partition, offset, any(spans) AS spans, any(received) AS received, max(inserted_at) AS inserted_at
          FROM ${from} WHERE ${where} GROUP BY tenant, trace_id, partition, offset)
    GROUP BY tenant, trace_id`;
}

/** A trace's arrivals and revisions are on one shard: each audits its own. */
function audit(table: (name: string) => string): string {
  const touched = `(tenant, trace_id) IN (
    SELECT tenant, trace_id FROM ${table('trace_arrivals')} WHERE inserted_at >= fromUnixTimestamp64Milli({since:Int64})
    UNION DISTINCT
    SELECT tenant, trace_id FROM ${table('trace_revisions')} WHERE written_at >= fromUnixTimestamp64Milli({since:Int64}))`;
  return `
    SELECT a.tenant AS tenant, toString(a.trace_id) AS id, a.partitions AS partitions,
           toUnixTimestamp64Milli(a.last_received) AS received_ms,
           min(toUnixTimestamp64Milli(greatest(a.last_inserted, r.last_written))) OVER () AS until_ms
    FROM (${arrivalsPerTrace(touched, table('trace_arrivals'))}) AS a
    LEFT JOIN (SELECT tenant, trace_id, count() AS live, max(arrivals) AS recorded, max(written_at) AS last_written
               FROM ${table('trace_revisions')} FINAL WHERE ${touched} GROUP BY tenant, trace_id) AS r
    ON a.tenant = r.tenant AND a.trace_id = r.trace_id
    WHERE r.live != 1 OR r.recorded < a.arrivals
    ORDER BY a.last_received LIMIT {limit:UInt32}`;
}

class ClickHouseTraceStore implements TraceStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  insert(table: StitchedTable, columns: readonly NativeColumn[], rows: number, signal?: AbortSignal): Promise<void> {
    return this.#store.insert(table, columns, rows, signal);
  }

  async readArrivals(tenant: string, traceIds: readonly string[]): Promise<TraceArrivals[]> {
    const rows = await this.#store.queryRows(
      `SELECT trace_id, arrivals FROM (${arrivalsPerTrace(`tenant = {tenant:String} AND trace_id IN (${idList(traceIds)})`)})`,
      { tenant },
    );
    return rows.map(row => ({ traceId: String(row[0]), arrivals: Number(row[1]) }));
  }

  async readSpans(tenant: string, traceIds: readonly string[]): Promise<SpanTuple[]> {
    // The rule for one identity with several contents is in `version` (docs/stitching.md, Identity).
    const rows = await this.#store.queryRows(
      `SELECT ${SPAN_COLUMNS} FROM spans WHERE tenant = {tenant:String} AND trace_id IN (${idList(traceIds)})
       ORDER BY trace_id, span_id, kind, version DESC
       LIMIT 1 BY trace_id, span_id, kind LIMIT ${MAX_SPANS_READ_PER_TRACE * 4}`,
      { tenant },
    );
    return rows as unknown as SpanTuple[];
  }

  async readConflicts(tenant: string, traceIds: readonly string[]): Promise<string[]> {
    const rows = await this.#store.queryRows(
      `SELECT DISTINCT trace_id FROM (
         SELECT trace_id FROM spans WHERE tenant = {tenant:String} AND trace_id IN (${idList(traceIds)})
         GROUP BY trace_id, span_id, kind HAVING uniqExact(end, checksum) > 1)`,
      { tenant },
    );
    return rows.map(row => String(row[0]));
  }

  async readLiveRows(tenant: string, traceIds: readonly string[]): Promise<LiveRow[]> {
    const rows = await this.#store.queryRows(
      `SELECT trace_id, toUnixTimestamp(end_minute), country, region, locality, toUnixTimestamp64Milli(received),
              toString(version), flags
       FROM trace_revisions FINAL WHERE tenant = {tenant:String} AND trace_id IN (${idList(traceIds)})`,
      { tenant },
      ONE_PARTITION_FINAL,
    );
    return rows.map(row => ({
      traceId: String(row[0]),
      endMinute: Number(row[1]),
      country: String(row[2]),
      region: String(row[3]),
      locality: String(row[4]),
      receivedMs: Number(row[5]),
      version: BigInt(String(row[6])),
      flags: row[7] as string[],
    }));
  }

  async audit(sinceMs: number, limit: number): Promise<Audit> {
    const [[now]] = await this.#store.queryRows('SELECT toUnixTimestamp64Milli(now64(3))');
    const sql = `SELECT tenant, id, partitions, received_ms, min(until_ms) OVER () FROM ${perShard(this.#store, audit)} ORDER BY received_ms LIMIT {limit:UInt32}`;
    // A position that is yet to come is of a clock that was set back since: what was written meanwhile lies before it.
    const since = sinceMs > Number(now) ? 0 : sinceMs;
    const rows = await this.#store.queryRows(sql, { since, limit }, ONE_PARTITION_FINAL);
    const findings = rows.map(row => ({
      tenant: String(row[0]),
      traceId: String(row[1]),
      partitions: (row[2] as unknown[]).map(Number),
      lastReceivedMs: Number(row[3]),
    }));
    return { findings, serverNowMs: Number(now), untilMs: Math.min(Number(now), Number(rows[0]?.[4] ?? now)) };
  }

  async recentTraces(windowMs: number, limit: number, partitions: readonly number[]): Promise<SeenTrace[]> {
    const rows = await this.#store.queryRows(
      `SELECT tenant, trace_id FROM trace_arrivals
       WHERE partition IN {partitions:Array(UInt16)}
         AND received >= (SELECT max(received) FROM trace_arrivals) - toIntervalMillisecond({window:Int64})
       GROUP BY tenant, trace_id ORDER BY max(received) DESC LIMIT {limit:UInt32}`,
      { window: windowMs, limit, partitions },
    );
    return rows.map(toSeenTrace);
  }

  async selectTraces(selection: RestitchSelection): Promise<SeenTrace[]> {
    if (selection.kind === 'ids') {
      const rows = await this.#store.queryRows(
        `SELECT DISTINCT tenant, trace_id FROM trace_arrivals WHERE tenant = {tenant:String} AND trace_id IN (${idList(selection.traceIds)})`,
        { tenant: selection.tenant },
      );
      return rows.map(toSeenTrace);
    }
    if (selection.kind === 'tooLate') {
      return (
        await this.#store.queryRows('SELECT tenant, trace_id FROM traces WHERE too_late_count > 0 ORDER BY trace_id')
      ).map(toSeenTrace);
    }
    const rows = await this.#store.queryRows(
      `SELECT tenant, trace_id FROM traces
       WHERE end >= fromUnixTimestamp64Milli({from:Int64}) AND end < fromUnixTimestamp64Milli({to:Int64}) ORDER BY trace_id`,
      { from: selection.fromMs, to: selection.toMs },
    );
    return rows.map(toSeenTrace);
  }

  async loadProgress(name: string): Promise<{ instance: string; atMs: number; state: string }[]> {
    const { rows } = await readProgress(this.#store);
    return rows.filter(row => row.name === name);
  }

  async saveProgress(name: string, instance: string, state: string): Promise<void> {
    await writeProgress(this.#store, name, instance, state);
  }
}

function toSeenTrace(row: unknown[]): SeenTrace {
  return { tenant: String(row[0]), traceId: String(row[1]) };
}

export function createTraceStore(store: Store): TraceStore {
  return new ClickHouseTraceStore(store);
}
