/**
 * Answers of the HTTP API. Times are RFC 3339 in UTC; `''` is "not known" wherever null is not named. Objects are
 * strict: a field that is not described here may not be sent.
 */
import { z } from 'zod';

const count = z.number().int().nonnegative();
const time = z.string().describe('RFC 3339, UTC');
const window = z.strictObject({ from: time.describe('Inclusive'), to: time.describe('Exclusive') });

export const Freshness = z.strictObject({
  watermark: time.nullable().describe("The log's time up to which spans are stitched; null before the first span."),
  open_traces: count.describe('Traces still waiting for spans.'),
  incomplete_ratio: z.number().min(0).max(1).describe("Share of the window's traces without a root or with orphans."),
  settled: z.boolean().describe('No answer about what has been received so far will change until another span comes.'),
});
export type Freshness = z.output<typeof Freshness>;

export const LatencyGroup = z.strictObject({
  key: z.record(z.string(), z.string()),
  traces: count,
  errors: count,
  unknown: count.describe('Traces without a root: their duration is not known.'),
  latency_ms: z.record(z.string(), z.number().nullable()).describe('By quantile; null where no trace has a root.'),
  method: z.enum(['exact', 'sketch']),
  relative_error: z.number().min(0).max(1),
});
export type LatencyGroup = z.output<typeof LatencyGroup>;

export const LatencyAnswer = z.strictObject({ window, groups: z.array(LatencyGroup), freshness: Freshness });
export type LatencyAnswer = z.output<typeof LatencyAnswer>;

const Root = z.strictObject({ service: z.string(), operation: z.string(), span_id: z.string() });
const Location = z.strictObject({ locality: z.string(), region: z.string(), country: z.string() });

const TRACE_FIELDS = {
  trace_id: z.string(),
  revision: z
    .number()
    .nonnegative()
    .describe('Grows with every distinct span; 0 while the trace is open. Exact up to two million spans a trace.'),
  complete: z.boolean(),
  root: Root.nullable(),
  start: time,
  end: time,
  duration_ms: z.number().nonnegative(),
  location: Location,
  error: z.boolean(),
  span_count: count,
  service_count: count,
  orphan_count: count,
  duplicate_count: count,
  late_span_count: count,
  flags: z.array(z.string()),
};

export const TraceSummary = z.strictObject(TRACE_FIELDS);
export type TraceSummary = z.output<typeof TraceSummary>;

export const TracesAnswer = z.strictObject({
  window,
  traces: z.array(TraceSummary).describe('By end, latest first; then by trace id.'),
  next_cursor: z.string().nullable(),
});
export type TracesAnswer = z.output<typeof TracesAnswer>;

const Span = z.strictObject({
  span_id: z.string(),
  parent_span_id: z.string(),
  name: z.string(),
  kind: z.enum(['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']),
  service: z.string(),
  tier: z.string(),
  start: time,
  duration_ms: z.number().nonnegative(),
  adjusted_start: time.describe('Start with the estimated clock skew of its host taken out.'),
  status: z.enum(['UNSET', 'OK', 'ERROR']),
  attributes: z.record(z.string(), z.string()),
  resource: z.record(z.string(), z.string()),
});

const PathSection = z.strictObject({
  kind: z.enum(['service', 'link']),
  span_id: z.string(),
  caller: z.string().nullable().describe('The calling service of a link; null for service time.'),
  service: z.string(),
  operation: z.string(),
  tier: z.string(),
  offset_ms: z.number().nonnegative(),
  self_ms: z.number().nonnegative(),
});

export const TraceAnswer = z.strictObject({
  ...TRACE_FIELDS,
  error_origin: z
    .strictObject({ span_id: z.string(), service: z.string(), operation: z.string(), tier: z.string() })
    .nullable(),
  tiers: z.array(z.strictObject({ tier: z.string(), critical_path_ms: z.number().nonnegative() })),
  critical_path: z.array(PathSection),
  spans: z.array(Span).describe('By start, then span id.'),
  spans_omitted: count.describe('Spans beyond the number one answer carries.'),
});
export type TraceAnswer = z.output<typeof TraceAnswer>;

export const LedgerAnswer = z.strictObject({
  received: count,
  rejected: z.record(z.string(), count),
  duplicate: count,
  stored: count,
  in_flight: count,
  too_late: count.describe('Of the stored: received after the lateness, so not part of their trace.'),
  dead_letter: count,
  estimated: z
    .array(z.enum(['received', 'in_flight']))
    .readonly()
    .optional()
    .describe('Figures that are estimates until what the log holds is stored (over Kafka); absent: all are exact.'),
});
export type LedgerAnswer = z.output<typeof LedgerAnswer>;

export const ReadyAnswer = z.strictObject({ ready: z.boolean(), reasons: z.array(z.string()) });
export type ReadyAnswer = z.output<typeof ReadyAnswer>;

export const HealthAnswer = z.strictObject({ status: z.literal('ok') });
export type HealthAnswer = z.output<typeof HealthAnswer>;

export const ErrorAnswer = z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }) });
export type ErrorAnswer = z.output<typeof ErrorAnswer>;
