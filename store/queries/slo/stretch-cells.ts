/** The counts of a cover of hours and minutes, added up by stretches. */
import { SLO_MARKER_OBJECTIVE } from '../../../schemas/index.js';
import type { QueryOptions, Store } from '../../types.js';
import { ofFewRows } from '../lookup.js';
import { type MinuteSpan, type SloCells, type SloMinute, secondsOf } from './counts.js';
import type { HourCover } from './hour-cover.js';

/** One objective and group. */
export interface SloStretches {
  readonly objective: number;
  /** JSON, as `groupKeyOf` makes it. */
  readonly groupKey: string;
  /** Ascending, each at the first minute of its stretch; those without events are left out. */
  readonly cells: readonly SloMinute[];
}

/** Where stretches begin. */
export interface StretchStarts {
  /** Ascending from 0. */
  readonly edges: readonly number[];
  readonly stepMinutes: number | null;
}

export interface CoverQuestion {
  readonly cover: HourCover;
  readonly objectives: readonly number[];
  readonly starts: StretchStarts;
}

const TIMEOUT_MS = 20_000;

/** At most `limit` groups, the lowest keys first. */
export async function readCover(
  store: Store,
  cells: SloCells,
  { cover, objectives, starts }: CoverQuestion,
  limit: number,
): Promise<SloStretches[]> {
  const parts = [
    { table: 'slo_rollup', start: 'minute', spans: cover.minutes },
    { table: 'slo_hours', start: 'hour', spans: cover.hours },
  ].filter(({ spans }) => spans.length > 0);
  const fewRows = await ofFewRows(settings => {
    return Promise.all(parts.map(part => listed(store, cells, part, objectives, settings)));
  });
  if (fewRows !== undefined) return addedUp(fewRows.flat(), starts).slice(0, limit);
  const selects = parts.map(part =>
    selectOf(part, objectives, start => `objective, group_key, ${start} AS start, good, bad, unknown`),
  );
  return addedUpThere(store, selects.join(' UNION ALL '), cells, starts, limit);
}

/** Cells of a group, its columns side by side. */
type ListedGroup = readonly [
  objective: number,
  groupKey: string,
  starts: readonly number[],
  good: readonly number[],
  bad: readonly number[],
  unknown: readonly number[],
];

/**
 * As they are stored: planning how a few thousand cells are added up takes the engine as long as reading them. As lists,
 * since rows with their keys take longer to be written and read than to be found.
 */
async function listed(
  store: Store,
  cells: SloCells,
  part: CoverPart,
  objectives: readonly number[],
  settings: NonNullable<QueryOptions['settings']>,
): Promise<ListedGroup[]> {
  const listsOf = (...columns: string[]) => columns.map(column => `groupArray(${column})`).join(', ');
  const select = selectOf(
    part,
    objectives,
    start => `objective, group_key, ${listsOf(start, 'good', 'bad', 'unknown')}`,
  );
  const rows = await store.queryRows(
    `${select} GROUP BY objective, group_key`,
    { ...cells },
    // Counts stay below 2^53.
    { timeoutMs: TIMEOUT_MS, settings: { ...settings, output_format_json_quote_64bit_integers: 0 } },
  );
  return rows as unknown as ListedGroup[];
}

function addedUp(listedGroups: readonly ListedGroup[], starts: StretchStarts): SloStretches[] {
  const startOf = startsOf(starts);
  const groups = new Map<string, Group>();
  for (const [objective, groupKey, seconds, good, bad, unknown] of listedGroups) {
    const newGroup = () => ({ objective, groupKey, cells: new Map<number, Counts>() });
    const group = entryOf(groups, `${objective} ${groupKey}`, newGroup);
    for (const [at, second] of seconds.entries()) {
      const counts = entryOf(group.cells, startOf(second / 60), () => ({ good: 0, bad: 0, unknown: 0 }));
      counts.good += good[at];
      counts.bad += bad[at];
      counts.unknown += unknown[at];
    }
  }
  return [...groups.values()]
    .map(group => ({ ...group, bytes: Buffer.from(group.groupKey) }))
    .sort((one, other) => one.objective - other.objective || Buffer.compare(one.bytes, other.bytes))
    .map(({ objective, groupKey, cells }) => ({
      objective,
      groupKey,
      cells: ascendingCells([...cells].map(([minute, counts]) => ({ minute, ...counts }))),
    }));
}

/** The first minute of the stretch that a minute is in. */
function startsOf({ edges, stepMinutes }: StretchStarts): (minute: number) => number {
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
  { edges, stepMinutes }: StretchStarts,
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

interface CoverPart {
  readonly table: string;
  /** The column that says when a cell begins. */
  readonly start: string;
  readonly spans: readonly MinuteSpan[];
}

/** `columns`: by the expression for the beginning of a cell, epoch seconds. */
function selectOf(
  { table, start, spans }: CoverPart,
  objectives: readonly number[],
  columns: (start: string) => string,
): string {
  const within = spans.map(({ fromMinute, toMinute }) => {
    const { from, to } = secondsOf(fromMinute, toMinute);
    return `(${start} >= toDateTime(${from}) AND ${start} < toDateTime(${to}))`;
  });
  return `SELECT ${columns(`toUnixTimestamp(${start})`)} FROM ${table} FINAL
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
