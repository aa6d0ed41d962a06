/** Which traces a metric means, in one form: lists sorted and without repetition, locations in lower case. */
import type { AttributeMatch, TraceSelection } from './definition.js';
import type { SelectionSpec } from './metric-spec.js';

export function selectionOf(spec: SelectionSpec): TraceSelection {
  return {
    services: sorted(spec.service),
    operations: sorted(spec.operation),
    environments: sorted(spec.environment),
    locations: sorted(spec.location?.map(location => location.toLowerCase())),
    attributes: sorted(Object.keys(spec.attributes ?? {})).map(key => ({
      key,
      values: sorted(spec.attributes?.[key]),
    })),
    pathTiers: sorted(spec.tier),
    pathServices: sorted(spec.pathService),
  };
}

/** By code units, so that every machine sorts alike. */
const sorted = (values: readonly string[] = []): string[] => [...new Set(values)].sort();

/** What `part` selects beyond `total`; null if nothing. */
export function narrowing(total: TraceSelection, part: TraceSelection): TraceSelection | null {
  const within = {
    ...anyOf((key, values) => (sameList(total[key], values) ? [] : values), part),
    attributes: part.attributes.filter(match => !sameList(valuesOf(total.attributes, match.key), match.values)),
    pathTiers: part.pathTiers.filter(tier => !total.pathTiers.includes(tier)),
    pathServices: part.pathServices.filter(service => !total.pathServices.includes(service)),
  };
  return Object.values(within).every(values => values.length === 0) ? null : within;
}

/** Whether nothing can be in both: in one list they have no value in common. */
export function areDisjoint(total: TraceSelection, part: TraceSelection): boolean {
  const lists = [
    ...ANY_OF.map(key => [total[key], part[key]]),
    ...part.attributes.map(({ key, values }) => [valuesOf(total.attributes, key), values]),
  ];
  return lists.some(([of, values]) => of.length > 0 && values.length > 0 && !values.some(value => of.includes(value)));
}

/** Lists of which any value will do, and none given means all. */
const ANY_OF = ['services', 'operations', 'environments', 'locations'] as const;
type AnyOf = (typeof ANY_OF)[number];

function anyOf(
  make: (key: AnyOf, values: readonly string[]) => readonly string[],
  selection: TraceSelection,
): Pick<TraceSelection, AnyOf> {
  const [services, operations, environments, locations] = ANY_OF.map(key => make(key, selection[key]));
  return { services, operations, environments, locations };
}

const valuesOf = (attributes: readonly AttributeMatch[], key: string): readonly string[] =>
  attributes.find(match => match.key === key)?.values ?? [];

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((value, index) => value === b[index]);
