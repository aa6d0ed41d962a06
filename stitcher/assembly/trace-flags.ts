import { SpanFlag } from '../../otlp/index.js';

/** Public names of a trace's flags, sorted; the place of a name is the number of its bit. */
export const TRACE_FLAG_NAMES: readonly string[] = [
  'attributes_cut',
  'bad_parent_id',
  'conflict',
  'cycle',
  'invalid_utf8',
  'multiple_roots',
  'negative_duration',
  'nesting_cut',
  'restitched',
  'root_missing',
  'skew_adjusted',
  'skew_exceeded',
  'time_out_of_range',
  'truncated',
];

/**
 * Bits of a trace's flags (docs/stitching.md). CONFLICT and RESTITCHED are the caller's: identity is settled and spans
 * are selected before assembly.
 */
export const TraceFlag = {
  ATTRIBUTES_CUT: 1 << 0,
  BAD_PARENT_ID: 1 << 1,
  CONFLICT: 1 << 2,
  CYCLE: 1 << 3,
  INVALID_UTF8: 1 << 4,
  MULTIPLE_ROOTS: 1 << 5,
  NEGATIVE_DURATION: 1 << 6,
  NESTING_CUT: 1 << 7,
  RESTITCHED: 1 << 8,
  ROOT_MISSING: 1 << 9,
  SKEW_ADJUSTED: 1 << 10,
  SKEW_EXCEEDED: 1 << 11,
  TIME_OUT_OF_RANGE: 1 << 12,
  TRUNCATED: 1 << 13,
} as const;

const NO_FLAGS: readonly string[] = [];

/** The names of the bits set, sorted. */
export function traceFlagNames(bits: number): readonly string[] {
  if (bits === 0) return NO_FLAGS;
  return TRACE_FLAG_NAMES.filter((_, bit) => (bits & (1 << bit)) !== 0);
}

/** A trace's flags from the or-ed flags of its spans. */
export function traceFlagsOfSpans(spanFlags: number): number {
  if (spanFlags === 0) return 0;
  let flags = 0;
  if (spanFlags & SpanFlag.BAD_PARENT_ID) flags |= TraceFlag.BAD_PARENT_ID;
  if (spanFlags & SpanFlag.NEGATIVE_DURATION) flags |= TraceFlag.NEGATIVE_DURATION;
  if (spanFlags & SpanFlag.TIME_OUT_OF_RANGE) flags |= TraceFlag.TIME_OUT_OF_RANGE;
  if (spanFlags & SpanFlag.ATTRIBUTES_CUT) flags |= TraceFlag.ATTRIBUTES_CUT;
  if (spanFlags & SpanFlag.INVALID_UTF8) flags |= TraceFlag.INVALID_UTF8;
  if (spanFlags & SpanFlag.NESTING_CUT) flags |= TraceFlag.NESTING_CUT;
  return flags;
}
