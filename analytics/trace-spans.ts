/** Stored spans in the words of the API. */
import { formatInstant, type TraceAnswer } from '../schemas/index.js';
import type { RevisionRow, SpanRow } from '../store/index.js';
import { milliseconds } from './trace-summary.js';

/** What assembly found out about single spans; it is kept beside them, never in them. */
export interface Corrections {
  /** Estimated skew by span id and kind number, nanoseconds to add to the start. */
  readonly shiftNs: ReadonlyMap<string, bigint>;
  /** By span id: tiers that only the whole trace shows. */
  readonly tier: ReadonlyMap<string, string>;
}

/** As the stitcher writes them into `trace_revisions.corrections`. */
interface StoredCorrections {
  readonly skew: readonly [spanId: string, kind: number, ns: string][];
  readonly tiers: readonly [spanId: string, tier: string][];
}

export const NO_CORRECTIONS: Corrections = { shiftNs: new Map(), tier: new Map() };

export function correctionsOf(row: RevisionRow): Corrections {
  if (row.corrections === '') return NO_CORRECTIONS;
  const { skew, tiers } = JSON.parse(row.corrections) as StoredCorrections;
  return {
    shiftNs: new Map(skew.map(([spanId, kind, ns]) => [`${spanId} ${kind}`, BigInt(ns)])),
    tier: new Map(tiers),
  };
}

export function spanAnswer(span: SpanRow, corrections: Corrections): TraceAnswer['spans'][number] {
  const startNs = BigInt(span.start_ns);
  const adjustedNs = startNs + (corrections.shiftNs.get(`${span.span_id} ${span.kind_number}`) ?? 0n);
  return {
    span_id: span.span_id,
    parent_span_id: span.parent_span_id,
    name: span.name,
    kind: span.kind,
    service: span.service,
    tier: corrections.tier.get(span.span_id) ?? span.tier,
    start: formatInstant(startNs),
    duration_ms: milliseconds(span.duration_ns),
    // A shift may reach before 1970, which the format does not.
    adjusted_start: formatInstant(adjustedNs < 0n ? 0n : adjustedNs),
    status: span.status,
    attributes: { ...span.attributes },
    resource: { ...span.resource },
  };
}
