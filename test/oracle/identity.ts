/** Which records of a trace's spans count (docs/stitching.md, Identity). */
import type { OracleSpan } from './types.js';

export interface DistinctSpans {
  /** One per identity. */
  readonly spans: OracleSpan[];
  /** Whether two records of one identity differed. */
  readonly conflict: boolean;
}

export function distinctSpans(arrivals: readonly OracleSpan[]): DistinctSpans {
  const winners = new Map<string, OracleSpan>();
  let conflict = false;
  for (const span of arrivals) {
    const identity = `${span.spanId}/${span.kind}`;
    const known = winners.get(identity);
    if (known !== undefined && known.content !== span.content) conflict = true;
    if (known === undefined || beats(span, known)) winners.set(identity, span);
  }
  return { spans: [...winners.values()], conflict };
}

/**
 * The later end; of equal records the earliest received. Different records that end together are told apart by their
 * bytes, which JSON does not have: here the one whose text sorts last wins, and tests keep clear of it.
 */
function beats(a: OracleSpan, b: OracleSpan): boolean {
  if (a.endNs !== b.endNs) return a.endNs > b.endNs;
  if (a.content !== b.content) return a.content > b.content;
  return a.receivedMs < b.receivedMs;
}
