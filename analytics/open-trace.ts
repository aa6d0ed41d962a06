/**
 * A trace whose spans are stored but which has no revision yet: it is open, or its revision is on its way. What its
 * spans alone tell is given; location, critical path and lateness are the stitcher's to find.
 */
import { formatInstant, type TraceAnswer } from '../schemas/index.js';
import type { SpanRow } from '../store/index.js';
import { NO_CORRECTIONS, spanAnswer } from './trace-spans.js';
import { milliseconds } from './trace-summary.js';

export interface StoredTrace {
  readonly traceId: string;
  /** Not empty, in order of start; `spanCount` may be more. */
  readonly spans: readonly SpanRow[];
  readonly spanCount: number;
  /** Spans received, duplicates included. */
  readonly arrivals: number;
}

export function openTrace({ traceId, spans, spanCount, arrivals }: StoredTrace): TraceAnswer {
  const root = rootOf(spans);
  const { startNs, endNs } = root ? timesOf([root]) : timesOf(spans);
  return {
    trace_id: traceId,
    revision: 0,
    complete: false,
    root: root ? { service: root.service, operation: root.name, span_id: root.span_id } : null,
    start: formatInstant(startNs),
    end: formatInstant(endNs),
    duration_ms: milliseconds(endNs - startNs),
    location: { locality: '', region: '', country: '' },
    error: root?.status === 'ERROR',
    error_origin: null,
    span_count: spanCount,
    service_count: new Set(spans.map(span => span.service)).size,
    orphan_count: orphansAmong(spans),
    // Arrivals are stored shortly after their spans.
    duplicate_count: Math.max(0, arrivals - spanCount),
    late_span_count: 0,
    flags: ['open'],
    tiers: [],
    critical_path: [],
    spans: spans.map(span => spanAnswer(span, NO_CORRECTIONS)),
    spans_omitted: spanCount - spans.length,
  };
}

/** The first to start of those without a parent; of those that start together, the longest (docs/stitching.md). */
function rootOf(spans: readonly SpanRow[]): SpanRow | undefined {
  let root: SpanRow | undefined;
  for (const span of spans) {
    if (span.parent_span_id !== '') continue;
    if (root === undefined) root = span;
    else if (span.start_ns === root.start_ns && BigInt(span.duration_ns) > BigInt(root.duration_ns)) root = span;
  }
  return root;
}

function timesOf(spans: readonly SpanRow[]): { startNs: bigint; endNs: bigint } {
  let startNs = BigInt(spans[0].start_ns);
  let endNs = startNs;
  for (const { start_ns, duration_ns } of spans) {
    const start = BigInt(start_ns);
    const end = start + BigInt(duration_ns);
    if (start < startNs) startNs = start;
    if (end > endNs) endNs = end;
  }
  return { startNs, endNs };
}

function orphansAmong(spans: readonly SpanRow[]): number {
  const ids = new Set(spans.map(span => span.span_id));
  return spans.filter(({ parent_span_id: parent }) => parent !== '' && !ids.has(parent)).length;
}
