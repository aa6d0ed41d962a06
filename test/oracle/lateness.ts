/** Which spans came late, and which too late (docs/stitching.md, Lateness): a function of their append times alone. */
import { shapeOf } from './shape.js';
import type { OracleRules, OracleSpan } from './types.js';

export interface Lateness {
  /** When the trace first closed, on the log's clock. */
  readonly firstCloseMs: number;
  readonly late: ReadonlySet<OracleSpan>;
  readonly tooLate: ReadonlySet<OracleSpan>;
}

/** `spans`: distinct ones, at least one. */
export function latenessOf(spans: readonly OracleSpan[], rules: OracleRules): Lateness {
  const firstCloseMs = firstClose(spans, rules);
  return {
    firstCloseMs,
    late: new Set(spans.filter(span => span.receivedMs > firstCloseMs)),
    tooLate: new Set(spans.filter(span => span.receivedMs > firstCloseMs + rules.latenessMs)),
  };
}

function firstClose(spans: readonly OracleSpan[], rules: OracleRules): number {
  const times = [...new Set(spans.map(span => span.receivedMs))].sort((a, b) => a - b);
  const deadline = times[0] + rules.maxOpenMs;
  for (const [at, time] of times.entries()) {
    const { root, orphanCount } = shapeOf(spans.filter(span => span.receivedMs <= time));
    const isWhole = root !== undefined && orphanCount === 0;
    const close = Math.min(time + (isWhole ? rules.completeAfterMs : rules.idleMs), deadline);
    const next = times[at + 1] ?? Number.POSITIVE_INFINITY;
    if (close < next) return close;
  }
  throw new Error('the last group of spans has no next one');
}
