/** Counts of SLOs over stretches of time: a cell where a question needs no more than a sum. */
import { SLO_MARKER_OBJECTIVE } from '../../../schemas/index.js';
import type { QueryOptions, Store } from '../../types.js';
import { ofFewRows } from '../lookup.js';
import { type MinuteSpan, type SloCells, type SloMinute, secondsOf } from './counts.js';
import { coverByHours, type HourCover, holdsWholeHours } from './hour-cover.js';
import { unsummedHours } from './hours.js';

export interface StretchQuestion {
  readonly objectives: readonly number[];
  /** What is read; they do not overlap. */
  readonly spans: readonly MinuteSpan[];
  /** Stretches end there, minutes since the epoch. */
  readonly edges: readonly number[];
  /** They end at its multiples, too; null: at `edges` only. */
  readonly stepMinutes: number | null;
  /** Where the caller knows it (hours.ts). */
  readonly hoursSummedToMs?: number | undefined;
}

/** One objective and group. */
export interface SloStretches {
  readonly objective: number;
  /** JSON, as `groupKeyOf` makes it. */
  readonly groupKey: string;
  /** Ascending, each at the first minute of its stretch; those without events are left out. */
  readonly cells: readonly SloMinute[];
}

const AT = 'toUInt32(intDiv(toUnixTimestamp(start), 60))';
/** So much is read as fast by minutes as the hours are asked for. */
const FEW_MINUTES = 720;

/**
 * Many times fewer rows than minutes: of a month by ten places some thousands instead of half a million. At most
 * `limit` groups, the lowest keys first. Keys are told apart by 64 bits of hash, which halves the time that grouping by
 * their texts takes; that two of 10,000 share one has a chance of 3 in 10^12. Where a stretch has whole hours that are
 * summed already (hours.ts) these are read instead of their minutes.
 */
export async function sloStretches(
  store: Store,
  cells: SloCells,
  question: StretchQuestion,
  limit: number,
): Promise<SloStretches[]> {
  const { objectives, spans, edges, stepMinutes } = question;
  if (spans.length === 0 || objectives.length === 0) return [];
  const ascending = [...new Set([0, ...edges.map(edge => Math.max(0, Math.trunc(edge)))])].sort((a, b) => a - b);
  // One literal: the engine takes longer to see through a hundred edges one by one than to add up the cells.
  const starts: string[] = [];
  if (ascending.length > 1 || stepMinutes === null) {
    starts.push(`roundDown(${AT}, CAST('[${ascending.join(',')}]', 'Array(UInt32)'))`);
  }
  if (stepMinutes !== null) starts.push(`toUInt32(intDiv(${AT}, ${stepMinutes}) * ${stepMinutes})`);
  const at = starts.length === 1 ? starts[0] : `greatest(${starts.join(', ')})`;
  const { hours, minutes } = await coverOf(store, cells, question);
  const parts = [
    selectFrom('slo_rollup', 'minute', minutes, objectives),
    selectFrom('slo_hours', 'hour', hours, objectives),
  ];
  const sql = `SELECT objective, any(key), groupArray(at), groupArray(toFloat64(good)), groupArray(toFloat64(bad)), groupArray(toFloat64(unknown)) FROM (
       SELECT objective, cityHash64(group_key) AS hash, any(group_key) AS key, ${at} AS at,
              sum(cells.good) AS good, sum(cells.bad) AS bad, sum(cells.unknown) AS unknown
       FROM (${parts.filter(part => part !== '').join(' UNION ALL ')}) AS cells
       GROUP BY objective, hash, at)
     GROUP BY objective, hash ORDER BY objective, any(key) LIMIT {limit:UInt32}`;
  const ask = (settings: QueryOptions['settings']) => {
    return store.queryRows(sql, { ...cells, limit }, { timeoutMs: 20_000, ...(settings && { settings }) });
  };
  const rows = (await ofFewRows(ask)) ?? (await ask(undefined));
  return rows.map(row => ({
    objective: Number(row[0]),
    groupKey: String(row[1]),
    cells: cellsOf(row.slice(2) as number[][]),
  }));
}

/** Asked before the cells: what is written in between is in an hour or in its minutes, in neither case twice. */
async function coverOf(
  store: Store,
  cells: SloCells,
  { spans, edges, stepMinutes, hoursSummedToMs }: StretchQuestion,
): Promise<HourCover> {
  const whole = spans.map(({ fromMinute, toMinute }) => ({
    fromMinute: Math.max(0, Math.trunc(fromMinute)),
    toMinute: Math.trunc(toMinute),
  }));
  const length = whole.reduce((sum, { fromMinute, toMinute }) => sum + toMinute - fromMinute, 0);
  const isStepByHours = stepMinutes === null || stepMinutes % 60 === 0;
  if (!isStepByHours || length < FEW_MINUTES || !holdsWholeHours(whole)) return { hours: [], minutes: whole };
  const all = {
    fromMinute: Math.min(...whole.map(({ fromMinute }) => fromMinute)),
    toMinute: Math.max(...whole.map(({ toMinute }) => toMinute)),
  };
  return coverByHours(whole, edges, await unsummedHours(store, cells, all, hoursSummedToMs));
}

/** '' if nothing is to be read of it. */
function selectFrom(table: string, start: string, spans: readonly MinuteSpan[], objectives: readonly number[]): string {
  if (spans.length === 0) return '';
  const within = spans.map(({ fromMinute, toMinute }) => {
    const { from, to } = secondsOf(fromMinute, toMinute);
    return `(${start} >= toDateTime(${from}) AND ${start} < toDateTime(${to}))`;
  });
  return `SELECT objective, group_key, ${start} AS start, good, bad, unknown FROM ${table} FINAL
          WHERE tenant = {tenant:String} AND slo = {slo:String} AND definition = {definition:String}
            AND objective IN (${objectives.map(Math.trunc)}) AND objective < ${SLO_MARKER_OBJECTIVE} AND (${within.join(' OR ')})`;
}

function cellsOf([at, good, bad, unknown]: readonly number[][]): SloMinute[] {
  const cells = at.map((minute, index) => ({
    minute,
    total: good[index] + bad[index] + unknown[index],
    good: good[index],
    bad: bad[index],
    unknown: unknown[index],
  }));
  return cells.sort((a, b) => a.minute - b.minute);
}
