/** The traces that blame is about, and their critical paths: expressions and conditions that its queries share. */
import type { SloDefinition } from '../../../schemas/index.js';
import type { QueryOptions } from '../../types.js';
import { CURRENT_REVISIONS, minuteOf } from '../latency.js';
import { literal } from '../literal.js';
import type { PathElement, TraceKind } from './baselines.js';
import { groupKeyOf, groupKeyWith, verdictOf } from './conditions.js';

export interface BlameQuestion {
  readonly tenant: string;
  readonly definition: SloDefinition;
  /** Index into the definition's objectives. */
  readonly objective: number;
  /** One value for each of `groupBy`; undefined: all groups together. */
  readonly group: Readonly<Record<string, string>> | undefined;
  /** [fromNs, toNs) of the trace's end, epoch nanoseconds. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

/** A baseline of many entries and elements is part of the statement: tens of thousands of literals. */
export const LARGE_STATEMENT: QueryOptions = {
  settings: {
    ...CURRENT_REVISIONS.settings,
    max_query_size: 64 * 1024 * 1024,
    max_ast_elements: 10_000_000,
    max_expanded_ast_elements: 10_000_000,
  },
};

export const KIND = 'entry_service, entry_operation, entry_services';
export const ELEMENT = 'kind, caller, callee, span_operation, tier';
/** A section of a path as it is stored (docs/schema.md), and its length. */
export const ELEMENT_TYPE = 'Tuple(LowCardinality(String), UInt64)';

export const PATH_SERVICES = 'toString(path_services)';
export const PATH = 'arrayZip(path_sections, path_self_ns)';

/** Taken apart only once it is a column of its own: then each text is read once, not once a section. */
export const NAMED_ELEMENT = ELEMENT.split(', ')
  .map((name, index) => `JSONExtractString(element.1, ${index + 1}) AS ${name}`)
  .join(', ');

export type TableName = (name: string) => string;

/** What is asked of them: of all columns the engine takes a little longer to make its plan. */
const COLUMNS = `end_minute, trace_id, service, operation, path_services, has_root, complete, duration_ns, tier_names, tier_ns,
    error, error_service, error_operation, error_tier,
    path_sections, path_self_ns`;

/** Current revisions with that verdict. `among` may narrow them further. */
export function tracesOf(
  question: BlameQuestion,
  table: TableName,
  verdict: number,
  ends: string,
  among: string,
): string {
  const name = table('trace_revisions');
  const wanted = `${among} AND ${hasVerdict(question, table, verdict, ends)}`;
  const inMinutes = `tenant = ${literal(question.tenant)} AND ${ends}`;
  return `
    SELECT ${COLUMNS} FROM ${name} FINAL
    PREWHERE ${inMinutes} AND trace_id IN (SELECT trace_id FROM ${name} WHERE ${inMinutes} AND NOT is_deleted AND ${wanted})
    WHERE ${wanted}`;
}

export function hasVerdict(question: BlameQuestion, table: TableName, verdict: number, ends: string): string {
  const { tenant, definition, objective, group } = question;
  const inMinutes = `tenant = ${literal(tenant)} AND ${ends}`;
  const spans = {
    table: table('spans'),
    where: `tenant = ${literal(tenant)} AND trace_id IN (SELECT trace_id FROM ${table('trace_revisions')} WHERE ${inMinutes})`,
  };
  const is = `${verdictOf(definition.selection, definition.objectives[objective].good, spans)} = ${verdict}`;
  return group === undefined ? is : `${is} AND ${groupKeyOf(definition)} = ${keyOf(question)}`;
}

export function keyOf({ definition, group = {} }: BlameQuestion): string {
  return groupKeyWith(definition, group);
}

export function minutesOf({ fromNs, toNs }: BlameQuestion): string {
  return `end_minute >= toDateTime(${minuteOf(fromNs)}) AND end_minute <= toDateTime(${minuteOf(toNs - 1n)})`;
}

export function inWindow(question: BlameQuestion): string {
  const { tenant, fromNs, toNs } = question;
  return `tenant = ${literal(tenant)} AND ${minutesOf(question)} AND NOT is_deleted
    AND end >= fromUnixTimestamp64Nano(toInt64(${fromNs})) AND end < fromUnixTimestamp64Nano(toInt64(${toNs}))`;
}

export function toElement([kind, caller, service, operation, tier]: readonly unknown[]): PathElement {
  return {
    kind: kind === 'link' ? 'link' : 'service',
    caller: String(caller),
    service: String(service),
    operation: String(operation),
    tier: String(tier),
  };
}

export function toKind([service, operation, services]: readonly unknown[]): TraceKind {
  return { service: String(service), operation: String(operation), services: String(services) };
}
