/**
 * Who spent the error budget (docs/slo.md, Blame): the bad traces of a window, each given to one element of its critical
 * path, and what healthy traces of the same kind spend there.
 *
 * Traces are found in two steps: by the few columns that tell the verdict, whatever the revision; then only the rows of
 * those traces are read whole and merged. A condition on `trace_id` may stand before FINAL, as it is part of the key. For
 * an hour of 750,000 traces, 8,200 of them bad, the engine took 0.7 s of CPU for a whole answer: 0.3 s to find and read
 * the bad ones, 0.25 s to hold them against their baselines, the rest for the baselines.
 */
import { countingHash, type SloDefinition } from '../../../schemas/index.js';
import { perShard } from '../../cluster.js';
import type { QueryOptions, Store } from '../../types.js';
import { CURRENT_REVISIONS, minuteOf } from '../latency.js';
import { literal } from '../literal.js';
import { addBaselines, type Baseline, type Entry, type PathElement, type TraceKind } from './baselines.js';
import { durationHolds, groupKeyOf, groupKeyWith, Verdict, verdictOf } from './conditions.js';

export interface BlameQuestion {
  readonly tenant: string;
  readonly definition: SloDefinition;
  /** Index into the definition's objectives. */
  readonly objective: number;
  /** One value for each of `groupBy`; undefined: all groups together. */
  readonly group: Readonly<Record<string, string>> | undefined;
  /** [fromNs, toNs) of the trace's end, epoch nanoseconds. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

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

/** A baseline of many entries and elements is part of the statement: tens of thousands of literals. */
const LARGE_STATEMENT: QueryOptions = {
  settings: {
    ...CURRENT_REVISIONS.settings,
    max_query_size: 64 * 1024 * 1024,
    max_ast_elements: 10_000_000,
    max_expanded_ast_elements: 10_000_000,
  },
};

const KIND = 'entry_service, entry_operation, entry_services';
const ELEMENT = 'kind, caller, callee, span_operation, tier';
const ELEMENT_TYPE = 'Tuple(String, String, String, String, String, UInt64)';

const PATH_SERVICES = 'toString(arraySort(service_names))';
const PATH = `CAST(arrayZip(path_kind, path_caller, path_service, path_operation, path_tier, path_self_ns), 'Array(${ELEMENT_TYPE})')`;

/** Entries of the bad traces that are no failures; maybe some more, of which an older revision was bad. At most `limit`. */
export async function slowEntries(store: Store, question: BlameQuestion, limit: number): Promise<Entry[]> {
  const sql = perShard(
    store,
    table => `
      SELECT DISTINCT toString(service) AS service, toString(operation) AS operation
      FROM ${table('trace_revisions')}
      WHERE ${inWindow(question)} AND ${hasVerdict(question, table, Verdict.BAD, minutesOf(question))} AND NOT ${slownessOf(question).isFailed}
      LIMIT ${Math.trunc(limit)}`,
  );
  const rows = await store.queryRows(`SELECT DISTINCT service, operation FROM ${sql} ORDER BY service, operation`);
  return rows.map(([service, operation]) => ({ service: String(service), operation: String(operation) }));
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

/** Time per element of the healthy traces of these entries, by kind, that ended in these minutes (epoch seconds). */
export async function healthySums(
  store: Store,
  question: BlameQuestion,
  entries: readonly Entry[],
  minutes: readonly number[],
  limit: number,
): Promise<Baseline[]> {
  if (minutes.length === 0 || entries.length === 0) return [];
  const ends = `end_minute IN (${minutes.map(at => `toDateTime(${Math.trunc(at)})`).join(', ')})`;
  const among = `(service, operation) IN (${entries.map(entry => `(${literal(entry.service)}, ${literal(entry.operation)})`).join(', ')})`;
  // A trace counts once for its kind, too: as an element without a name.
  const elements = `arrayPushFront(${PATH}, CAST(('', '', '', '', '', 1), '${ELEMENT_TYPE}'))`;
  const sql = perShard(
    store,
    table => `
      SELECT ${KIND}, ${NAMED_ELEMENT}, toString(sum(toUInt128(element.6))) AS ns,
             toUnixTimestamp(min(end_minute)) AS first_minute, toUnixTimestamp(max(end_minute)) AS last_minute
      FROM (
        SELECT end_minute, toString(service) AS entry_service, toString(operation) AS entry_operation,
               ${PATH_SERVICES} AS entry_services, arrayJoin(${elements}) AS element
        FROM (${tracesOf(question, table, Verdict.GOOD, ends, among)}) AS revisions)
      GROUP BY ${KIND}, ${ELEMENT}
      LIMIT ${Math.trunc(limit)}`,
  );
  const rows = await store.queryRows(`SELECT * FROM ${sql} LIMIT ${Math.trunc(limit)}`, {}, LARGE_STATEMENT);
  return addBaselines(rows.map(toBaseline));
}

export interface MinuteChoice {
  /** Epoch seconds, whole minutes: the asked window reaches from `fromMinute` to `toMinute`, the search beyond it. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly reachSeconds: number;
  /** Share of good traces with which a minute kept the promise, parts per million. */
  readonly targetPpm: number;
  /** Of each pool as many minutes as bring this many good traces, and no more minutes than that. */
  readonly enoughTraces: number;
  readonly maxMinutes: number;
}

/**
 * Minutes to take healthy traces from, epoch seconds, by pool: 0: those before the window that kept the promise; 1: such
 * within and after it; 2: all the others. Of each the nearest before it first, then those within, then the nearest after.
 */
export async function healthyMinutes(
  store: Store,
  question: BlameQuestion,
  choice: MinuteChoice,
): Promise<readonly [number[], number[], number[]]> {
  const { tenant, definition, objective } = question;
  const [from, to, reach] = [choice.fromMinute, choice.toMinute, choice.reachSeconds].map(Math.trunc);
  const rows = await store.queryRows(
    `SELECT at, pool FROM (
       SELECT at, pool,
              sum(good) OVER (nearest_first ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - good AS nearer,
              row_number() OVER nearest_first AS place
       FROM (
         SELECT toInt64(toUnixTimestamp(minute)) AS at, sum(slo_rollup.good) AS good, sum(slo_rollup.bad) AS bad,
                multiIf(at < ${from}, 0, at < ${to}, 1, 2) AS side, if(side = 0, -at, at) AS distance,
                bad * 1000000 <= (good + bad) * ${1_000_000 - Math.trunc(choice.targetPpm)} AS is_kept,
                multiIf(NOT is_kept, 2, side = 0, 0, 1) AS pool
         FROM slo_rollup FINAL
         WHERE tenant = ${literal(tenant)} AND slo = ${literal(definition.name)}
           AND slo_rollup.definition = ${literal(countingHash(definition))} AND objective = ${Math.trunc(objective)}
           AND minute >= toDateTime(${Math.max(0, from - reach)}) AND minute < toDateTime(${to + reach})
           AND ${question.group === undefined ? 'true' : `group_key = ${keyOf(question)}`}
         GROUP BY at HAVING good > 0)
       WINDOW nearest_first AS (PARTITION BY pool ORDER BY side, distance))
     WHERE nearer < ${Math.trunc(choice.enoughTraces)} AND place <= ${Math.trunc(choice.maxMinutes)}
     ORDER BY at`,
  );
  const pools: [number[], number[], number[]] = [[], [], []];
  for (const [at, pool] of rows) pools[Number(pool)].push(Number(at));
  return pools;
}

type TableName = (name: string) => string;

const NAMED_ELEMENT =
  'element.1 AS kind, element.2 AS caller, element.3 AS callee, element.4 AS span_operation, element.5 AS tier';

/** Current revisions with that verdict, all columns. `among` may narrow them further. */
function tracesOf(question: BlameQuestion, table: TableName, verdict: number, ends: string, among: string): string {
  const name = table('trace_revisions');
  const wanted = `${among} AND ${hasVerdict(question, table, verdict, ends)}`;
  const inMinutes = `tenant = ${literal(question.tenant)} AND ${ends}`;
  return `
    SELECT * FROM ${name} FINAL
    PREWHERE ${inMinutes} AND trace_id IN (SELECT trace_id FROM ${name} WHERE ${inMinutes} AND NOT is_deleted AND ${wanted})
    WHERE ${wanted}`;
}

/** One row per bad trace and element, the times of its sections summed. */
function elementsOfBad(question: BlameQuestion, table: TableName, baselines: readonly Baseline[]): string {
  const { isFailed, slowTiers, isAnySlow } = slownessOf(question);
  const alone = (service: string, operation: string, tier: string) =>
    `[CAST(('service', '', ${service}, ${operation}, ${tier}, 0), '${ELEMENT_TYPE}')]`;
  return `
    SELECT end_minute, trace_id, ${KIND}, is_failed, ${NAMED_ELEMENT},
           any(is_any_slow OR has(slow_tiers, element.5)) AS competes, sum(element.6) AS ns
    FROM (
      SELECT end_minute, trace_id, toString(service) AS entry_service, toString(operation) AS entry_operation,
             ${servicesIfIn(baselines)} AS entry_services, ${isFailed} AS is_failed, ${slowTiers} AS slow_tiers, ${isAnySlow} AS is_any_slow,
             arrayJoin(multiIf(is_failed, ${alone('error_service', 'error_operation', 'error_tier')},
                               empty(path_kind), ${alone('service', 'operation', "''")}, ${PATH})) AS element
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

/** Of each trace the element that exceeds its baseline the most. Without a baseline it is held against nothing. */
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
           if(is_failed, 0, toInt128(ns) * greatest(toInt128OrZero(traces), 1) - toInt128OrZero(baseline_ns)) AS excess
    FROM (${elements}) AS bad
    LEFT JOIN ${literalTable(traces, [...kind, 'traces'])} AS healthy USING (${KIND})
    LEFT JOIN ${literalTable(sums, [...kind, ...ELEMENT.split(', '), 'baseline_ns'])} AS sums USING (${KIND}, ${ELEMENT})
    ORDER BY end_minute, trace_id, competes DESC, excess DESC, ns DESC, ${ELEMENT}
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

function hasVerdict(question: BlameQuestion, table: TableName, verdict: number, ends: string): string {
  const { tenant, definition, objective, group } = question;
  const inMinutes = `tenant = ${literal(tenant)} AND ${ends}`;
  const spans = {
    table: table('spans'),
    where: `tenant = ${literal(tenant)} AND trace_id IN (SELECT trace_id FROM ${table('trace_revisions')} WHERE ${inMinutes})`,
  };
  const is = `${verdictOf(definition.selection, definition.objectives[objective].good, spans)} = ${verdict}`;
  return group === undefined ? is : `${is} AND ${groupKeyOf(definition)} = ${keyOf(question)}`;
}

function keyOf({ definition, group = {} }: BlameQuestion): string {
  return groupKeyWith(definition, group);
}

function minutesOf({ fromNs, toNs }: BlameQuestion): string {
  return `end_minute >= toDateTime(${minuteOf(fromNs)}) AND end_minute <= toDateTime(${minuteOf(toNs - 1n)})`;
}

function inWindow(question: BlameQuestion): string {
  const { tenant, fromNs, toNs } = question;
  return `tenant = ${literal(tenant)} AND ${minutesOf(question)} AND NOT is_deleted
    AND end >= fromUnixTimestamp64Nano(toInt64(${fromNs})) AND end < fromUnixTimestamp64Nano(toInt64(${toNs}))`;
}

function toElement([kind, caller, service, operation, tier]: readonly unknown[]): PathElement {
  return {
    kind: kind === 'link' ? 'link' : 'service',
    caller: String(caller),
    service: String(service),
    operation: String(operation),
    tier: String(tier),
  };
}

function toKind([service, operation, services]: readonly unknown[]): TraceKind {
  return { service: String(service), operation: String(operation), services: String(services) };
}

/** A row of an element without a name has the number of traces. */
function toBaseline(row: readonly unknown[]): Baseline {
  const isCount = row[3] === '';
  return {
    of: toKind(row),
    traces: isCount ? Number(row[8]) : 0,
    sums: isCount ? [] : [{ element: toElement(row.slice(3, 8)), ns: BigInt(String(row[8])) }],
    firstMinute: Number(row[9]),
    lastMinute: Number(row[10]),
  };
}
