/**
 * OpenSLO v1, kind by kind, as its specification has them (github.com/OpenSLO/OpenSLO): what stands alone. What must go
 * together is in `document-rules.ts`.
 */
import { z } from 'zod';
import { decimal, description, dnsName, flag, list, oneOf, section, shorthand, words } from './values.js';

export const API_VERSION = 'openslo/v1';

const LABEL_KEY = /^[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const LABEL_KEY_FORM = 'give a key of up to 63 letters, digits, dashes, underscores and dots';
const ANNOTATION_KEY =
  /^(?=.{1,317}$)(?:[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\/)?[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const ANNOTATION_KEY_FORM = 'give a key such as team or my-domain.org/team';

const LABEL_VALUE = 'give text or a list of texts, in quotes if it looks like a number';
const Label = z.union([z.string(), z.array(z.string())], { error: LABEL_VALUE });

const Metadata = section({
  name: dnsName(),
  displayName: words('a name for people').optional(),
  labels: z
    .record(z.string().regex(LABEL_KEY, LABEL_KEY_FORM), Label, { error: 'give "key: text" or "key: [text, …]" lines' })
    .optional(),
  annotations: z
    .record(z.string().regex(ANNOTATION_KEY, ANNOTATION_KEY_FORM), z.string({ error: 'give text, in quotes' }), {
      error: 'give "key: text" lines',
    })
    .optional(),
});
export type Metadata = z.output<typeof Metadata>;

/** `spec` is whatever the source needs; that of `type: throughline` is in `metric-spec.ts`. */
const MetricSource = section({
  metricSourceRef: dnsName().optional(),
  type: words('the type of a data source such as throughline').optional(),
  spec: z.record(z.string(), z.unknown(), { error: 'give a section with what selects the data; {} for all' }),
});
export type MetricSource = z.output<typeof MetricSource>;

const Metric = section({ metricSource: MetricSource });
export type Metric = z.output<typeof Metric>;

const RatioMetric = section({
  counter: flag().optional(),
  good: Metric.optional(),
  bad: Metric.optional(),
  total: Metric.optional(),
  rawType: oneOf('success', 'failure').optional(),
  raw: Metric.optional(),
});
export type RatioMetric = z.output<typeof RatioMetric>;

const SliSpec = section({
  description: description(),
  thresholdMetric: Metric.optional(),
  ratioMetric: RatioMetric.optional(),
});
export type SliSpec = z.output<typeof SliSpec>;

const Indicator = section({ metadata: Metadata, spec: SliSpec });

const OPERATORS = ['lt', 'lte', 'gt', 'gte'] as const;

const SLICE = 'whole minutes, since counts are kept by the minute: 1m, 5m or 1h';

const Objective = section({
  displayName: words('a name for people').optional(),
  op: oneOf(...OPERATORS).optional(),
  value: decimal('a number').optional(),
  target: decimal('a share such as 0.995').optional(),
  targetPercent: decimal('a percentage such as 99.5').optional(),
  timeSliceTarget: decimal('a share such as 0.95').optional(),
  // The specification allows a number, of minutes.
  timeSliceWindow: z.union([z.number(), shorthand(1, SLICE)], { error: `give ${SLICE}` }).optional(),
  indicator: Indicator.optional(),
  indicatorRef: dnsName().optional(),
  compositeWeight: decimal('a number above 0').optional(),
});
export type Objective = z.output<typeof Objective>;

const Calendar = section({
  startTime: words('a local time such as 2026-01-01 00:00:00'),
  timeZone: words('the name of an IANA time zone such as America/New_York'),
});

const TimeWindow = section({
  duration: shorthand(),
  isRolling: flag().optional(),
  calendar: Calendar.optional(),
});
export type TimeWindow = z.output<typeof TimeWindow>;

const ConditionSpec = section({
  description: description(),
  severity: words('text such as page or ticket'),
  condition: section({
    kind: oneOf('burnrate').optional(),
    op: oneOf(...OPERATORS),
    threshold: decimal('a burn rate such as 14.4'),
    lookbackWindow: shorthand(),
    alertAfter: shorthand(0).optional(),
  }),
});
export type ConditionSpec = z.output<typeof ConditionSpec>;

const TargetSpec = section({ description: description(), target: words('text such as email or webhook') });
export type TargetSpec = z.output<typeof TargetSpec>;

/** Either a reference or what it would refer to; which of the two is one of the rules. */
const PolicyCondition = section({
  conditionRef: dnsName().optional(),
  kind: oneOf('AlertCondition').optional(),
  metadata: Metadata.optional(),
  spec: ConditionSpec.optional(),
});
const PolicyTarget = section({
  targetRef: dnsName().optional(),
  kind: oneOf('AlertNotificationTarget').optional(),
  metadata: Metadata.optional(),
  spec: TargetSpec.optional(),
});

const PolicySpec = section({
  description: description(),
  alertWhenNoData: flag().optional(),
  alertWhenResolved: flag().optional(),
  alertWhenBreaching: flag().optional(),
  conditions: list(PolicyCondition, 'conditions').optional(),
  notificationTargets: list(PolicyTarget, 'targets').optional(),
});
export type PolicySpec = z.output<typeof PolicySpec>;

const SloPolicy = section({
  alertPolicyRef: dnsName().optional(),
  kind: oneOf('AlertPolicy').optional(),
  metadata: Metadata.optional(),
  spec: PolicySpec.optional(),
});

const SloSpec = section({
  description: description(),
  service: words('the name of the service it belongs to'),
  indicator: Indicator.optional(),
  indicatorRef: dnsName().optional(),
  timeWindow: list(TimeWindow, 'one window').optional(),
  budgetingMethod: oneOf('Occurrences', 'Timeslices', 'RatioTimeslices'),
  objectives: list(Objective, 'objectives').min(1, 'give at least one objective'),
  alertPolicies: list(SloPolicy, 'policies').optional(),
  /** Not OpenSLO's: see docs/slo.md. */
  groupBy: z.unknown().optional(),
});
export type SloSpec = z.output<typeof SloSpec>;

const kind = <const Kind extends string, Spec extends z.ZodType>(name: Kind, spec: Spec) =>
  section({ apiVersion: oneOf(API_VERSION), kind: oneOf(name), metadata: Metadata, spec });

const DataSourceSpec = section({
  description: description(),
  type: words('the type of a data source such as throughline'),
  connectionDetails: z.unknown().optional(),
});

export const KINDS = {
  SLO: kind('SLO', SloSpec),
  SLI: kind('SLI', SliSpec),
  Service: kind('Service', section({ description: description() }).optional()),
  DataSource: kind('DataSource', DataSourceSpec),
  AlertPolicy: kind('AlertPolicy', PolicySpec),
  AlertCondition: kind('AlertCondition', ConditionSpec),
  AlertNotificationTarget: kind('AlertNotificationTarget', TargetSpec),
} as const;

export type SloDocumentKind = keyof typeof KINDS;
export type SloDocumentOf<Kind extends SloDocumentKind> = z.output<(typeof KINDS)[Kind]>;
export type SloDocument = { [Kind in SloDocumentKind]: SloDocumentOf<Kind> }[SloDocumentKind];
