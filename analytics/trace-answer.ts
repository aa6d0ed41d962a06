/** GET /api/v1/traces/{trace_id}: the current revision of a trace and its stored spans. */
import type { TraceAnswer } from '../schemas/index.js';
import {
  arrivalsOfTrace,
  countSpansOfTrace,
  currentRevision,
  type RevisionRow,
  recentRevision,
  spansOfTrace,
} from '../store/index.js';
import { ApiError } from './errors.js';
import { openTrace } from './open-trace.js';
import type { Parts } from './settings.js';
import { correctionsOf, spanAnswer } from './trace-spans.js';
import { milliseconds, summaryOf } from './trace-summary.js';

export async function answerTrace(parts: Parts, traceId: string): Promise<TraceAnswer> {
  const { store, tenant, limits } = parts;
  const limit = limits.spansPerAnswer;
  const everywhere = () => spansOfTrace(store, tenant, traceId, limit, 'everywhere');
  let [spans, revision] = await Promise.all([
    spansOfTrace(store, tenant, traceId, limit, 'with its records'),
    recentRevision(store, tenant, traceId),
  ]);
  // Arrivals are stored shortly after their spans, and perhaps kept for less long.
  const wereNone = spans.length === 0;
  if (wereNone) spans = await everywhere();
  revision ??= await currentRevision(
    store,
    tenant,
    traceId,
    spans.map(({ end_ns }) => BigInt(end_ns)),
  );
  // It knows of spans that came in the meantime, perhaps on another day.
  const knowsOfMore = revision !== undefined && revision.span_count > spans.length && spans.length < limit;
  if (knowsOfMore && !wereNone) spans = await everywhere();
  if (spans.length === 0 && revision === undefined) {
    throw new ApiError('API_NOT_FOUND', `there is no trace ${traceId}`);
  }
  const spanCount = spans.length < limit ? spans.length : await countSpansOfTrace(store, tenant, traceId);
  const omitted = spanCount - spans.length;
  if (revision === undefined) {
    return openTrace({ traceId, spans, spanCount, arrivals: await arrivalsOfTrace(store, tenant, traceId) });
  }
  const corrections = correctionsOf(revision);
  return {
    ...summaryOf(revision),
    error_origin: errorOriginOf(revision),
    ...pathOf(revision),
    spans: spans.map(span => spanAnswer(span, corrections)),
    spans_omitted: omitted,
  };
}

function errorOriginOf(row: RevisionRow): TraceAnswer['error_origin'] {
  if (!row.error || row.error_span_id === '') return null;
  return {
    span_id: row.error_span_id,
    service: row.error_service,
    operation: row.error_operation,
    tier: row.error_tier,
  };
}

/** Sections follow each other without a gap, the first from the root's start. What a tier spent is theirs, too. */
function pathOf(row: RevisionRow): Pick<TraceAnswer, 'critical_path' | 'tiers'> {
  let offsetNs = 0n;
  const tierNs = new Map<string, bigint>();
  const critical_path = row.path_sections.map((section, index) => {
    const [kind, caller, service, operation, tier] = JSON.parse(section) as [
      kind: 'service' | 'link',
      ...names: [string, string, string, string],
    ];
    const selfNs = BigInt(row.path_self_ns[index]);
    const offset_ms = milliseconds(offsetNs);
    offsetNs += selfNs;
    tierNs.set(tier, (tierNs.get(tier) ?? 0n) + selfNs);
    return {
      kind,
      span_id: row.path_span_id[index],
      caller: kind === 'link' ? caller : null,
      service,
      operation,
      tier,
      offset_ms,
      self_ms: milliseconds(selfNs),
    };
  });
  const tiers = [...tierNs].map(([tier, ns]) => ({ tier, critical_path_ms: milliseconds(ns) }));
  return { tiers, critical_path };
}
