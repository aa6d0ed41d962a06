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

/** So much is read as fast by minutes as the hours are asked for. */
const FEW_MINUTES = 720;

/** Where stretches begin. */
interface Starts {
  /** Ascending from 0. */
  readonly edges: readonly number[];
  readonly stepMinutes: number | null;
}

/**
 * At most `limit` groups, the lowest keys first. Where a stretch has whole hours that are summed already (hours.ts) these
 * are read instead of their minutes.
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
  const starts = { edges: ascending, stepMinutes };
  const { hours, minutes } = await coverOf(store, cells, question);
  const parts = [
    selectFrom('slo_rollup', 'minute', minutes, objectives),
    selectFrom('slo_hours', 'hour', hours, objectives),
  ];
  const sql = parts.filter(part => part !== '').join(' UNION ALL ');
  return (
    (await ofFewRows(settings => addedUpHere(store, sql, cells, starts, limit, settings))) ??
    addedUpThere(store, sql, cells, starts, limit)
  );
}

const TIMEOUT_MS = 20_000;

/** The engine takes as long to plan how a few thousand cells are added up as to read them. */
async function addedUpHere(
  store: Store,
  sql: string,
  cells: SloCells,
  starts: Starts,
  limit: number,
  settings: NonNullable<QueryOptions['settings']>,
): Promise<SloStretches[]> {
  const rows = await store.queryRows(sql, { ...cells }, { timeoutMs: TIMEOUT_MS, settings });
  const startOf = startsOf(starts);
  const groups = new Map<string, Group>();
  for (const [objective, groupKey, seconds, good, bad, unknown] of rows as [number, string, number, ...string[]][]) {
    const newGroup = () => ({ objective, groupKey, cells: new Map<number, Counts>() });
    const group = entryOf(groups, `${objective} ${groupKey}`, newGroup);
    const counts = entryOf(group.cells, startOf(seconds / 60), () => ({ good: 0, bad: 0, unknown: 0 }));
    counts.good += Number(good);
    counts.bad += Number(bad);
    counts.unknown += Number(unknown);
  }
  return [...groups.values()]
    .map(group => ({ ...group, bytes: Buffer.from(group.groupKey) }))
    .sort((one, other) => one.objective - other.objective || Buffer.compare(one.bytes, other.bytes))
    .slice(0, limit)
    .map(({ objective, groupKey, cells }) => ({
      objective,
      groupKey,
      cells: ascendingCells([...cells].map(([minute, counts]) => ({ minute, ...counts }))),
    }));
}

/** The first minute of the stretch that a minute is in. */
function startsOf({ edges, stepMinutes }: Starts): (minute: number) => number {
  return minute => {
    let low = 0;
    for (let high = edges.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if (edges[middle] <= minute) low = middle;
      else high = middle;
    }
    return stepMinutes === null ? edges[low] : Math.max(edges[low], Math.floor(minute / stepMinutes) * stepMinutes);
  };
}

/**
 * Of many: a row for each stretch. Keys are told apart by 64 bits of hash, which halves the time that grouping by their
 * texts takes; that two of 10,000 share one has a chance of 3 in 10^12.
 */
async function addedUpThere(
  store: Store,
  sql: string,
  cells: SloCells,
  { edges, stepMinutes }: Starts,
  limit: number,
): Promise<SloStretches[]> {
  const minute = 'toUInt32(intDiv(start, 60))';
  // One literal: the engine takes longer to see through a hundred edges one by one than to add up the cells.
  const starts = [`roundDown(${minute}, CAST('[${edges.join(',')}]', 'Array(UInt32)'))`];
  if (stepMinutes !== null) starts.push(`toUInt32(intDiv(${minute}, ${stepMinutes}) * ${stepMinutes})`);
  const at = starts.length === 1 ? starts[0] : `greatest(${starts.join(', ')})`;
  const rows = await store.queryRows(
    `SELECT objective, any(key), groupArray(at), groupArray(toFloat64(good)), groupArray(toFloat64(bad)), groupArray(toFloat64(unknown)) FROM (
       SELECT objective, cityHash64(group_key) AS hash, any(group_key) AS key, ${at} AS at,
              sum(cells.good) AS good, sum(cells.bad) AS bad, sum(cells.unknown) AS unknown
       FROM (${sql}) AS cells
       GROUP BY objective, hash, at)
     GROUP BY objective, hash ORDER BY objective, any(key) LIMIT {limit:UInt32}`,
    { ...cells, limit },
    { timeoutMs: TIMEOUT_MS },
  );
  return rows.map(row => {
    const [at, good, bad, unknown] = row.slice(2) as number[][];
    const stretches = at.map((minute, index) => ({
      minute,
      good: good[index],
      bad: bad[index],
      unknown: unknown[index],
    }));
    return { objective: Number(row[0]), groupKey: String(row[1]), cells: ascendingCells(stretches) };
  });
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
  return `SELECT objective, group_key, toUnixTimestamp(${start}) AS start, good, bad, unknown FROM ${table} FINAL
          WHERE tenant = {tenant:String} AND slo = {slo:String} AND definition = {definition:String}
            AND objective IN (${objectives.map(Math.trunc)}) AND objective < ${SLO_MARKER_OBJECTIVE} AND (${within.join(' OR ')})`;
}

interface Counts {
  good: number;
  bad: number;
  unknown: number;
}

interface Group {
  readonly objective: number;
  readonly groupKey: string;
  /** By the first minute of their stretch. */
  readonly cells: Map<number, Counts>;
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const there = map.get(key);
  if (there !== undefined) return there;
  const made = make();
  map.set(key, made);
  return made;
}

function ascendingCells(stretches: readonly (Counts & { readonly minute: number })[]): SloMinute[] {
  return stretches
    .map(({ minute, good, bad, unknown }) => ({ minute, total: good + bad + unknown, good, bad, unknown }))
    .sort((a, b) => a.minute - b.minute);
}
