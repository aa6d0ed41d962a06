/**
 * Traces that a report names: of an objective's selection the slowest and the failed ones, bad ones first. One look at the
 * few columns that tell the verdict, of the minutes of the window: how long it takes follows from the traces in them.
 */
import type { SloDefinition } from '../../../schemas/index.js';
import { perShard } from '../../cluster.js';
import type { Store } from '../../types.js';
import { CURRENT_REVISIONS } from '../latency.js';
import { literal } from '../literal.js';
import { Verdict, verdictOf } from './conditions.js';
import { type MinuteSpan, secondsOf } from './counts.js';

export interface ReportTracesQuestion extends MinuteSpan {
  readonly tenant: string;
  readonly definition: SloDefinition;
  /** Index into the definition's objectives. */
  readonly objective: number;
  readonly limit: number;
}

export interface ReportTraceRow {
  readonly traceId: string;
  readonly endMs: number;
  readonly service: string;
  readonly operation: string;
  readonly location: string;
  readonly durationNs: number;
}

export interface ReportTraces {
  /** Of those whose root is known and did not fail. */
  readonly slowest: readonly ReportTraceRow[];
  readonly failed: readonly ReportTraceRow[];
}

/** Bad ones first, then those without a verdict, then good ones; of each the longest first, then by id. */
export async function reportTraces(store: Store, question: ReportTracesQuestion): Promise<ReportTraces> {
  const { tenant, definition, objective, fromMinute, toMinute } = question;
  const limit = Math.trunc(question.limit);
  const { from, to } = secondsOf(fromMinute, toMinute);
  const sql = perShard(store, table => {
    const inWindow = `tenant = ${literal(tenant)} AND end_minute >= toDateTime(${from}) AND end_minute < toDateTime(${to})`;
    const spans = {
      table: table('spans'),
      where: `tenant = ${literal(tenant)} AND trace_id IN (SELECT trace_id FROM ${table('trace_revisions')} WHERE ${inWindow})`,
    };
    const verdict = verdictOf(definition.selection, definition.objectives[objective].good, spans);
    return `
      SELECT groupArraySortedIf(${limit})(named, has_root AND NOT error) AS slowest,
             groupArraySortedIf(${limit})(named, error) AS failed
      FROM (
        SELECT has_root, error,
               (multiIf(verdict = ${Verdict.BAD}, 0, verdict = ${Verdict.UNKNOWN}, 1, 2), -toInt64(duration_ns), toString(trace_id),
                toString(service), toString(operation),
                toString(multiIf(locality != '', locality, region != '', region, country)),
                toUnixTimestamp64Milli(toDateTime64(end, 3))) AS named
        FROM (
          SELECT *, ${verdict} AS verdict FROM ${table('trace_revisions')} FINAL
          PREWHERE ${inWindow} WHERE NOT is_deleted AND verdict != ${Verdict.NOT_SELECTED}))`;
  });
  const rows = await store.queryRows(`SELECT slowest, failed FROM ${sql}`, {}, CURRENT_REVISIONS);
  const merged = (column: number) =>
    rows
      .flatMap(row => row[column] as Named[])
      .sort(compare)
      .slice(0, limit)
      .map(toRow);
  return { slowest: merged(0), failed: merged(1) };
}

/** 64-bit numbers come as text. */
type Named = readonly [rank: number, negatedNs: string, id: string, string, string, string, endMs: string];

function compare(a: Named, b: Named): number {
  return a[0] - b[0] || Number(a[1]) - Number(b[1]) || (a[2] < b[2] ? -1 : Number(a[2] > b[2]));
}

function toRow([, negatedNs, traceId, service, operation, location, endMs]: Named): ReportTraceRow {
  return { traceId, endMs: Number(endMs), service, operation, location, durationNs: Math.abs(Number(negatedNs)) };
}
