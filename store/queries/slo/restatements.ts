/** What was taken back, and why. */
import type { Store } from '../../types.js';
import type { RestatementCause } from './counting.js';
import { countsOf, type SloCounts, secondsOf } from './counts.js';

export interface RestatementQuestion {
  readonly tenant: string;
  readonly slo: string;
  /** Counting hash; absent for all that the SLO has ever had. */
  readonly definition?: string;
  /** [from, to), minutes since the epoch: of what was restated. */
  readonly fromMinute: number;
  readonly toMinute: number;
  /** Found at or after that, epoch milliseconds. */
  readonly sinceMs?: number;
  readonly limit: number;
}

export interface SloRestatement {
  readonly definition: string;
  readonly minute: number;
  readonly objective: number;
  readonly groupKey: string;
  readonly atMs: number;
  readonly old: SloCounts;
  readonly new: SloCounts;
  readonly cause: RestatementCause;
}

/**
 * The latest first. Where two jobs have written overlapping ones, each is cut to begin where the one before ends: the
 * differences of a cell's restatements never tell of a change twice.
 */
export async function sloRestatements(store: Store, question: RestatementQuestion): Promise<SloRestatement[]> {
  const { tenant, slo, definition = '', fromMinute, toMinute, sinceMs = 0, limit } = question;
  const rows = await store.queryRows(
    `SELECT definition, intDiv(toUnixTimestamp(minute), 60), objective, group_key, toUnixTimestamp64Milli(at),
            was.1, was.2, was.3, new_good, new_bad, new_unknown, cause
     FROM (
       SELECT definition, minute, objective, group_key, at, seen, new_good, new_bad, new_unknown, cause,
              lagInFrame((seen, new_good, new_bad, new_unknown)) OVER cell AS before,
              if(before.1 > old_seen, (before.2, before.3, before.4), (old_good, old_bad, old_unknown)) AS was
       FROM slo_restatements FINAL
       WHERE tenant = {tenant:String} AND slo = {slo:String} AND ({definition:String} = '' OR definition = {definition:String})
         AND minute >= toDateTime({from:UInt32}) AND minute < toDateTime({to:UInt32})
       WINDOW cell AS (PARTITION BY definition, minute, objective, group_key ORDER BY seen
                       ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
     WHERE was != (new_good, new_bad, new_unknown) AND at >= fromUnixTimestamp64Milli({since:Int64})
     ORDER BY at DESC, minute DESC, objective, group_key, seen DESC LIMIT {limit:UInt32}`,
    { tenant, slo, definition, ...secondsOf(fromMinute, toMinute), since: String(Math.trunc(sinceMs)), limit },
  );
  return rows.map(row => ({
    definition: String(row[0]),
    minute: Number(row[1]),
    objective: Number(row[2]),
    groupKey: String(row[3]),
    atMs: Number(row[4]),
    old: countsOf(row.slice(5, 8)),
    new: countsOf(row.slice(8, 11)),
    cause: JSON.parse(String(row[11])) as RestatementCause,
  }));
}
