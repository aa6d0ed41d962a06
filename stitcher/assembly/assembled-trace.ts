/**
 * What assembly says about a trace. One object is reused for all traces: it and its columns are borrowed until the next
 * call. Rows are rows of the span table; services and tiers are interned numbers; columns count up to their `…Length`.
 */

/**
 * Whole nanoseconds, exact. Doubles where everything in the trace lies close enough together that a double holds every
 * difference (all but broken traces), else 64-bit integers. Of one trace all columns are of one kind.
 */
export type NanosecondColumn = Float64Array | BigInt64Array;

const NONE = -1;

export class AssembledTrace {
  /** NONE (-1) without a root. */
  rootRow = NONE;
  /** The span that gives the trace its service, operation and environment; always a row. */
  entryRow = NONE;
  /** TraceFlag bits. */
  flags = 0;
  complete = false;

  /** Epoch nanoseconds. */
  startNs = 0n;
  endNs = 0n;
  durationNs: number | bigint = 0;

  error = false;
  /** Origin of the error, NONE if the trace is not in error. */
  errorRow = NONE;
  /** Its tier within this trace, 0 if the trace is not in error. */
  errorTier = 0;

  spanCount = 0;
  serviceCount = 0;
  orphanCount = 0;
  lateCount = 0;
  tooLateCount = 0;
  /** Append time of the earliest record, epoch milliseconds. */
  firstReceivedMs = 0;
  /** The span that says where the trace's user is, NONE if no span does. */
  locationRow = NONE;
  /** Lower half of the revision, unsigned. */
  revisionHash = 0;

  /** Sections of the critical path in order of time: one begins where the one before ends, the first with the root. */
  pathLength = 0;
  pathRow = new Int32Array(0);
  /** 0: service, 1: link. */
  pathKind = new Uint8Array(0);
  /** NONE unless a link. */
  pathCalleeRow = new Int32Array(0);
  pathTier = new Uint32Array(0);
  pathSelfNs: NanosecondColumn = new Float64Array(0);

  /** Time on the critical path per tier, and the services with time of their own, in order of first appearance on it. */
  tierLength = 0;
  tierIds = new Uint32Array(0);
  tierNs: NanosecondColumn = new Float64Array(0);
  serviceLength = 0;
  serviceIds = new Uint32Array(0);

  /** Spans shifted for the critical path, by (start, span id, kind), and by how much (not 0). */
  skewLength = 0;
  skewRow = new Int32Array(0);
  skewNs: NanosecondColumn = new Float64Array(0);

  /** Spans whose tier within this trace is not that of the span alone, by (start, span id, kind). */
  tierOverrideLength = 0;
  tierOverrideRow = new Int32Array(0);
  tierOverrideTier = new Uint32Array(0);
}
