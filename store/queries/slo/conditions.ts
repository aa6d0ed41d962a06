/**
 * What an SloDefinition asks of a row of `trace_revisions`, as SQL expressions. Values stand in the text as literals: one
 * statement serves many SLOs, and their number is not bounded by that of parameters.
 */
import type {
  DurationCondition,
  GoodCondition,
  GroupDimension,
  SloDefinition,
  TraceSelection,
} from '../../../schemas/index.js';
import { literal } from '../literal.js';

export { literal };

/** Values of `verdictOf`. */
export const Verdict = { NOT_SELECTED: 0, GOOD: 1, BAD: 2, UNKNOWN: 3 } as const;

/**
 * Where the spans of the traces at hand are found: the name of the table, and a condition on its `tenant` and `trace_id`
 * that keeps the search for attributes of root spans within them.
 */
export interface SpanScope {
  readonly table: string;
  readonly where: string;
}

const PATH_SERVICES = "JSONExtract(path_services, 'Array(String)')";

/** A condition: whether the trace is one of those that count. */
export function selectedBy(selection: TraceSelection, spans: SpanScope): string {
  const { services, operations, environments, locations, attributes, pathTiers, pathServices } = selection;
  return all([
    isAmong('service', services),
    isAmong('operation', operations),
    isAmong('environment', environments),
    any(['locality', 'region', 'country'].map(column => isAmong(`lowerUTF8(${column})`, locations)).filter(Boolean)),
    ...pathTiers.map(tier => `${placeOf(tier, 'tier_names')} > 0`),
    ...pathServices.map(service => `has(${PATH_SERVICES}, ${literal(service)})`),
    ...attributes.map(({ key, values }) => rootHas(key, values, spans)),
  ]);
}

/** An expression for a `Verdict`; NOT_SELECTED for traces that do not count. */
export function verdictOf(selection: TraceSelection, good: GoodCondition, spans: SpanScope): string {
  const conditions = [
    ...good.durations.map(durationHolds),
    ...(good.noError ? [{ fails: 'error', holds: 'has_root AND NOT error' }] : []),
    ...(good.within === null ? [] : [onceRootIsKnown(selectedBy(good.within, spans))]),
  ];
  const [whenFailing, whenHolding] = good.isNegated ? [Verdict.GOOD, Verdict.BAD] : [Verdict.BAD, Verdict.GOOD];
  const fails = any(conditions.map(condition => condition.fails)) || 'false';
  const holds = all(conditions.map(condition => condition.holds));
  return `multiIf(NOT (${selectedBy(selection, spans)}), ${Verdict.NOT_SELECTED}, ${fails}, ${whenFailing}, ${holds}, ${whenHolding}, ${Verdict.UNKNOWN})`;
}

/** An expression for the key of the group that a trace falls into: JSON text, its members in the order of `groupBy`. */
export function groupKeyOf({ groupBy }: Pick<SloDefinition, 'groupBy'>): string {
  return groupKey(groupBy, dimension => GROUP_VALUES[dimension]);
}

/** The key of the group with these values, by the same functions. */
export function groupKeyWith(
  { groupBy }: Pick<SloDefinition, 'groupBy'>,
  values: Readonly<Partial<Record<GroupDimension, string>>>,
): string {
  return groupKey(groupBy, dimension => literal(values[dimension] ?? ''));
}

function groupKey(groupBy: readonly GroupDimension[], value: (dimension: GroupDimension) => string): string {
  if (groupBy.length === 0) return "'{}'";
  // toJSONString escapes / as well, as nobody does who asks for a group.
  const text = (plain: string) => `replaceAll(toJSONString(${plain}), '\\\\/', '/')`;
  const members = groupBy.map(dimension => `${literal(`"${dimension}":`)}, ${text(value(dimension))}`);
  return `concat('{', ${members.join(", ',', ")}, '}')`;
}

const GROUP_VALUES: Readonly<Record<GroupDimension, string>> = {
  location: "toString(multiIf(locality != '', locality, region != '', region, country))",
  locality: 'toString(locality)',
  region: 'toString(region)',
  country: 'toString(country)',
  service: 'toString(service)',
  operation: 'toString(operation)',
  environment: 'toString(environment)',
};

export interface Knowledge {
  /** Known not to hold. */
  readonly fails: string;
  /** Known to hold. */
  readonly holds: string;
}

const OPERATORS = { lt: '<', lte: '<=', gt: '>', gte: '>=' } as const;

export function durationHolds({ tier, op, ns }: DurationCondition): Knowledge {
  if (!/^\d{1,20}$/.test(ns)) throw new Error(`not a number of nanoseconds: ${JSON.stringify(ns)}`);
  // Index 0, for a tier that is not there, answers 0.
  const measure = tier === null ? 'duration_ns' : `tier_ns[${placeOf(tier, 'tier_names')}]`;
  const comparison = `${measure} ${OPERATORS[op]} ${ns}`;
  if (tier === null) return onceRootIsKnown(comparison);
  return { fails: `complete AND NOT (${comparison})`, holds: `complete AND ${comparison}` };
}

function onceRootIsKnown(condition: string): Knowledge {
  return { fails: `has_root AND NOT (${condition})`, holds: `has_root AND (${condition})` };
}

/** The root span has one of the values, or lacks the attribute and its resource has one. */
function rootHas(key: string, values: readonly string[], { table, where }: SpanScope): string {
  const name = literal(key);
  const attribute = `attributes[${name}]`;
  const resource = `resource[${name}]`;
  const matches = `if(mapContains(attributes, ${name}), ${isAmong(attribute, values)}, mapContains(resource, ${name}) AND ${isAmong(resource, values)})`;
  // Of copies with one identity the one of the highest version is the span (docs/stitching.md, Identity).
  return `(tenant, trace_id, root_span_id) IN (
    SELECT tenant, trace_id, toString(span_id) FROM (
      SELECT tenant, trace_id, span_id, kind, attributes, resource FROM ${table} WHERE ${where} AND parent_span_id = ''
      ORDER BY version DESC LIMIT 1 BY tenant, trace_id, span_id, kind)
    WHERE ${matches})`;
}

/** From 1; 0 if it is not there. `indexOf` and `has` do not find '' in low-cardinality lists (seen in 26.7). */
function placeOf(name: string, list: string): string {
  return name === '' ? `arrayFirstIndex(each -> each = '', ${list})` : `indexOf(${list}, ${literal(name)})`;
}

function isAmong(expression: string, values: readonly string[]): string {
  return values.length === 0 ? '' : `${expression} IN (${values.map(literal).join(', ')})`;
}

function all(conditions: readonly string[]): string {
  const given = conditions.filter(condition => condition !== '');
  return given.length === 0 ? 'true' : given.map(condition => `(${condition})`).join(' AND ');
}

function any(conditions: readonly string[]): string {
  const given = conditions.filter(condition => condition !== '');
  return given.length === 0 ? '' : `(${given.join(' OR ')})`;
}
