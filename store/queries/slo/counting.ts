/**
 * Keeps `slo_rollup` equal to a recomputation from `trace_revisions`: what is known of minutes, what differs, and the
 * writes that put it right (analytics/slo/counting-job.ts has their order; docs/adr/030 why it is that).
 *
 * The state of a cell is the newest that a cell or a restatement tells: a restatement is written first, so a cell that
 * lags behind one is only brought up to it.
 */
import { SLO_MARKER_OBJECTIVE } from '../../../schemas/index.js';
import { perShard } from '../../cluster.js';
import type { QueryOptions, Store } from '../../types.js';
import { literal } from '../literal.js';
import { among, WEIGHT } from '../minutes.js';
import { computedCells, type SloChunk, WHOLE_MINUTE } from './computed.js';

/** How much there is to see in a minute. */
export interface MinuteWeight {
  readonly minute: number;
  readonly weight: bigint;
  /** When the first span of its oldest trace was received, epoch milliseconds. */
  readonly oldestReceivedMs: number;
}

/** What is stored of an SLO and a minute. */
export interface KnownCells {
  /** Index in the chunk. */
  readonly slo: number;
  readonly minute: number;
  /** Up to where it was counted; 0 without a marker. */
  readonly seen: bigint;
}

export interface CellCounts {
  readonly good: number;
  readonly bad: number;
  readonly unknown: number;
  /** Late spans of the traces counted. */
  readonly late: number;
}

export interface CellState extends CellCounts {
  readonly seen: bigint;
}

/** A cell that is not what it should be. */
export interface CellDifference {
  readonly slo: number;
  readonly objective: number;
  readonly minute: number;
  readonly groupKey: string;
  /** The newest state that is stored; undefined if it has never had any. */
  readonly old: CellState | undefined;
  readonly computed: CellCounts;
  /** Epoch seconds; 0 where nothing is left. */
  readonly received: number;
  /** With late spans, the newest first. */
  readonly traces: readonly string[];
}

export interface ComparedMinute {
  readonly minute: number;
  readonly weight: bigint;
  /** Late spans of all its traces, tombstones included. */
  readonly late: number;
  readonly received: number;
  /** Late or moved away, the newest first. */
  readonly traces: readonly string[];
}

export interface Comparison {
  readonly minutes: readonly ComparedMinute[];
  /** By index of the SLO and minute. */
  readonly markers: readonly (KnownCells & { readonly late: number })[];
  readonly differences: readonly CellDifference[];
}

export interface CellWrite {
  readonly slo: number;
  readonly objective: number;
  readonly minute: number;
  readonly groupKey: string;
  readonly seen: bigint;
  readonly counts: CellCounts;
  /** Epoch seconds; 0 for now. */
  readonly received: number;
}

export type RestatementKind = 'late_spans' | 'restitched' | 'recount';

export interface RestatementCause {
  readonly kind: RestatementKind;
  readonly late_spans: number;
  readonly traces: readonly string[];
}

export interface RestatementWrite extends Omit<CellWrite, 'received'> {
  readonly old: CellState;
  readonly cause: RestatementCause;
}

/** A statement names many SLOs: more text than ClickHouse takes by default. */
const LONG: QueryOptions = {
  settings: { max_query_size: 16_000_000, max_ast_elements: 2_000_000, max_expanded_ast_elements: 4_000_000 },
};
const ROWS_PER_INSERT = 5_000;

export async function weighMinutes(store: Store, tenant: string, minutes: readonly number[]): Promise<MinuteWeight[]> {
  if (minutes.length === 0) return [];
  const where = among(
    'end_minute',
    minutes.map(minute => ({ tenant, minute })),
  );
  const key = 'tenant, end_minute, country, region, locality, trace_id';
  const rows = await store.queryRows(
    `SELECT toUnixTimestamp(minute), sum(weight), toUnixTimestamp64Milli(min(oldest)) FROM ${perShard(
      store,
      table => `
      SELECT end_minute AS minute, sumIf(${WEIGHT}, place = 1) AS weight, min(received) AS oldest FROM (
        SELECT end_minute, version, received, row_number() OVER (PARTITION BY ${key} ORDER BY version DESC) AS place
        FROM ${table('trace_revisions')} WHERE ${where})
      GROUP BY minute`,
    )} AS shard GROUP BY minute`,
  );
  return rows.map(row => ({
    minute: Number(row[0]),
    weight: BigInt(String(row[1])),
    oldestReceivedMs: Number(row[2]),
  }));
}

/** Minutes and SLOs of the chunk of which anything is stored. */
export async function knownCells(store: Store, chunk: SloChunk): Promise<KnownCells[]> {
  const rows = await store.queryRows(
    `SELECT ${indexOfSlo(chunk)} AS at, toUnixTimestamp(minute), maxIf(seen, objective = ${SLO_MARKER_OBJECTIVE})
     FROM slo_rollup WHERE ${ofChunk(chunk)} GROUP BY at, minute`,
    undefined,
    LONG,
  );
  return rows.map(row => ({ slo: Number(row[0]), minute: Number(row[1]), seen: BigInt(String(row[2])) }));
}

/**
 * Writes the cells of those SLOs and minutes of the chunk of which nothing is stored, nor restated. No markers: those
 * come when a second look has found all as it should be.
 */
export async function countFirst(store: Store, chunk: SloChunk): Promise<void> {
  const names = chunk.slos.map(({ name }) => literal(name)).join(', ');
  const definitions = chunk.slos.map(({ definition }) => literal(definition)).join(', ');
  await store.command(
    `INSERT INTO slo_rollup (tenant, ${CELL}, seen, is_deleted, total, good, bad, unknown, late_spans, received)
     SELECT ${literal(chunk.tenant)}, [${names}][slo + 1], [${definitions}][slo + 1], objective, minute, group_key,
            weight_of_minute, 0, good + bad + unknown, good, bad, unknown, late, received
     FROM (SELECT *, max(weight) OVER (PARTITION BY minute) AS weight_of_minute FROM ${computedCells(store, chunk)})
     WHERE slo != ${WHOLE_MINUTE} AND (slo, minute) GLOBAL NOT IN (
       SELECT toUInt16(${indexOfSlo(chunk)}), minute FROM slo_rollup WHERE ${ofChunk(chunk)})`,
    undefined,
    LONG,
  );
}

/** Every minute, marker, and cell that is not what it should be. */
export async function compareCells(store: Store, chunk: SloChunk): Promise<Comparison> {
  const rows = await store.queryRows(comparison(store, chunk), undefined, LONG);
  const minutes: ComparedMinute[] = [];
  const markers: Comparison['markers'][number][] = [];
  const differences: CellDifference[] = [];
  for (const row of rows) {
    const [slo, objective, minute] = [Number(row[0]), Number(row[1]), Number(row[2])];
    const computed = { good: Number(row[5]), bad: Number(row[6]), unknown: Number(row[7]), late: Number(row[8]) };
    const traces = (row[10] as [unknown, string][]).map(([, id]) => id);
    const received = Number(row[9]);
    const old = row[11] === 0 ? undefined : stateOf(row[12] as unknown[]);
    if (slo === WHOLE_MINUTE) {
      minutes.push({ minute, weight: BigInt(String(row[4])), late: computed.late, received, traces });
    } else if (objective === SLO_MARKER_OBJECTIVE) {
      markers.push({ slo, minute, seen: old?.seen ?? 0n, late: old?.late ?? 0 });
    } else {
      differences.push({ slo, objective, minute, groupKey: String(row[3]), old, computed, received, traces });
    }
  }
  return { minutes, markers, differences };
}

function stateOf(state: readonly unknown[]): CellState {
  const [seen, , good, bad, unknown, late] = state.map(String);
  return { seen: BigInt(seen), good: Number(good), bad: Number(bad), unknown: Number(unknown), late: Number(late) };
}

/** What a cell holds (a deleted one: nothing), and whether it is the cell itself that says so. */
const STATE = 'Array(Tuple(UInt64, UInt8, UInt64, UInt64, UInt64, UInt64))';

function comparison(store: Store, chunk: SloChunk): string {
  const cell = 'slo, objective, minute, group_key';
  return `
  SELECT slo, objective, toUnixTimestamp(minute), group_key, toString(weight), good, bad, unknown, late,
         toUnixTimestamp(received), traces, toUInt8(notEmpty(states)) AS is_stored, states[1] AS state
  FROM (
    SELECT ${cell}, sum(side.weight) AS weight, sum(side.good) AS good, sum(side.bad) AS bad, sum(side.unknown) AS unknown,
           sum(side.late) AS late, max(side.received) AS received, groupArrayArray(side.traces) AS traces,
           arrayReverseSort(arrayDistinct(groupArrayArray(side.states))) AS states,
           arrayFilter(each -> each.1 = states[1].1, states) AS newest,
           arrayDistinct(arrayMap(each -> (each.3, each.4, each.5, each.6), newest)) AS contents
    FROM (
      SELECT ${cell}, weight, good, bad, unknown, late, received, traces, CAST([], '${STATE}') AS states
      FROM ${computedCells(store, chunk)}
      UNION ALL ${storedStates(chunk, `toUInt8(1)`, 'slo_rollup', 'good, bad, unknown, late_spans', 'stored.is_deleted')}
      UNION ALL ${storedStates(chunk, `toUInt8(0)`, 'slo_restatements', 'new_good, new_bad, new_unknown, new_late_spans', '0')}
    ) AS side
    GROUP BY ${cell})
  WHERE objective = ${SLO_MARKER_OBJECTIVE} OR if(empty(states), good + bad + unknown > 0,
        contents != [(good, bad, unknown, late)] OR NOT arrayExists(each -> each.2 = 1, newest))`;
}

/** Superseded ones included: which counts is for the reader to see. Qualified, as the names are those of aliases, too. */
function storedStates(chunk: SloChunk, isCell: string, table: string, counts: string, isDeleted: string): string {
  const [good, bad, unknown, late] = counts.split(', ').map(column => `if(${isDeleted}, 0, stored.${column})`);
  return `
      SELECT toUInt16(${indexOfSlo(chunk, 'stored.')}) AS slo, stored.objective AS objective, stored.minute AS minute,
             toString(stored.group_key) AS group_key, toUInt64(0) AS weight,
             toUInt64(0) AS good, toUInt64(0) AS bad, toUInt64(0) AS unknown, toUInt64(0) AS late,
             toDateTime(0, 'UTC') AS received, CAST([], 'Array(Tuple(Int64, String))') AS traces,
             CAST(groupUniqArray((stored.seen, ${isCell}, ${good}, ${bad}, ${unknown}, ${late})), '${STATE}') AS states
      FROM (SELECT * FROM ${table} WHERE ${ofChunk(chunk)}) AS stored
      GROUP BY stored.slo, stored.definition, stored.objective, stored.minute, stored.group_key`;
}

const CELL = 'slo, definition, objective, minute, group_key';

function ofChunk({ tenant, slos, minutes }: SloChunk): string {
  const pairs = slos.map(({ name, definition }) => `(${literal(name)}, ${literal(definition)})`);
  const starts = minutes.map(minute => `toDateTime(${Math.trunc(minute)})`);
  return `tenant = ${literal(tenant)} AND (slo, definition) IN (${pairs.join(', ')}) AND minute IN (${starts.join(', ')})`;
}

/** Of a row of `slo_rollup`: the SLO's place in the chunk. */
function indexOfSlo({ slos }: SloChunk, of = ''): string {
  const pairs = slos.map(({ name, definition }) => `(${literal(name)}, ${literal(definition)})`);
  return `indexOf([${pairs.join(', ')}], (toString(${of}slo), toString(${of}definition))) - 1`;
}

/** Those without events are written as deleted. */
export async function writeCells(store: Store, chunk: SloChunk, cells: readonly CellWrite[]): Promise<void> {
  const columns = `tenant, ${CELL}, seen, is_deleted, total, good, bad, unknown, late_spans, received`;
  await insertInParts(store, 'slo_rollup', columns, cells, cell => {
    const { good, bad, unknown, late } = cell.counts;
    const total = good + bad + unknown;
    const isDeleted = Number(total === 0 && cell.objective !== SLO_MARKER_OBJECTIVE);
    const received = cell.received === 0 ? 'now()' : `toDateTime(${cell.received})`;
    return [...cellValues(chunk, cell), isDeleted, total, good, bad, unknown, late, received].join(', ');
  });
}

export async function writeRestatements(
  store: Store,
  chunk: SloChunk,
  restatements: readonly RestatementWrite[],
): Promise<void> {
  const columns = `tenant, ${CELL}, seen, old_seen, old_good, old_bad, old_unknown, new_good, new_bad, new_unknown, new_late_spans, cause`;
  await insertInParts(store, 'slo_restatements', columns, restatements, restatement => {
    const { old, counts, cause } = restatement;
    const numbers = [old.seen, old.good, old.bad, old.unknown, counts.good, counts.bad, counts.unknown, counts.late];
    return [...cellValues(chunk, restatement), ...numbers, literal(JSON.stringify(cause))].join(', ');
  });
}

function cellValues({ tenant, slos }: SloChunk, cell: Omit<CellWrite, 'received'>): (string | number | bigint)[] {
  const { name, definition } = slos[cell.slo];
  const minute = `toDateTime(${cell.minute})`;
  return [
    literal(tenant),
    literal(name),
    literal(definition),
    cell.objective,
    minute,
    literal(cell.groupKey),
    cell.seen,
  ];
}

async function insertInParts<Row>(
  store: Store,
  table: string,
  columns: string,
  rows: readonly Row[],
  values: (row: Row) => string,
): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
    const part = rows.slice(at, at + ROWS_PER_INSERT).map(row => `(${values(row)})`);
    await store.command(`INSERT INTO ${table} (${columns}) VALUES ${part.join(',')}`);
  }
}
