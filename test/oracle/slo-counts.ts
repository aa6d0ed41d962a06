/**
 * The oracle of SLO counts: each trace is judged by itself, as schemas/slo/definition.ts and docs/slo.md say, and added
 * to its minute and group. It shares nothing with the product but the shape of definitions.
 */
import type {
  DurationCondition,
  GoodCondition,
  GroupDimension,
  SloDefinition,
  TraceSelection,
} from '../../schemas/index.js';
import type { OracleVerdict } from './slo.js';
import type { OracleTrace } from './types.js';

/** What of a trace matters here. `attribute` is of its root span, else of the root's resource. */
export interface JudgedTrace
  extends Pick<
    OracleTrace,
    | 'hasRoot'
    | 'complete'
    | 'error'
    | 'durationNs'
    | 'endNs'
    | 'service'
    | 'operation'
    | 'environment'
    | 'locality'
    | 'region'
    | 'country'
    | 'tiers'
  > {
  readonly services: readonly { readonly service: string }[];
  readonly attribute: (key: string) => string | undefined;
}

export interface OracleCounts {
  good: number;
  bad: number;
  unknown: number;
}

type Trilean = true | false | 'unknown';

/** `objective minute group` → counts. The minute is that of the end since the epoch, the group plain JSON. */
export function oracleSloCounts(
  traces: Iterable<JudgedTrace>,
  definition: Pick<SloDefinition, 'selection' | 'groupBy' | 'objectives'>,
): Map<string, OracleCounts> {
  const counts = new Map<string, OracleCounts>();
  for (const trace of traces) {
    definition.objectives.forEach(({ good }, objective) => {
      const verdict = oracleVerdict(trace, definition.selection, good);
      if (verdict === null) return;
      const minute = trace.endNs / 60_000_000_000n;
      const group = Object.fromEntries(definition.groupBy.map(dimension => [dimension, dimensionOf(trace, dimension)]));
      const key = JSON.stringify([objective, Number(minute), group]);
      const cell = counts.get(key) ?? { good: 0, bad: 0, unknown: 0 };
      cell[verdict]++;
      counts.set(key, cell);
    });
  }
  return counts;
}

/** null: it does not count. */
export function oracleVerdict(
  trace: JudgedTrace,
  selection: TraceSelection,
  good: GoodCondition,
): OracleVerdict | null {
  if (!isSelected(trace, selection)) return null;
  const answers: Trilean[] = good.durations.map(condition => holds(trace, condition));
  if (good.noError) answers.push(trace.error ? false : trace.hasRoot ? true : 'unknown');
  if (good.within !== null) answers.push(trace.hasRoot ? isSelected(trace, good.within) : 'unknown');
  const answer = answers.includes(false) ? false : answers.includes('unknown') ? 'unknown' : true;
  if (answer === 'unknown') return 'unknown';
  return answer !== good.isNegated ? 'good' : 'bad';
}

function isSelected(trace: JudgedTrace, selection: TraceSelection): boolean {
  const { services, operations, environments, locations, attributes, pathTiers, pathServices } = selection;
  const places = [trace.locality, trace.region, trace.country].map(place => place.toLowerCase());
  return (
    isOneOf(trace.service, services) &&
    isOneOf(trace.operation, operations) &&
    isOneOf(trace.environment, environments) &&
    (locations.length === 0 || places.some(place => locations.includes(place))) &&
    pathTiers.every(tier => trace.tiers.some(each => each.tier === tier)) &&
    pathServices.every(service => trace.services.some(each => each.service === service)) &&
    attributes.every(({ key, values }) => trace.hasRoot && values.includes(trace.attribute(key) ?? '\0 none'))
  );
}

function isOneOf(value: string, values: readonly string[]): boolean {
  return values.length === 0 || values.includes(value);
}

function holds(trace: JudgedTrace, { tier, op, ns }: DurationCondition): Trilean {
  if (tier === null ? !trace.hasRoot : !trace.complete) return 'unknown';
  const measure = tier === null ? trace.durationNs : (trace.tiers.find(each => each.tier === tier)?.ns ?? 0n);
  const limit = BigInt(ns);
  switch (op) {
    case 'lt':
      return measure < limit;
    case 'lte':
      return measure <= limit;
    case 'gt':
      return measure > limit;
    case 'gte':
      return measure >= limit;
  }
}

function dimensionOf(trace: JudgedTrace, dimension: GroupDimension): string {
  if (dimension !== 'location') return trace[dimension];
  return [trace.locality, trace.region, trace.country].find(place => place !== '') ?? '';
}
