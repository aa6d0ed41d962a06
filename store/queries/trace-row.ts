/** The columns of `trace_revisions` that every answer about a trace begins with. */

/** 64-bit integers come as text. */
export interface TraceRow {
  readonly trace_id: string;
  readonly revision: string;
  readonly complete: boolean;
  readonly has_root: boolean;
  readonly service: string;
  readonly operation: string;
  readonly root_span_id: string;
  readonly start_ns: string;
  readonly end_ns: string;
  readonly duration_ns: string;
  readonly locality: string;
  readonly region: string;
  readonly country: string;
  readonly error: boolean;
  readonly span_count: number;
  readonly service_count: number;
  readonly orphan_count: number;
  readonly duplicate_count: number;
  readonly late_span_count: number;
  readonly flags: readonly string[];
}

export const SUMMARY = `trace_id, revision, complete, has_root, service, operation, root_span_id,
  toUnixTimestamp64Nano(start) AS start_ns, toUnixTimestamp64Nano(end) AS end_ns, duration_ns, locality, region, country,
  error, span_count, service_count, orphan_count, duplicate_count, late_span_count, flags`;
