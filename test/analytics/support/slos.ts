/** SLO definitions, documents and counts of tests: a test says what matters to it, the rest has defaults. */
import {
  countingHash,
  definitionHash,
  type GoodCondition,
  type SloDefinition,
  type TraceSelection,
} from '../../../schemas/index.js';
import { putSloDocument, type Store } from '../../../store/index.js';

export const ALL: TraceSelection = {
  services: [],
  operations: [],
  environments: [],
  locations: [],
  attributes: [],
  pathTiers: [],
  pathServices: [],
};

export const FAST: GoodCondition = {
  durations: [{ tier: null, op: 'lt', ns: '300000000' }],
  noError: true,
  within: null,
  isNegated: false,
};

export function sloDefinition(more: Partial<SloDefinition> = {}, ...goods: GoodCondition[]): SloDefinition {
  const objectives = (goods.length > 0 ? goods : [FAST]).map(good => ({
    displayName: '',
    targetPpm: 990_000,
    good,
    slices: null,
  }));
  return {
    name: 'fast',
    displayName: '',
    description: '',
    service: 'bank',
    labels: {},
    selection: ALL,
    groupBy: [],
    unknown: 'excluded',
    window: { kind: 'rolling', minutes: 43_200 },
    budgetingMethod: 'Occurrences',
    objectives,
    alerts: [],
    ...more,
  };
}

export function putSlo(store: Store, definition: SloDefinition, tenant = 'default'): Promise<number> {
  return putSloDocument(
    store,
    { tenant, kind: 'SLO', name: definition.name },
    {
      document: JSON.stringify(definition.name),
      definition,
      definitionHash: definitionHash(definition),
      countingHash: countingHash(definition),
      source: 'api',
    },
  );
}

/** Counted cells as readers see them: `[slo, objective, minute, group, good, bad, unknown]`, for the current definitions. */
export async function countedCells(store: Store, definitions: readonly SloDefinition[], tenant = 'default') {
  const rows = await store.queryRows(
    `SELECT slo, definition, objective, intDiv(toUnixTimestamp(minute), 60), group_key, good, bad, unknown, total
     FROM slo_rollup FINAL WHERE tenant = {tenant:String} AND objective < 255`,
    { tenant },
  );
  const current = new Map(definitions.map(each => [each.name, countingHash(each)]));
  const cells = new Map<string, { good: number; bad: number; unknown: number }>();
  for (const [slo, definition, objective, minute, group, ...numbers] of rows) {
    if (current.get(String(slo)) !== definition) continue;
    const [good, bad, unknown, total] = numbers.map(Number);
    if (total !== good + bad + unknown) throw new Error(`a total of ${total}`);
    const key = JSON.stringify([Number(objective), Number(minute), JSON.parse(String(group))]);
    cells.set(`${slo} ${key}`, { good, bad, unknown });
  }
  return sortedMap(cells);
}

export function sortedMap<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
