/** A stored trace row in the words of the API. */
import { formatInstant, type TraceSummary } from '../schemas/index.js';
import type { TraceRow } from '../store/index.js';

export function summaryOf(row: TraceRow): TraceSummary {
  return {
    trace_id: row.trace_id,
    revision: Number(row.revision),
    complete: row.complete,
    root: row.has_root ? { service: row.service, operation: row.operation, span_id: row.root_span_id } : null,
    start: formatInstant(BigInt(row.start_ns)),
    end: formatInstant(BigInt(row.end_ns)),
    duration_ms: milliseconds(row.duration_ns),
    location: { locality: row.locality, region: row.region, country: row.country },
    error: row.error,
    span_count: row.span_count,
    service_count: row.service_count,
    orphan_count: row.orphan_count,
    duplicate_count: row.duplicate_count,
    late_span_count: row.late_span_count,
    flags: [...row.flags],
  };
}

/** Exact up to 2^53 ns, which is a hundred days. */
export function milliseconds(ns: string | bigint): number {
  return Number(ns) / 1e6;
}
