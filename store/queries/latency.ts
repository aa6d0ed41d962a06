/**
 * Latency cells of a window: exact from the current revisions, or from sketches where the window is too large for that.
 *
 * Reads of `trace_revisions` filter on its key columns (tenant, end_minute, place) and take FINAL within that; only
 * then do they look at the exact end and the other columns, which differ between revisions. A key's rows share a
 * partition (schemas/clickhouse.ts), so partitions need no merging. Measured on 3.3 M revisions, 2 cores: this FINAL
 * took 71 ms for 200 k traces and 240 ms for 3 M; `ORDER BY version DESC LIMIT 1 BY trace_id` 92 ms and 1.25 s.
 */
import type { QueryOptions, Store } from '../types.js';
import { ofFewRows } from './lookup.js';

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

/** What both tables are asked for, but for the time. */
function asked({ location, service, operation }: LatencyQuestion): string {
  const conditions = ['tenant = {tenant:String}'];
  if (location !== undefined) conditions.push(placeCondition(location));
  if (service !== undefined) conditions.push('service = {service:String}');
  if (operation !== undefined) conditions.push('operation = {operation:String}');
  return conditions.join(' AND ');
}

/** Numbers are in the text: as parameters they would take longer than the reading of a city's traces. */
function minutesIn(fromNs: bigint, toNs: bigint): string {
  const last = minuteOf(toNs > 0n ? toNs - 1n : 0n);
  return `end_minute >= toDateTime(${minuteOf(fromNs)}) AND end_minute <= toDateTime(${last})`;
}

/** Of the revisions' exact ends. */
function endsIn(fromNs: bigint, toNs: bigint): string {
  const exactly = `end >= fromUnixTimestamp64Nano(${fromNs}) AND end < fromUnixTimestamp64Nano(${toNs})`;
  return `${minutesIn(fromNs, toNs)} AND ${exactly}`;
}

export function commonParameters(question: Pick<LatencyQuestion, 'tenant' | 'location' | 'service' | 'operation'>) {
  const parameters: Record<string, string> = { tenant: question.tenant };
  if (question.location !== undefined) parameters.location = question.location;
  if (question.service !== undefined) parameters.service = question.service;
  if (question.operation !== undefined) parameters.operation = question.operation;
  return parameters;
}

/** `AS k0, …, AS step_start,` and the clauses that group and order by them: all empty where there is one group. */
function keyColumns(
  { groupBy, stepNs }: LatencyQuestion,
  ns: string,
): { select: string; names: string; grouped: string; ordered: string } {
  const names = groupBy.map((_, index) => `k${index}`);
  const columns = groupBy.map((dimension, index) => `${DIMENSION_SQL[dimension]} AS k${index}, `);
  if (stepNs !== undefined) {
    names.push('step_start');
    columns.push(`intDiv(${ns}, ${stepNs}) * ${stepNs} AS step_start, `);
  }
  const list = names.join(', ');
  if (list === '') return { select: '', names: '', grouped: '', ordered: '' };
  return { select: columns.join(''), names: `${list}, `, grouped: `GROUP BY ${list}`, ordered: `ORDER BY ${list}` };
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
  return `arrayReduce('quantilesDDMerge(${SKETCH_RELATIVE_ERROR}, ${ranks})', [${state}, ${last}])`;
}

/** Those with traces: where there is one group, its row is there without any, too. */
function cellsOf({ groupBy, stepNs }: LatencyQuestion, rows: readonly (readonly unknown[])[]): LatencyCell[] {
  const cells = rows.map(row => {
    const step = stepNs === undefined ? [] : row.slice(groupBy.length, groupBy.length + 1);
    const [traces, errors, unknown, incomplete, latencyNs] = row.slice(groupBy.length + step.length);
    return {
      key: row.slice(0, groupBy.length).map(String),
      stepStartNs: BigInt(String(step[0] ?? 0)),
      traces: Number(traces),
      errors: Number(errors),
      unknown: Number(unknown),
      incomplete: Number(incomplete),
      latencyMs: (latencyNs as unknown[]).map(ns => Number(ns) / 1e6),
    };
  });
  return cells.filter(({ traces }) => traces > 0);
}

/** Service and operation are not in the key: looking at them would read more than it saves. */
const OF_ANY_ROOT = { service: undefined, operation: undefined };

/**
 * Revisions (superseded ones and tombstones included: an upper bound of the traces) in the window's minutes and place,
 * counted no further than `limit` + 1, so that asking costs little whatever the window.
 */
export async function countRevisions(store: Store, question: LatencyQuestion, limit: number): Promise<number> {
  const [[count]] = await store.queryRows(
    `SELECT count() FROM (
       SELECT 1 FROM trace_revisions
       WHERE ${minutesIn(question.fromNs, question.toNs)} AND ${asked({ ...question, ...OF_ANY_ROOT })}
       LIMIT ${Math.trunc(limit) + 1})`,
    commonParameters(question),
  );
  return Number(count);
}

/**
 * `exactLatency` where the window has few traces, without counting them before: undefined where more than `limit` rows
 * would have to be read, which the engine sees from its index.
 */
export function latencyOfFew(
  store: Store,
  question: LatencyQuestion,
  maxCells: number,
  limit: number,
): Promise<LatencyCell[] | undefined> {
  return ofFewRows(settings => exactLatency(store, question, maxCells, settings), limit);
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
    `SELECT ${key.select} count(), countIf(error), countIf(NOT has_root), countIf(NOT complete),
            quantilesExactIf(${levels(question.quantiles)})(duration_ns, has_root)
     FROM trace_revisions FINAL WHERE ${asked(question)} AND ${endsIn(question.fromNs, question.toNs)}
     ${key.grouped} ${key.ordered} LIMIT ${Math.trunc(maxCells)}`,
    commonParameters(question),
    { settings: { ...CURRENT_REVISIONS.settings, ...settings } },
  );
  return cellsOf(question, rows);
}

/** Can whole minutes come from `latency_rollup`? It has no environment, and a minute must not straddle steps. */
function rollupServes(question: LatencyQuestion): boolean {
  const { stepNs } = question;
  return !question.groupBy.includes('environment') && (stepNs === undefined || stepNs % NS_PER_MINUTE === 0n);
}

/** What of the window lies before and behind its whole minutes. */
function edgesOf({ fromNs, toNs }: LatencyQuestion, wholeFromNs: bigint, wholeToNs: bigint): string[] {
  const edges: string[] = [];
  if (fromNs < wholeFromNs) edges.push(endsIn(fromNs, wholeFromNs));
  if (wholeToNs < toNs) edges.push(endsIn(wholeToNs, toNs));
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
  const edges = wholeFromNs < wholeToNs ? edgesOf(question, wholeFromNs, wholeToNs) : [endsIn(fromNs, toNs)];
  if (edges.length > 0) {
    parts.push(`
      SELECT ${raw.select} count() AS n, countIf(error) AS e, countIf(NOT has_root) AS u, countIf(NOT complete) AS i,
             quantilesDDStateIf(${SKETCH_RELATIVE_ERROR}, 0.5)(toFloat64(duration_ns), has_root) AS sketch
      FROM trace_revisions FINAL WHERE ${asked(question)} AND (${edges.map(edge => `(${edge})`).join(' OR ')})
      ${raw.grouped}`);
  }
  if (wholeFromNs < wholeToNs) {
    parts.push(`
      SELECT ${rolled.select} sum(traces) AS n, sum(errors) AS e, sum(unknown) AS u, sum(incomplete) AS i,
             quantilesDDMergeState(${SKETCH_RELATIVE_ERROR}, 0.5)(latency) AS sketch
      FROM latency_rollup FINAL WHERE ${asked(question)}
        AND minute >= toDateTime(${minuteOf(wholeFromNs)}) AND minute < toDateTime(${minuteOf(wholeToNs)})
      ${rolled.grouped}`);
  }
  const rows = await store.queryRows(
    `SELECT ${raw.names} sum(n), sum(e), sum(u), sum(i),
            ${sketchQuantiles(question.quantiles, `quantilesDDMergeState(${SKETCH_RELATIVE_ERROR}, 0.5)(sketch)`)}
     FROM (${parts.join(' UNION ALL ')})
     ${raw.grouped} ${raw.ordered} LIMIT ${Math.trunc(maxCells)}`,
    commonParameters(question),
    CURRENT_REVISIONS,
  );
  return cellsOf(question, rows);
}
