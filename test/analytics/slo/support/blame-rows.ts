/** Puts the oracle's traces, and its counts of them, into the tables that blame is read from. */
import { countingHash, type SloDefinition } from '../../../../schemas/index.js';
import type { Store } from '../../../../store/index.js';
import { groupKeyWith } from '../../../../store/queries/slo/conditions.js';
import { groupBy } from '../../../oracle/group-by.js';
import type { OracleTrace } from '../../../oracle/index.js';
import { oracleGroup, oracleVerdict } from '../../../oracle/slo-blame.js';
import { insertRevisions, literal, pathColumns, type Revision } from '../../support/rows.js';

const BATCH = 200;

export const EVERYTHING: SloDefinition['selection'] = {
  services: [],
  operations: [],
  environments: [],
  locations: [],
  attributes: [],
  pathTiers: [],
  pathServices: [],
};

/** An SLO over all traces, 30 days rolling; what a test is about it says itself. */
export function definitionOf(
  good: Partial<SloDefinition['objectives'][number]['good']>,
  more: Partial<SloDefinition> = {},
  targetPpm = 950_000,
): SloDefinition {
  return {
    name: 'checkout',
    displayName: '',
    description: '',
    service: '',
    labels: {},
    selection: EVERYTHING,
    groupBy: [],
    unknown: 'excluded',
    window: { kind: 'rolling', minutes: 30 * 1_440 },
    budgetingMethod: 'Occurrences',
    objectives: [
      {
        displayName: '',
        targetPpm,
        good: { durations: [], noError: false, within: null, isNegated: false, ...good },
        slices: null,
      },
    ],
    alerts: [],
    ...more,
  };
}

export async function insertTraces(store: Store, traces: readonly OracleTrace[]): Promise<void> {
  for (let first = 0; first < traces.length; first += BATCH) {
    const batch = traces.slice(first, first + BATCH).map(toRevision);
    await insertRevisions(store, batch, Date.UTC(2026, 0, 1));
  }
}

export function toRevision(trace: OracleTrace): Revision {
  const { tiers, path } = trace;
  return {
    traceId: trace.traceId,
    endMs: Number(trace.endNs / 1_000_000n),
    place: [trace.locality, trace.region, trace.country],
    service: trace.service,
    operation: trace.operation,
    environment: trace.environment,
    error: trace.error,
    hasRoot: trace.hasRoot,
    complete: trace.complete,
    spans: trace.spanCount,
    more: {
      end_minute: Number(trace.endNs / 60_000_000_000n) * 60,
      end: dateTime64(trace.endNs),
      duration_ns: trace.durationNs,
      error_service: trace.errorService,
      error_operation: trace.errorOperation,
      error_tier: trace.errorTier,
      tier_names: tiers.map(({ tier }) => tier),
      tier_ns: tiers.map(({ ns }) => ns),
      ...pathColumns(path),
    },
  };
}

/** `2023-11-14 22:13:20.000000001`, in UTC. */
function dateTime64(ns: bigint): string {
  const whole = new Date(Number(ns / 1_000_000_000n) * 1_000).toISOString().slice(0, 19).replace('T', ' ');
  return `${whole}.${String(ns % 1_000_000_000n).padStart(9, '0')}`;
}

/** What the counting job writes, counted from the oracle's traces. */
export async function insertCounts(
  store: Store,
  traces: readonly OracleTrace[],
  definition: SloDefinition,
  objective: number,
): Promise<void> {
  const { good } = definition.objectives[objective];
  const cells = groupBy(traces, trace =>
    JSON.stringify([Number(trace.endNs / 60_000_000_000n) * 60, Object.entries(oracleGroup(trace, definition))]),
  );
  const rows = [...cells].flatMap(([key, inCell]) => {
    const [minute, members] = JSON.parse(key) as [number, [string, string][]];
    const verdicts = inCell.map(trace => oracleVerdict(trace, definition, good));
    const count = (verdict: string) => verdicts.filter(each => each === verdict).length;
    const total = verdicts.filter(verdict => verdict !== null).length;
    const group = groupKeyWith(definition, Object.fromEntries(members));
    const head = ['default', definition.name, countingHash(definition)].map(literal);
    const counts = [total, count('good'), count('bad'), count('unknown'), 'now()'];
    return total === 0 ? [] : `(${[...head, objective, `toDateTime(${minute})`, group, 1, 0, ...counts].join()})`;
  });
  if (rows.length === 0) return;
  await store.command(
    `INSERT INTO slo_rollup (tenant, slo, definition, objective, minute, group_key, seen, is_deleted, total, good, bad, unknown, received)
     VALUES ${rows.join()}`,
  );
}

export async function clearTraces(store: Store): Promise<void> {
  for (const table of ['trace_revisions', 'slo_rollup']) await store.command(`TRUNCATE TABLE ${table}`);
}
