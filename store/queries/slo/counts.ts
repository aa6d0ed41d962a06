/** What was counted: sums over windows, and minute by minute. */
import { SLO_MARKER_OBJECTIVE } from '../../../schemas/index.js';
import type { QueryOptions, Store } from '../../types.js';

export interface SloCounts {
  /** good + bad + unknown. */
  readonly total: number;
  readonly good: number;
  readonly bad: number;
  readonly unknown: number;
}

/** Cells of one SLO as it is defined now. */
export interface SloCells {
  readonly tenant: string;
  readonly slo: string;
  /** Counting hash. */
  readonly definition: string;
}

/** [from, to), minutes since the epoch. */
export interface MinuteSpan {
  readonly fromMinute: number;
  readonly toMinute: number;
}

export interface SloSums {
  readonly objective: number;
  /** JSON, as `groupKeyOf` makes it. */
  readonly groupKey: string;
  /** In the order of the windows. */
  readonly windows: readonly SloCounts[];
}

export interface SloMinute extends SloCounts {
  readonly minute: number;
}

export interface SloSeries {
  /** '' for all groups together. */
  readonly groupKey: string;
  /** Ascending; minutes without events are left out. */
  readonly minutes: readonly SloMinute[];
}

const OPTIONS: QueryOptions = { timeoutMs: 20_000 };

const WHERE = `tenant = {tenant:String} AND slo = {slo:String} AND definition = {definition:String}`;
const BETWEEN = 'minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})';

const OF_OBJECTIVE = `FROM slo_rollup AS cells FINAL WHERE ${WHERE} AND objective = {objective:UInt8} AND ${BETWEEN}`;

/** Of every objective and group with events in one of the windows. */
export async function sumSlo(store: Store, cells: SloCells, windows: readonly MinuteSpan[]): Promise<SloSums[]> {
  if (windows.length === 0) return [];
  const sums = windows.map(({ fromMinute, toMinute }) => {
    const { from, to } = secondsOf(fromMinute, toMinute);
    const inside = `minute >= toDateTime(${from}) AND minute < toDateTime(${to})`;
    return `(sumIf(good, ${inside}), sumIf(bad, ${inside}), sumIf(unknown, ${inside}))`;
  });
  const from = Math.min(...windows.map(window => window.fromMinute));
  const to = Math.max(...windows.map(window => window.toMinute));
  const rows = await store.queryRows(
    `SELECT objective, group_key, [${sums.join(', ')}] FROM slo_rollup FINAL
     WHERE ${WHERE} AND objective < ${SLO_MARKER_OBJECTIVE} AND ${BETWEEN}
     GROUP BY objective, group_key ORDER BY objective, group_key`,
    { ...cells, ...secondsOf(from, to) },
    OPTIONS,
  );
  return rows.map(row => ({
    objective: Number(row[0]),
    groupKey: String(row[1]),
    windows: (row[2] as unknown[][]).map(countsOf),
  }));
}

/** Per minute, of each group by itself. */
export async function sloSeriesByGroup(
  store: Store,
  cells: SloCells,
  objective: number,
  span: MinuteSpan,
): Promise<SloSeries[]> {
  return series(store, cells, objective, span, `SELECT group_key AS key, minute, good, bad, unknown ${OF_OBJECTIVE}`);
}

/** Per minute, of all groups together. */
export async function sloSeries(
  store: Store,
  cells: SloCells,
  objective: number,
  span: MinuteSpan,
): Promise<readonly SloMinute[]> {
  const summed = 'sum(cells.good) AS good, sum(cells.bad) AS bad, sum(cells.unknown) AS unknown';
  const [all] = await series(
    store,
    cells,
    objective,
    span,
    `SELECT '' AS key, minute, ${summed} ${OF_OBJECTIVE} GROUP BY minute`,
  );
  return all?.minutes ?? [];
}

/**
 * A row per group with its columns as lists: a tenth of the text, and of the time to read it, of a row per minute.
 * Counts stay below 2^53 (they are numbers elsewhere, too).
 */
async function series(
  store: Store,
  cells: SloCells,
  objective: number,
  { fromMinute, toMinute }: MinuteSpan,
  from: string,
): Promise<SloSeries[]> {
  const lists = ['good', 'bad', 'unknown'].map(count => `groupArray(toFloat64(${count}))`);
  const rows = await store.queryRows(
    `SELECT key, groupArray(intDiv(toUnixTimestamp(minute), 60)), ${lists.join(', ')} FROM (${from}) GROUP BY key ORDER BY key`,
    { ...cells, objective, ...secondsOf(fromMinute, toMinute) },
    OPTIONS,
  );
  return rows.map(row => ({ groupKey: String(row[0]), minutes: minutesOf(row.slice(1) as number[][]) }));
}

function minutesOf([at, good, bad, unknown]: readonly number[][]): SloMinute[] {
  const minutes = at.map((minute, index) => ({
    minute,
    total: good[index] + bad[index] + unknown[index],
    good: good[index],
    bad: bad[index],
    unknown: unknown[index],
  }));
  return minutes.sort((a, b) => a.minute - b.minute);
}

/** Of good, bad and unknown. */
export function countsOf(values: readonly unknown[]): SloCounts {
  const [good, bad, unknown] = values.map(Number);
  return { total: good + bad + unknown, good, bad, unknown };
}

/** A DateTime has 32 bits of seconds. */
export function secondsOf(fromMinute: number, toMinute: number): { from: number; to: number } {
  const seconds = (minute: number) => Math.min(Math.max(0, Math.trunc(minute) * 60), 2 ** 32 - 1);
  return { from: seconds(fromMinute), to: seconds(toMinute) };
}
