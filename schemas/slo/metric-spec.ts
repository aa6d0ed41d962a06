/**
 * `metricSource.spec` of `type: throughline`: which traces are meant, and, by the part it plays, what makes one good or
 * bad, or what is measured. docs/slo.md explains it.
 */
import { z } from 'zod';
import { parseDuration } from '../api-time.js';
import type { GroupDimension, UnknownPolicy } from './definition.js';
import { findingsOf } from './explain.js';
import type { Finding, Path } from './problems.js';
import { flag, list, oneOf } from './values.js';

export const SOURCE_TYPE = 'throughline';
export const isThroughline = (type: string): boolean => type.toLowerCase() === SOURCE_TYPE;

/** `total` counts; `good` and `bad` are the numerators; `raw` is both in one; `threshold` is measured. */
export type MetricRole = 'good' | 'bad' | 'total' | 'raw' | 'threshold';

const GROUP_DIMENSIONS: readonly GroupDimension[] = [
  'location',
  'locality',
  'region',
  'country',
  'service',
  'operation',
  'environment',
];
const UNKNOWN_POLICIES: readonly UnknownPolicy[] = ['excluded', 'bad', 'good'];

const asList = <Value>(value: Value | readonly Value[]): readonly Value[] =>
  Array.isArray(value) ? value : [value as Value];

const textOrList = (valid: string) => {
  const error = `give ${valid}, or a list of them; leave it out for all`;
  const text = z.string().min(1);
  return z
    .union([text, z.array(text).min(1, error)], { error })
    .transform(value => asList(value))
    .optional();
};

/** Attributes are compared as text, so a status code need not be in quotes. */
const AttributeValue = z.union([z.string(), z.number(), z.boolean()]);
const TEXTS = 'give text or a list of texts';
const AttributeValues = z
  .union([AttributeValue, z.array(AttributeValue).min(1, TEXTS)], { error: TEXTS })
  .transform(value => asList(value).map(String));

/** Nanoseconds. */
const duration = () =>
  z.unknown().transform((value, context) => {
    const ns = typeof value === 'string' ? parseDuration(value) : undefined;
    if (ns !== undefined && ns > 0n) return ns;
    const isBare = typeof value === 'number' || (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value));
    const message = isBare
      ? `give the unit, too: ${value}ms or ${value}s`
      : 'give a duration such as 300ms or 1.5s, more than 0';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const durationPerTier = () =>
  z.record(z.string().min(1), duration(), { error: 'give "tier: duration" lines such as data: 50ms' });

const SELECTION = {
  service: textOrList('the service that traces enter by'),
  operation: textOrList('the operation that traces enter by'),
  environment: textOrList('an environment such as production'),
  location: textOrList('a locality, region code or country code such as New York'),
  attributes: z
    .record(z.string().min(1), AttributeValues, { error: 'give "key: text" or "key: [text, …]" lines' })
    .optional(),
  tier: textOrList('a tier that has time on the critical path'),
  pathService: textOrList('a service that has time on the critical path'),
};

const CONDITIONS = {
  maxDuration: duration().optional(),
  minDuration: duration().optional(),
  tierMaxDuration: durationPerTier().optional(),
  tierMinDuration: durationPerTier().optional(),
  error: flag().optional(),
};

const COUNTING = {
  groupBy: groupByList().optional(),
  unknown: oneOf(...UNKNOWN_POLICIES).optional(),
};

const Measure = z.union([z.literal('duration'), z.strictObject({ tierDuration: z.string().min(1) })], {
  error: 'give duration, or {tierDuration: data} for the time of a tier on the critical path',
});

/** Decimal digits of nanoseconds in one unit. */
export const VALUE_UNIT_DIGITS = { us: 3, ms: 6, s: 9 } as const;

const THRESHOLD = {
  metric: Measure.optional(),
  valueUnit: oneOf('us', 'ms', 's').optional(),
};

const SPECS = {
  total: z.strictObject({ ...SELECTION, ...COUNTING }),
  good: z.strictObject({ ...SELECTION, ...CONDITIONS }),
  bad: z.strictObject({ ...SELECTION, ...CONDITIONS }),
  raw: z.strictObject({ ...SELECTION, ...CONDITIONS, ...COUNTING }),
  threshold: z.strictObject({ ...SELECTION, ...COUNTING, ...THRESHOLD }),
} as const;

export type SelectionSpec = z.output<typeof SPECS.total>;
export type ConditionsSpec = z.output<typeof SPECS.good>;
export type MetricSpecOf<Role extends MetricRole> = z.output<(typeof SPECS)[Role]>;

export function groupByList() {
  return list(oneOf(...GROUP_DIMENSIONS), `dimensions out of ${GROUP_DIMENSIONS.join(', ')}`).refine(
    names => new Set(names).size === names.length,
    'give each dimension once',
  );
}

export type MetricSpecReading<Role extends MetricRole> =
  | { readonly spec: MetricSpecOf<Role>; readonly findings: readonly [] }
  | { readonly spec: null; readonly findings: readonly Finding[] };

export function readMetricSpec<Role extends MetricRole>(role: Role, raw: unknown, path: Path): MetricSpecReading<Role> {
  const parsed = SPECS[role].safeParse(raw);
  if (parsed.success) return { spec: parsed.data as MetricSpecOf<Role>, findings: [] };
  return { spec: null, findings: findingsOf(SPECS[role], raw, path).map(finding => withPlace(finding, role, path)) };
}

/** A key that is known, elsewhere: says where. */
function withPlace(finding: Finding, role: MetricRole, path: Path): Finding {
  const key = String(finding.path.at(-1));
  const isUnknown = finding.path.length === path.length + 1 && !(key in SPECS[role].shape);
  const roles = (Object.keys(SPECS) as MetricRole[]).filter(other => Object.hasOwn(SPECS[other].shape, key));
  if (!isUnknown || roles.length === 0) return finding;
  return { ...finding, message: `belongs to the spec of ${roles.join(', ')}, not to that of ${role}` };
}
