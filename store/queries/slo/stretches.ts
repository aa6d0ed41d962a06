/** Counts of SLOs over stretches of time: a cell where a question needs no more than a sum. */
import { SLO_MARKER_OBJECTIVE } from '../../../schemas/index.js';
import type { Store } from '../../types.js';
import { type MinuteSpan, type SloCells, type SloMinute, secondsOf } from './counts.js';

export interface StretchQuestion {
  readonly objectives: readonly number[];
  /** What is read; they do not overlap. */
  readonly spans: readonly MinuteSpan[];
  /** Stretches end there, minutes since the epoch. */
  readonly edges: readonly number[];
  /** They end at its multiples, too; null: at `edges` only. */
  readonly stepMinutes: number | null;
}

/** One objective and group. */
export interface SloStretches {
  readonly objective: number;
  /** JSON, as `groupKeyOf` makes it. */
  readonly groupKey: string;
  /** Ascending, each at the first minute of its stretch; those without events are left out. */
  readonly cells: readonly SloMinute[];
}

const MINUTE = 'toUInt32(intDiv(toUnixTimestamp(minute), 60))';

/**
 * Many times fewer rows than minutes: of a month by ten places some thousands instead of half a million. At most
 * `limit` groups, the lowest keys first. Keys are told apart by 64 bits of hash, which halves the time that grouping by
 * their texts takes; that two of 10,000 share one has a chance of 3 in 10^12.
 */
export async function sloStretches(
  store: Store,
  cells: SloCells,
  { objectives, spans, edges, stepMinutes }: StretchQuestion,
  limit: number,
): Promise<SloStretches[]> {
  if (spans.length === 0) return [];
  const ascending = [...new Set([0, ...edges.map(edge => Math.max(0, Math.trunc(edge)))])].sort((a, b) => a - b);
  const atEdge = `roundDown(${MINUTE}, [${ascending.map(edge => `toUInt32(${edge})`).join(',')}])`;
  const atStep = stepMinutes === null ? '0' : `intDiv(${MINUTE}, ${stepMinutes}) * ${stepMinutes}`;
  const within = spans.map(({ fromMinute, toMinute }) => {
    const { from, to } = secondsOf(fromMinute, toMinute);
    return `(minute >= toDateTime(${from}) AND minute < toDateTime(${to}))`;
  });
  const rows = await store.queryRows(
    `SELECT objective, any(key), groupArray(at), groupArray(toFloat64(good)), groupArray(toFloat64(bad)), groupArray(toFloat64(unknown)) FROM (
       SELECT objective, cityHash64(group_key) AS hash, any(group_key) AS key, greatest(${atEdge}, toUInt32(${atStep})) AS at,
              sum(cells.good) AS good, sum(cells.bad) AS bad, sum(cells.unknown) AS unknown
       FROM slo_rollup AS cells FINAL
       WHERE tenant = {tenant:String} AND slo = {slo:String} AND definition = {definition:String}
         AND objective IN ({objectives:Array(UInt8)}) AND objective < ${SLO_MARKER_OBJECTIVE} AND (${within.join(' OR ')})
       GROUP BY objective, hash, at)
     GROUP BY objective, hash ORDER BY objective, any(key) LIMIT {limit:UInt32}`,
    { ...cells, objectives: [...objectives], limit },
    { timeoutMs: 20_000 },
  );
  return rows.map(row => ({
    objective: Number(row[0]),
    groupKey: String(row[1]),
    cells: cellsOf(row.slice(2) as number[][]),
  }));
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
