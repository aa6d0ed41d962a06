/** The words of the oracle. Everything is plain: hex strings, bigint nanoseconds, numbers of milliseconds. */

/** The settings that docs/stitching.md names. Tier rules and location order are the defaults. */
export interface OracleRules {
  readonly completeAfterMs: number;
  readonly idleMs: number;
  readonly maxOpenMs: number;
  readonly latenessMs: number;
  readonly maxClockSkewNs: bigint;
  readonly maxSpansPerTrace: number;
}

export const DEFAULT_ORACLE_RULES: OracleRules = {
  completeAfterMs: 2_000,
  idleMs: 10_000,
  maxOpenMs: 300_000,
  latenessMs: 24 * 3_600_000,
  maxClockSkewNs: 3_600_000_000_000n,
  maxSpansPerTrace: 100_000,
};

/** A record of the log: one ExportTraceServiceRequest as parsed from OTLP JSON. */
export interface OracleRecord {
  readonly partition: number;
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly request: unknown;
}

export interface OraclePlace {
  /** 0: `geo.*`, 2: `cloud.region`; 255: none. (1 is GeoIP, which the oracle does not have.) */
  readonly rank: number;
  readonly locality: string;
  readonly region: string;
  readonly country: string;
}

/** A span as one record brought it. */
export interface OracleSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for none. */
  readonly parentSpanId: string;
  readonly kind: number;
  readonly name: string;
  readonly status: number;
  /** As recorded, clamped to what the store can hold; the end may lie before the start. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly service: string;
  readonly environment: string;
  /** '' for unknown. */
  readonly host: string;
  /** Of the span alone, before its trace is looked at. */
  readonly tier: string;
  readonly place: OraclePlace;
  readonly isDatabaseCall: boolean;
  readonly hasBadParentId: boolean;
  readonly hasTimeOutOfRange: boolean;
  /** Equal for equal spans, resource and scope included. */
  readonly content: string;
  readonly receivedMs: number;
}

export interface OracleSection {
  readonly kind: 'service' | 'link';
  readonly spanId: string;
  /** '' unless a link. */
  readonly caller: string;
  /** Of a link: the callee. */
  readonly service: string;
  readonly operation: string;
  readonly tier: string;
  /** From the root's start. */
  readonly offsetNs: bigint;
  readonly selfNs: bigint;
}

/** What the row of a trace must say. Strings are '' and lists empty where there is nothing to say. */
export interface OracleTrace {
  readonly traceId: string;
  readonly spanCount: number;
  readonly serviceCount: number;
  readonly orphanCount: number;
  readonly duplicateCount: number;
  readonly lateCount: number;
  readonly tooLateCount: number;
  readonly complete: boolean;
  readonly hasRoot: boolean;
  readonly rootSpanId: string;
  /** Of the root, else of the earliest top, else of the earliest head of a cycle. */
  readonly service: string;
  readonly operation: string;
  readonly environment: string;
  readonly locality: string;
  readonly region: string;
  readonly country: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly durationNs: bigint;
  readonly error: boolean;
  readonly errorSpanId: string;
  readonly errorService: string;
  readonly errorOperation: string;
  readonly errorTier: string;
  /** Sorted by name. */
  readonly flags: readonly string[];
  /** Sums over the path, sorted by name (links: by caller, then callee). */
  readonly tiers: readonly { readonly tier: string; readonly ns: bigint }[];
  readonly services: readonly { readonly service: string; readonly ns: bigint }[];
  readonly links: readonly { readonly caller: string; readonly callee: string; readonly ns: bigint }[];
  /** In order of time. */
  readonly path: readonly OracleSection[];
  /** Upper half of the revision: distinct spans that are part of the trace. */
  readonly revisionSpans: number;
}

export const KIND_INTERNAL = 1;
export const KIND_SERVER = 2;
export const KIND_CLIENT = 3;
export const KIND_PRODUCER = 4;
export const KIND_CONSUMER = 5;
export const STATUS_ERROR = 2;

/** "Ends before it starts: its end counts as its start." */
export function effectiveEndNs(span: OracleSpan): bigint {
  return span.endNs < span.startNs ? span.startNs : span.endNs;
}

export function durationNs(span: OracleSpan): bigint {
  return effectiveEndNs(span) - span.startNs;
}

/** The order that settles every tie: start, then span id (bytes), then kind. */
export function compareSpans(a: OracleSpan, b: OracleSpan): number {
  if (a.startNs !== b.startNs) return a.startNs < b.startNs ? -1 : 1;
  return compareIdentities(a, b);
}

/** Span id, then kind. Hex digits of one case sort like the bytes they stand for. */
export function compareIdentities(a: OracleSpan, b: OracleSpan): number {
  if (a.spanId !== b.spanId) return a.spanId < b.spanId ? -1 : 1;
  return a.kind - b.kind;
}
