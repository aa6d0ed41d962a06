/**
 * What cells of SLOs should hold, straight from the current traces: many SLOs in one pass over the rows of some minutes.
 *
 * Each row becomes one number per objective whose SLO it is an event of, and one for its minute, and these are counted.
 * So the cost of an SLO is that of its conditions, and only where they select something that of a group.
 */
import { SLO_MARKER_OBJECTIVE, type SloDefinition, type TraceSelection } from '../../../schemas/index.js';
import { perShard } from '../../cluster.js';
import type { Store } from '../../types.js';
import { literal } from '../literal.js';
import { among, WEIGHT } from '../minutes.js';
import { groupKeyOf, type SpanScope, Verdict, verdictOf } from './conditions.js';
import type { CountedSlo } from './documents.js';

/** Minutes of one tenant, and SLOs of it that are counted in them. */
export interface SloChunk {
  readonly tenant: string;
  readonly slos: readonly CountedSlo[];
  /** Starts, epoch seconds. */
  readonly minutes: readonly number[];
}

/** Stands for the minute as a whole where the index of an SLO in the chunk does. */
export const WHOLE_MINUTE = 65_535;
/** How many of the traces behind a change are named. */
export const TRACES_NAMED = 10;

/** Whether the attributes of root spans matter: then it can be counted only where spans are kept. */
export function readsSpans({ selection, objectives }: SloDefinition): boolean {
  const asks = ({ attributes }: TraceSelection) => attributes.length > 0;
  return asks(selection) || objectives.some(({ good }) => good.within !== null && asks(good.within));
}

/**
 * A subquery: per SLO (its index), objective, minute and group `good`, `bad`, `unknown`, `late` (late spans of these
 * traces), `received` and `traces`: those with late spans, the newest first. Per minute, as SLO `WHOLE_MINUTE`, in
 * `weight` how much there is to see (rollups.ts), in `late` and `traces` late spans and tombstones whosoever they are.
 * One read, as all must be of one moment.
 */
export function computedCells(store: Store, chunk: SloChunk): string {
  return `(
    SELECT slo, objective, minute, group_key, sum(weight) AS weight, sum(good) AS good, sum(bad) AS bad, sum(unknown) AS unknown,
           sum(late) AS late, max(received) AS received, ${newest('groupArrayArray(traces)')} AS traces
    FROM ${perShard(store, table => computedOnShard(table, chunk))} AS shard
    GROUP BY slo, objective, minute, group_key)`;
}

/** (seconds since the epoch, negative; id) → the ids of the newest. */
function newest(pairs: string): string {
  return `arraySlice(arraySort(${pairs}), 1, ${TRACES_NAMED})`;
}

function computedOnShard(table: (name: string) => string, { tenant, slos, minutes }: SloChunk): string {
  const where = among(
    'end_minute',
    minutes.map(minute => ({ tenant, minute })),
  );
  const key = 'tenant, end_minute, country, region, locality, trace_id';
  const revisions = table('trace_revisions');
  const spans: SpanScope = {
    table: table('spans'),
    where: `tenant = ${literal(tenant)} AND trace_id IN (SELECT trace_id FROM ${revisions} WHERE ${where})`,
  };
  const keys = [...new Set(slos.map(({ spec }) => groupKeyOf(spec)))];
  const keyOfSlo = slos.map(({ spec }) => keys.indexOf(groupKeyOf(spec)) + 1);
  const isLate = `late_span_count > 0 OR (slo = ${WHOLE_MINUTE} AND NOT live)`;
  return `
    SELECT slo, objective, minute, group_key,
           sumIf(row_weight, slo = ${WHOLE_MINUTE}) AS weight,
           countIf(verdict = ${Verdict.GOOD}) AS good, countIf(verdict = ${Verdict.BAD}) AS bad,
           countIf(verdict = ${Verdict.UNKNOWN}) AS unknown,
           sum(late_span_count) AS late, max(toDateTime(received_at)) AS received,
           groupArraySortedIf(${TRACES_NAMED})((-toUnixTimestamp64Milli(written_at), toString(trace_id)), ${isLate}) AS traces
    FROM (
      SELECT minute, live, row_weight, late_span_count, received_at, written_at, trace_id,
             toUInt16(bitShiftRight(event, 10)) AS slo, toUInt8(bitAnd(bitShiftRight(event, 2), 255)) AS objective,
             toUInt8(bitAnd(event, 3)) AS verdict,
             if(slo = ${WHOLE_MINUTE}, '', group_keys[[${keyOfSlo.join(', ')}][slo + 1]]) AS group_key
      FROM (
        SELECT end_minute AS minute, NOT is_deleted AS live, ${WEIGHT} AS row_weight, late_span_count,
               received AS received_at, written_at, trace_id, [${keys.join(', ')}] AS group_keys,
               arrayJoin(arrayPushBack(if(live, ${eventsOf(slos, spans)}, []), ${code(WHOLE_MINUTE, SLO_MARKER_OBJECTIVE)})) AS event
        FROM (
          SELECT ${key}, version, is_deleted, has_root, complete, error, duration_ns, service, operation, environment,
                 tier_names, tier_ns, path_services, root_span_id, late_span_count, received, written_at,
                 row_number() OVER (PARTITION BY ${key} ORDER BY version DESC) AS place
          FROM ${revisions} WHERE ${where})
        WHERE place = 1))
    GROUP BY slo, objective, minute, group_key`;
}

/** SLO, objective and verdict in one number. */
function code(slo: number, objective: number): string {
  return `toUInt32(${slo * 1_024 + objective * 4})`;
}

function eventsOf(slos: readonly CountedSlo[], spans: SpanScope): string {
  const events = slos.flatMap(({ spec }, slo) =>
    spec.objectives.map(
      ({ good }, objective) => `toUInt32(${code(slo, objective)} + ${verdictOf(spec.selection, good, spans)})`,
    ),
  );
  return `arrayFilter(each -> bitAnd(each, 3) != ${Verdict.NOT_SELECTED}, [${events.join(',\n')}])`;
}
