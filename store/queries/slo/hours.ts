/**
 * Keeps `slo_hours` equal to the sums of `slo_rollup` (docs/adr/041). An hour is summed whole whenever a cell of it was
 * written; its `seen` is the sum, over all cells of the SLO in that hour, of theirs. Whatever changes a cell raises that,
 * so of two writers the one that saw more wins. How far back the sums are known to be right is one row of `progress`.
 */
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import { LOOKUP } from '../lookup.js';
import { type ProgressRow, writeProgress } from '../progress.js';
import { type MinuteSpan, type SloCells, secondsOf } from './counts.js';

/** The row of `progress`; any number of jobs share it, since each tells the truth. */
const POSITION = 'slo_hours';

export interface DirtyHour extends SloCells {
  /** Start, epoch seconds. */
  readonly hour: number;
  /** What summing it reads, about. */
  readonly rows: number;
}

/**
 * Every cell written before that is in its hour; the store's clock, epoch milliseconds. An expression, of whatever
 * version of the row: the position of a job that was slower is just as true. One that is yet to come is of a clock that
 * was set back since, and says nothing of what was written meanwhile.
 */
const COVERED = `fromUnixTimestamp64Milli((
  SELECT toInt64(maxIf(JSONExtractUInt(state, 'covered_ms') AS covered, covered <= toUnixTimestamp64Milli(now64(3))))
  FROM progress WHERE name = '${POSITION}'))`;

/** The same from rows of `progress` that were read before: an earlier position is as true. 0: nothing is known. */
export function hoursSummedToMs(rows: readonly ProgressRow[], serverNowMs: number): number {
  const covered = rows.flatMap(({ name, state }) => (name === POSITION ? [coveredMsOf(state)] : []));
  return Math.max(0, ...covered.filter(ms => ms <= serverNowMs));
}

function coveredMsOf(state: string): number {
  try {
    return Number(JSON.parse(state).covered_ms) || 0;
  } catch {
    return 0;
  }
}

/** Hours with cells that may not be in them yet, by SLO; and the store's clock from before they were looked for. */
export async function dirtySloHours(store: Store): Promise<{ hours: DirtyHour[]; serverNowMs: number }> {
  const [[now]] = await store.queryRows('SELECT toUnixTimestamp64Milli(now64(3))');
  const rows = await store.queryRows(
    `SELECT tenant, slo, definition, toUnixTimestamp(toStartOfHour(minute)) AS hour, uniqExact(objective, group_key) * 60
     FROM slo_rollup WHERE computed_at >= ${COVERED}
     GROUP BY tenant, slo, definition, hour ORDER BY tenant, slo, definition, hour`,
  );
  const hours = rows.map(row => ({
    tenant: String(row[0]),
    slo: String(row[1]),
    definition: String(row[2]),
    hour: Number(row[3]),
    rows: Number(row[4]),
  }));
  return { hours, serverNowMs: Number(now) };
}

/** Sums these hours. Deleted cells hold nothing, but their `seen` counts. A group that has no events left is written as deleted: an older sum of it may be there. */
export async function writeSloHours(store: Store, hours: readonly DirtyHour[]): Promise<void> {
  const sums = ['good', 'bad', 'unknown'].map((name, at) => `sum(newest.${at + 1}) AS ${name}`);
  await store.command(
    `INSERT INTO slo_hours (tenant, slo, definition, objective, hour, group_key, seen, is_deleted, good, bad, unknown, received)
     SELECT tenant, slo, definition, objective, hour, group_key,
            sum(weight) OVER (PARTITION BY tenant, slo, definition, hour) AS seen, good + bad + unknown = 0, good, bad, unknown, last
     FROM (
       SELECT tenant, slo, definition, objective, hour, group_key,
              sum(toUInt128(newest.4)) AS weight, ${sums.join(', ')}, max(newest.5) AS last
       FROM (
         SELECT tenant, slo, definition, objective, toStartOfHour(minute) AS hour, group_key, minute,
                argMax((good, bad, unknown, seen, received), (seen, computed_at)) AS newest
         FROM slo_rollup WHERE ${amongHours(hours)}
         GROUP BY tenant, slo, definition, objective, hour, group_key, minute)
       GROUP BY tenant, slo, definition, objective, hour, group_key)`,
    undefined,
    { settings: { max_query_size: 16_000_000, max_ast_elements: 2_000_000, max_expanded_ast_elements: 4_000_000 } },
  );
}

/** Every cell written before `coveredMs` is in its hour. */
export async function saveSloHoursPosition(store: Store, coveredMs: number): Promise<void> {
  await writeProgress(store, POSITION, '', JSON.stringify({ covered_ms: Math.max(0, Math.trunc(coveredMs)) }));
}

/**
 * Starts of the hours from `fromMinute` to `toMinute` whose sums may lack something, minutes since the epoch. `summedToMs`
 * as from `hoursSummedToMs`; without it the store looks, which takes it as long again as the question.
 */
export async function unsummedHours(
  store: Store,
  cells: SloCells,
  { fromMinute, toMinute }: MinuteSpan,
  summedToMs?: number,
): Promise<number[]> {
  const covered = summedToMs === undefined ? COVERED : `fromUnixTimestamp64Milli(toInt64(${Math.trunc(summedToMs)}))`;
  const rows = await store.queryRows(
    `SELECT DISTINCT intDiv(toUnixTimestamp(toStartOfHour(minute)), 60) FROM slo_rollup
     WHERE tenant = {tenant:String} AND slo = {slo:String} AND definition = {definition:String}
       AND minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32}) AND computed_at >= ${covered}`,
    { ...cells, ...secondsOf(fromMinute, toMinute) },
    LOOKUP,
  );
  return rows.map(([minute]) => Number(minute));
}

/** As ranges: the key of the table begins with the SLO, and goes on with objectives before it comes to minutes. */
function amongHours(hours: readonly DirtyHour[]): string {
  const bySlo = new Map<string, number[]>();
  for (const { tenant, slo, definition, hour } of hours) {
    const of = `tenant = ${literal(tenant)} AND slo = ${literal(slo)} AND definition = ${literal(definition)}`;
    bySlo.set(of, [...(bySlo.get(of) ?? []), Math.trunc(hour)]);
  }
  const conditions = [...bySlo].map(([of, starts]) => {
    const [first, last] = [Math.min(...starts), Math.max(...starts)];
    const within = `minute >= toDateTime(${first}) AND minute < toDateTime(${last + 3_600})`;
    return `(${of} AND ${within} AND toStartOfHour(minute) IN (${starts.map(at => `toDateTime(${at})`).join(', ')}))`;
  });
  return `(${conditions.join(' OR ')})`;
}
