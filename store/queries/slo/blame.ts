/**
 * Who spent the error budget (docs/slo.md, Blame): the bad traces of a window, each given to one element of its critical
 * path, and what healthy traces of the same kind spend there.
 *
 * Traces are found in two steps: by the few columns that tell the verdict, whatever the revision; then only the rows of
 * those traces are read whole and merged. A condition on `trace_id` may stand before FINAL, as it is part of the key. For
 * an hour of 750,000 traces, 8,200 of them bad, the engine took 0.7 s of CPU for a whole answer: 0.3 s to find and read
 * the bad ones, 0.25 s to hold them against their baselines, the rest for the baselines.
 */
import { perShard } from '../../cluster.js';
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import type { Baseline, Entry, PathElement, TraceKind } from './baselines.js';
import {
  type BlameQuestion,
  ELEMENT,
  ELEMENT_TYPE,
  hasVerdict,
  inWindow,
  KIND,
  LARGE_STATEMENT,
  minutesOf,
  NAMED_ELEMENT,
  PATH,
  PATH_SERVICES,
  type TableName,
  toElement,
  toKind,
  tracesOf,
} from './blame-traces.js';
import { durationHolds, Verdict } from './conditions.js';

/** Bad traces that one element is to blame for, and that were held against one baseline. */
export interface BlamedElement {
  readonly kind: TraceKind;
  readonly element: PathElement;
  readonly isFailed: boolean;
  readonly events: number;
  /** Sum over the events of time × traces of the baseline − sum of the baseline: nanoseconds times those traces. */
  readonly scaledExcess: bigint;
  /** The worst first, then by id. */
  readonly examples: readonly { readonly scaledExcess: bigint; readonly traceId: string }[];
}

export const BLAME_EXAMPLES = 5;

export interface BadEntries {
  /** Of the bad traces that are no failures. At most as many as were asked for. */
  readonly slow: readonly Entry[];
  readonly hasFailed: boolean;
}

/** What is bad in the window; maybe some more, of which an older revision was bad. At most `limit` entries. */
export async function badEntries(store: Store, question: BlameQuestion, limit: number): Promise<BadEntries> {
  const { isFailed } = slownessOf(question);
  // Failed traces are one row, whatever their entries: only of slow ones are these asked for.
  const sql = perShard(
    store,
    table => `
      SELECT DISTINCT ${isFailed} AS is_failed, if(is_failed, '', toString(service)) AS entry_service,
             if(is_failed, '', toString(operation)) AS entry_operation
      FROM ${table('trace_revisions')}
      WHERE ${inWindow(question)} AND ${hasVerdict(question, table, Verdict.BAD, minutesOf(question))}
      LIMIT ${Math.trunc(limit) + 1}`,
  );
  const rows = await store.queryRows(
    `SELECT DISTINCT is_failed, entry_service, entry_operation FROM ${sql} ORDER BY is_failed, entry_service, entry_operation`,
  );
  const slow = rows.filter(([isFailed]) => !isFailed);
  return {
    slow: slow.map(([, service, operation]) => ({ service: String(service), operation: String(operation) })),
    hasFailed: slow.length < rows.length,
  };
}

/** Each bad trace of the window, given to one element; summed by kind and element, and by shard in a cluster. */
export async function blamedElements(
  store: Store,
  question: BlameQuestion,
  baselines: readonly Baseline[],
  limit: number,
): Promise<BlamedElement[]> {
  const sql = perShard(
    store,
    table => `
      SELECT ${KIND}, ${ELEMENT}, is_failed, count() AS events, toString(sum(excess)) AS scaled,
             arrayMap(example -> (toString(-example.1), example.2),
                      groupArraySorted(${BLAME_EXAMPLES})((-excess, toString(trace_id)))) AS examples
      FROM (${worstElements(elementsOfBad(question, table, baselines), baselines)})
      GROUP BY ${KIND}, ${ELEMENT}, is_failed
      LIMIT ${Math.trunc(limit)}`,
  );
  const rows = await store.queryRows(`SELECT * FROM ${sql} LIMIT ${Math.trunc(limit)}`, {}, LARGE_STATEMENT);
  return rows.map(row => ({
    kind: toKind(row),
    element: toElement(row.slice(3, 8)),
    isFailed: Boolean(row[8]),
    events: Number(row[9]),
    scaledExcess: BigInt(String(row[10])),
    examples: (row[11] as [string, string][]).map(([scaled, traceId]) => ({ scaledExcess: BigInt(scaled), traceId })),
  }));
}

/** One row per bad trace and element, the times of its sections summed. */
function elementsOfBad(question: BlameQuestion, table: TableName, baselines: readonly Baseline[]): string {
  const { isFailed, slowTiers, isAnySlow } = slownessOf(question);
  const alone = (service: string, operation: string, tier: string) =>
    `[CAST((toJSONString(['service', '', ${service}, ${operation}, ${tier}]), 0), '${ELEMENT_TYPE}')]`;
  return `
    SELECT end_minute, trace_id, ${KIND}, is_failed, ${NAMED_ELEMENT},
           any(is_any_slow OR has(slow_tiers, tier)) AS competes, sum(element.2) AS ns
    FROM (
      SELECT end_minute, trace_id, toString(service) AS entry_service, toString(operation) AS entry_operation,
             ${servicesIfIn(baselines)} AS entry_services, ${isFailed} AS is_failed, ${slowTiers} AS slow_tiers, ${isAnySlow} AS is_any_slow,
             arrayJoin(multiIf(is_failed, ${alone('error_service', 'error_operation', 'error_tier')},
                               empty(path_sections), ${alone('service', 'operation', "''")}, ${PATH})) AS element
      FROM (${tracesOf(question, table, Verdict.BAD, minutesOf(question), inWindow(question))}) AS revisions)
    GROUP BY end_minute, trace_id, ${KIND}, is_failed, ${ELEMENT}`;
}

/** Those of the trace if there is a baseline of its kind, else ''. */
function servicesIfIn(baselines: readonly Baseline[]): string {
  const kinds = baselines.filter(({ of }) => of.services !== '');
  if (kinds.length === 0) return "''";
  const tuples = kinds.map(({ of }) => `(${[of.service, of.operation, of.services].map(literal).join(', ')})`);
  return `if((service, operation, ${PATH_SERVICES}) IN (${tuples.join(', ')}), ${PATH_SERVICES}, '')`;
}

/**
 * Of each trace the element that exceeds its baseline the most. Without a baseline it is held against nothing: the longest
 * one leads, and has no excess.
 */
function worstElements(elements: string, baselines: readonly Baseline[]): string {
  const traces = baselines.map(({ of, traces }) => [of.service, of.operation, of.services, String(traces)]);
  const sums = baselines.flatMap(({ of, sums }) =>
    sums.map(({ element: { kind, caller, service, operation, tier }, ns }) => [
      ...[of.service, of.operation, of.services, kind, caller, service, operation, tier],
      String(ns),
    ]),
  );
  const kind = KIND.split(', ');
  return `
    SELECT trace_id, ${KIND}, is_failed, ${ELEMENT},
           toInt128(ns) * greatest(toInt128OrZero(traces), 1) - toInt128OrZero(baseline_ns) AS lead,
           if(is_failed OR traces = '', 0, lead) AS excess
    FROM (${elements}) AS bad
    LEFT JOIN ${literalTable(traces, [...kind, 'traces'])} AS healthy USING (${KIND})
    LEFT JOIN ${literalTable(sums, [...kind, ...ELEMENT.split(', '), 'baseline_ns'])} AS sums USING (${KIND}, ${ELEMENT})
    ORDER BY end_minute, trace_id, competes DESC, lead DESC, ns DESC, ${ELEMENT}
    LIMIT 1 BY end_minute, trace_id`;
}

function literalTable(rows: readonly (readonly string[])[], columns: readonly string[]): string {
  const type = `Array(Tuple(${columns.map(() => 'String').join(', ')}))`;
  const values = rows.map(row => `(${row.map(literal).join(',')})`).join(',');
  const named = columns.map((column, index) => `line.${index + 1} AS ${column}`).join(', ');
  return `(SELECT ${named} FROM (SELECT arrayJoin(CAST([${values}], '${type}')) AS line))`;
}

/** Expressions that tell failed traces from slow ones, and in which tiers a trace was too slow. */
function slownessOf({ definition, objective }: BlameQuestion) {
  const { durations, noError, isNegated } = definition.objectives[objective].good;
  const decisive = durations.map(condition => ({
    tier: condition.tier,
    holds: `(${isNegated ? durationHolds(condition).holds : durationHolds(condition).fails})`,
  }));
  const isWholeSlow =
    decisive
      .filter(({ tier }) => tier === null)
      .map(({ holds }) => holds)
      .join(' OR ') || 'false';
  const tiers = decisive.filter(({ tier }) => tier !== null);
  const named = tiers.map(({ tier, holds }) => `if(${holds}, ${literal(tier ?? '')}, '')`);
  const slowTiers =
    named.length === 0 ? 'emptyArrayString()' : `arrayFilter(slow -> slow != '', [${named.join(', ')}])`;
  const isSlow = `((${isWholeSlow}) OR notEmpty(${slowTiers}))`;
  return {
    isFailed: noError && !isNegated ? 'error' : `(error AND NOT ${isSlow})`,
    slowTiers,
    /** Every element competes: the whole was too slow, or it is bad for another reason. */
    isAnySlow: `((${isWholeSlow}) OR empty(${slowTiers}))`,
  };
}
