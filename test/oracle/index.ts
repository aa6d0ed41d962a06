/**
 * The oracle: what the traces must be, computed naively in one batch from everything the log holds. It follows
 * docs/stitching.md and shares nothing with the product, so that the two can only agree by both being right.
 *
 * In: records of the log with their requests as parsed from OTLP JSON. Out: one OracleTrace per trace id. It cares for
 * clarity, not speed: about 50,000 spans a second, recursion as deep as the deepest trace.
 *
 * What it does not do: GeoIP; other tier rules or location orders than the defaults; more than one tenant; the flags
 * about cut attributes, nesting and invalid UTF-8; and of different copies of one span that end together it takes any.
 */
import { groupBy } from './group-by.js';
import { spansOfRecord } from './otlp-json.js';
import { computeTrace } from './trace.js';
import type { OracleRecord, OracleRules, OracleTrace } from './types.js';

export { type LatencyAnswer, type LatencyQuestion, latencyOf, quantileExact } from './latency.js';
export { readOtlpLines } from './read-lines.js';
export {
  DEFAULT_ORACLE_RULES,
  type OracleRecord,
  type OracleRules,
  type OracleSection,
  type OracleTrace,
} from './types.js';

/**
 * Trace id in lower-case hex → trace. Copies of one (partition, offset) count once. `restitched`: ids of traces that
 * were restated on request, with the spans that came too late.
 */
export function computeTraces(
  records: Iterable<OracleRecord>,
  rules: OracleRules,
  restitched: ReadonlySet<string> = new Set(),
): Map<string, OracleTrace> {
  const distinctRecords = new Map<string, OracleRecord>();
  for (const record of records) {
    const position = `${record.partition}/${record.offset}`;
    if (!distinctRecords.has(position)) distinctRecords.set(position, record);
  }
  const arrivals = groupBy([...distinctRecords.values()].flatMap(spansOfRecord), span => span.traceId);
  const traces = new Map<string, OracleTrace>();
  for (const [traceId, spans] of arrivals) traces.set(traceId, computeTrace(spans, rules, restitched.has(traceId)));
  return traces;
}
