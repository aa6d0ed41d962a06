/**
 * Latency cells of a window: exact from the current revisions, or from sketches where the window is too large for that.
 *
 * Reads of `trace_revisions` filter on its key columns (tenant, end_minute, place) and take FINAL within that; only
 * then do they look at the exact end and the other columns, which differ between revisions. A key's rows share a
 * partition (schemas/clickhouse.ts), so partitions need no merging. Measured on 3.3 M revisions, 2 cores: this FINAL
 * took 71 ms for 200 k traces and 240 ms for 3 M; `ORDER BY version DESC LIMIT 1 BY trace_id` 92 ms and 1.25 s.
 */
import { StoreError } from '../errors.js';
import type { QueryOptions, QueryParameters, Store } from '../types.js';
import { LOOKUP } from './lookup.js';

export type LatencyDimension = 'location' | 'locality' | 'region' | 'country' | 'service' | 'operation' | 'environment';

export interface LatencyQuestion {
  readonly tenant: string;
  /** [fromNs, toNs) of the trace's end, epoch nanoseconds. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** Locality, region or country code, in any case. */
  readonly location?: string | undefined;
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly groupBy: readonly LatencyDimension[];
  /** Each from 0 to 1. */
  readonly quantiles: readonly number[];
  /** Cells per multiple of this since 1970, too. */
  readonly stepNs?: bigint | undefined;
}

export interface LatencyCell {
  /** In the order of `groupBy`. */
  readonly key: readonly string[];
  /** Start of the step, epoch nanoseconds; 0 without a step. */
  readonly stepStartNs: bigint;
  readonly traces: number;
  readonly errors: number;
  readonly unknown: number;
  readonly incomplete: number;
  /** Milliseconds in the order of `quantiles`; without meaning where `unknown` equals `traces`. */
  readonly latencyMs: readonly number[];
}

/** What quantileDD promises, and what `latency_rollup.latency` (in nanoseconds) was made with. */
export const SKETCH_RELATIVE_ERROR = 0.01;

export const CURRENT_REVISIONS: QueryOptions = { settings: { do_not_merge_across_partitions_select_final: 1 } };

const NS_PER_MINUTE = 60_000_000_000n;
/** `end_minute` is a DateTime: 32 bits of seconds. */
const MAX_MINUTE_S = (1n << 32n) - 60n;

const DIMENSION_SQL: Readonly<Record<LatencyDimension, string>> = {
  location: "multiIf(locality != '', toString(locality), region != '', toString(region), toString(country))",
  locality: 'toString(locality)',
  region: 'toString(region)',
  country: 'toString(country)',
  service: 'toString(service)',
  operation: 'toString(operation)',
  environment: 'toString(environment)',
};

/** Start of the minute that holds `ns`, in epoch seconds, as far as `end_minute` reaches. */
export function minuteOf(ns: bigint): bigint {
  const minute = (ns / NS_PER_MINUTE) * 60n;
  return minute > MAX_MINUTE_S ? MAX_MINUTE_S : minute;
}

/** Conditions on columns that both `trace_revisions` (in its key) and `latency_rollup` have. */
export function placeCondition(location: string | undefined): string {
  if (location === undefined) return '1';
  const equals = (column: string) => `lowerUTF8(${column}) = lowerUTF8({location:String})`;
  return `(${equals('locality')} OR ${equals('region')} OR ${equals('country')})`;
}

function rootCondition(question: Pick<LatencyQuestion, 'service' | 'operation'>): string {
  const conditions: string[] = [];
  if (question.service !== undefined) conditions.push('service = {service:String}');
  if (question.operation !== undefined) conditions.push('operation = {operation:String}');
  return conditions.join(' AND ') || '1';
}

/** Current revisions ending in [fromNs, toNs), from parameters named `${prefix}_…`. */
function endCondition(prefix: string): string {
  return `end_minute >= toDateTime({${prefix}_first_minute:UInt32}) AND end_minute <= toDateTime({${prefix}_last_minute:UInt32})
    AND end >= fromUnixTimestamp64Nano({${prefix}_from:Int64}) AND end < fromUnixTimestamp64Nano({${prefix}_to:Int64})`;
}

function endParameters(prefix: string, fromNs: bigint, toNs: bigint): QueryParameters {
  return {
    [`${prefix}_first_minute`]: String(minuteOf(fromNs)),
    [`${prefix}_last_minute`]: String(minuteOf(toNs > 0n ? toNs - 1n : 0n)),
    [`${prefix}_from`]: String(fromNs),
    [`${prefix}_to`]: String(toNs),
  };
}

export function commonParameters(question: Pick<LatencyQuestion, 'tenant' | 'location' | 'service' | 'operation'>) {
  const parameters: Record<string, string> = { tenant: question.tenant };
  if (question.location !== undefined) parameters.location = question.location;
  if (question.service !== undefined) parameters.service = question.service;
  if (question.operation !== undefined) parameters.operation = question.operation;
  return parameters;
}

function stepOf(question: LatencyQuestion, ns: string): string {
  return question.stepNs === undefined ? 'toInt64(0)' : `intDiv(${ns}, ${question.stepNs}) * ${question.stepNs}`;
}

/** `AS k0, …, AS step_start` and the names alone. */
function keyColumns(question: LatencyQuestion, ns: string): { select: string; names: string } {
  const names = [...question.groupBy.map((_, index) => `k${index}`), 'step_start'];
  const expressions = [...question.groupBy.map(dimension => DIMENSION_SQL[dimension]), stepOf(question, ns)];
  return { select: expressions.map((sql, index) => `${sql} AS ${names[index]}`).join(', '), names: names.join(', ') };
}

const LEVEL = /^(0|1|0?\.\d+(e-\d+)?|\d(\.\d+)?e-\d+)$/;

/** Aggregate functions take their levels as literals only. */
function levels(quantiles: readonly number[]): string {
  for (const quantile of quantiles) {
    if (!LEVEL.test(String(quantile))) throw new Error(`not a quantile: ${quantile}`);
  }
  return quantiles.join(', ');
}

/** Longer than any duration in nanoseconds, and not so long that the sketch grows by it. */
const LONGEST_NS = 1e20;

/**
 * quantilesDD takes the value at rank level × (n − 1), quantileExact the one at level × n, rounded down: with one more
 * value behind the last the two are the same, and the relative error is one to what `exactLatency` would have said.
 * Level 1 would be that value, so it is taken a little lower.
 */
function sketchQuantiles(quantiles: readonly number[], state: string): string {
  const ranks = levels(quantiles.map(quantile => Math.min(quantile, 1 - 1e-12)));
  const last = `arrayReduce('quantilesDDState(${SKETCH_RELATIVE_ERROR}, 0.5)', [toFloat64(${LONGEST_NS})])`;
  const merged = `arrayReduce('quantilesDDMerge(${SKETCH_RELATIVE_ERROR}, ${ranks})', [${state}, ${last}])`;
  return `arrayMap(ns -> ns / 1e6, ${merged})`;
}

function toCell(question: LatencyQuestion, row: readonly unknown[]): LatencyCell {
  const width = question.groupBy.length;
  return {
    key: row.slice(0, width).map(String),
    stepStartNs: BigInt(String(row[width])),
    traces: Number(row[width + 1]),
    errors: Number(row[width + 2]),
    unknown: Number(row[width + 3]),
    incomplete: Number(row[width + 4]),
    latencyMs: (row[width + 5] as unknown[]).map(Number),
  };
}

/**
 * Revisions (superseded ones and tombstones included: an upper bound of the traces) in the window's minutes and place,
 * counted no further than `limit` + 1, so that asking costs little whatever the window.
 */
export async function countRevisions(store: Store, question: LatencyQuestion, limit: number): Promise<number> {
  const [[count]] = await store.queryRows(
    `SELECT count() FROM (
       SELECT 1 FROM trace_revisions
       WHERE tenant = {tenant:String} AND end_minute >= toDateTime({w_first_minute:UInt32})
         AND end_minute <= toDateTime({w_last_minute:UInt32}) AND ${placeCondition(question.location)}
       LIMIT ${Math.trunc(limit) + 1})`,
    { ...commonParameters(question), ...endParameters('w', question.fromNs, question.toNs) },
  );
  return Number(count);
}

/** So many rows one thread reads in the time that it takes to start a second one. */
const FEW_ROWS = 50_000;
const TOO_MANY_ROWS = 158;

/**
 * `exactLatency` where the window has few traces, without counting them before: undefined where more than `limit` rows
 * would have to be read, which the engine sees from its index.
 */
export async function latencyOfFew(
  store: Store,
  question: LatencyQuestion,
  maxCells: number,
  limit: number,
): Promise<LatencyCell[] | undefined> {
  const max_rows_to_read = Math.max(1, Math.min(limit, FEW_ROWS));
  try {
    return await exactLatency(store, question, maxCells, { ...LOOKUP.settings, max_rows_to_read });
  } catch (error) {
    if (error instanceof StoreError && error.clickhouseCode === TOO_MANY_ROWS) return undefined;
    throw error;
  }
}

/** Quantiles as quantileExact defines them, over the roots' durations. Costs 8 bytes a trace and group. */
export async function exactLatency(
  store: Store,
  question: LatencyQuestion,
  maxCells: number,
  settings: QueryOptions['settings'] = {},
): Promise<LatencyCell[]> {
  const key = keyColumns(question, 'toUnixTimestamp64Nano(end)');
  const rows = await store.queryRows(
    `SELECT ${key.select}, count(), countIf(error), countIf(NOT has_root), countIf(NOT complete),
            arrayMap(ns -> ns / 1e6, quantilesExactIf(${levels(question.quantiles)})(duration_ns, has_root))
     FROM trace_revisions FINAL
     WHERE tenant = {tenant:String} AND ${endCondition('w')} AND ${placeCondition(question.location)}
       AND ${rootCondition(question)}
     GROUP BY ${key.names} ORDER BY ${key.names} LIMIT ${Math.trunc(maxCells)}`,
    { ...commonParameters(question), ...endParameters('w', question.fromNs, question.toNs) },
    { settings: { ...CURRENT_REVISIONS.settings, ...settings } },
  );
  return rows.map(row => toCell(question, row));
}

/** Can whole minutes come from `latency_rollup`? It has no environment, and a minute must not straddle steps. */
function rollupServes(question: LatencyQuestion): boolean {
  const { stepNs } = question;
  return !question.groupBy.includes('environment') && (stepNs === undefined || stepNs % NS_PER_MINUTE === 0n);
}

/** What of the window lies before and behind its whole minutes. */
function edgesOf({ fromNs, toNs }: LatencyQuestion, wholeFromNs: bigint, wholeToNs: bigint): string[] {
  const edges: string[] = [];
  if (fromNs < wholeFromNs) edges.push(endCondition('head'));
  if (wholeToNs < toNs) edges.push(endCondition('tail'));
  return edges;
}

/**
 * Quantiles with `SKETCH_RELATIVE_ERROR`: whole minutes from `latency_rollup`, the partial minutes at the edges from the
 * current revisions. Merging sketches loses nothing. Counts are exact as of the rollup's last pass.
 */
export async function sketchLatency(store: Store, question: LatencyQuestion, maxCells: number): Promise<LatencyCell[]> {
  const { fromNs, toNs } = question;
  let wholeFromNs = ((fromNs + NS_PER_MINUTE - 1n) / NS_PER_MINUTE) * NS_PER_MINUTE;
  let wholeToNs = (toNs / NS_PER_MINUTE) * NS_PER_MINUTE;
  if (!rollupServes(question) || wholeFromNs >= wholeToNs) wholeFromNs = wholeToNs = toNs;
  const raw = keyColumns(question, 'toUnixTimestamp64Nano(end)');
  const rolled = keyColumns(question, 'toInt64(toUnixTimestamp(minute)) * 1000000000');
  const parts: string[] = [];
  const edges = wholeFromNs < wholeToNs ? edgesOf(question, wholeFromNs, wholeToNs) : [endCondition('w')];
  if (edges.length > 0) {
    parts.push(`
      SELECT ${raw.select}, count() AS n, countIf(error) AS e, countIf(NOT has_root) AS u, countIf(NOT complete) AS i,
             quantilesDDStateIf(${SKETCH_RELATIVE_ERROR}, 0.5)(toFloat64(duration_ns), has_root) AS sketch
      FROM trace_revisions FINAL
      WHERE tenant = {tenant:String} AND (${edges.map(edge => `(${edge})`).join(' OR ')})
        AND ${placeCondition(question.location)} AND ${rootCondition(question)}
      GROUP BY ${raw.names}`);
  }
  if (wholeFromNs < wholeToNs) {
    parts.push(`
      SELECT ${rolled.select}, sum(traces) AS n, sum(errors) AS e, sum(unknown) AS u, sum(incomplete) AS i,
             quantilesDDMergeState(${SKETCH_RELATIVE_ERROR}, 0.5)(latency) AS sketch
      FROM latency_rollup FINAL
      WHERE tenant = {tenant:String} AND minute >= toDateTime({whole_from:UInt32}) AND minute < toDateTime({whole_to:UInt32})
        AND ${placeCondition(question.location)} AND ${rootCondition(question)}
      GROUP BY ${rolled.names}`);
  }
  const rows = await store.queryRows(
    `SELECT ${raw.names}, sum(n), sum(e), sum(u), sum(i),
            ${sketchQuantiles(question.quantiles, `quantilesDDMergeState(${SKETCH_RELATIVE_ERROR}, 0.5)(sketch)`)}
     FROM (${parts.join(' UNION ALL ')})
     GROUP BY ${raw.names} ORDER BY ${raw.names} LIMIT ${Math.trunc(maxCells)}`,
    {
      ...commonParameters(question),
      ...endParameters('w', fromNs, toNs),
      ...endParameters('head', fromNs, wholeFromNs),
      ...endParameters('tail', wholeToNs, toNs),
      whole_from: String(minuteOf(wholeFromNs)),
      whole_to: String(minuteOf(wholeToNs)),
    },
    CURRENT_REVISIONS,
  );
  return rows.map(row => toCell(question, row));
}
