/** What healthy traces spend, and where to take them from: the baselines of blame. */
import { countingHash } from '../../../schemas/index.js';
import { perShard } from '../../cluster.js';
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import { addBaselines, type Baseline, type Entry } from './baselines.js';
import {
  type BlameQuestion,
  ELEMENT,
  ELEMENT_TYPE,
  KIND,
  keyOf,
  LARGE_STATEMENT,
  NAMED_ELEMENT,
  PATH,
  PATH_SERVICES,
  toElement,
  toKind,
  tracesOf,
} from './blame-traces.js';
import { Verdict } from './conditions.js';

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
  const elements = `arrayPushFront(${PATH}, CAST(('', 1), '${ELEMENT_TYPE}'))`;
  const sql = perShard(
    store,
    table => `
      SELECT ${KIND}, ${NAMED_ELEMENT}, toString(sum(toUInt128(element.2))) AS ns,
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
