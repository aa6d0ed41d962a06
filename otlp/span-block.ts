/**
 * A batch of decoded spans as columns. A row is an index; there are no per-span objects. Blocks are reused: everything
 * read from one is borrowed until the next `reset()`.
 *
 * Strings keep the layout that protobuf and ClickHouse Native share (LEB128 length, then UTF-8), so a column of strings
 * goes from the wire to the store by copying bytes.
 */

/** `count` strings, one after the other: LEB128 byte length + UTF-8 bytes. Only the first `byteLength` bytes count. */
export interface VarStrings {
  bytes: Uint8Array;
  byteLength: number;
  count: number;
}

/** Distinct strings of a block in order of first appearance; index 0 is always the empty string. */
export interface StringDictionary extends VarStrings {
  /** Index of the string in `source[start, end)`, added if new. Invalid UTF-8 must have been replaced before. */
  intern(source: Uint8Array, start: number, end: number): number;
  internText(text: string): number;
  /** The string at an index, decoded; memoised per block. */
  text(index: number): string;
  reset(): void;
}

/** Per row a map of strings: pairs `[ends[row - 1], ends[row])` of `keys` and `values`. */
export interface MapColumn {
  /** Cumulative number of pairs, as ClickHouse Native wants it. */
  ends: BigUint64Array;
  keys: Uint32Array;
  readonly keyDictionary: StringDictionary;
  readonly values: VarStrings;
  pairCount: number;
}

/** Bits of `SpanBlock.flags`. */
export const SpanFlag = {
  /** Parent id neither empty nor 8 bytes, taken as none (checklist 21). */
  BAD_PARENT_ID: 1,
  /** End before start: duration 0. */
  NEGATIVE_DURATION: 2,
  /** Start or end is zero or not representable as DateTime64(9) (after 2262-04-11): clamped there. */
  TIME_OUT_OF_RANGE: 4,
  /** Attributes, keys or values over the limits were cut (checklist 24). */
  ATTRIBUTES_CUT: 8,
  /** Invalid UTF-8 was replaced (checklist 22). */
  INVALID_UTF8: 16,
  /** AnyValue nesting over the limit was replaced by a marker (checklist 23). */
  NESTING_CUT: 32,
} as const;

/** Where a span's location came from; lower is preferred over higher when a trace's location is chosen. 255: none. */
export const NO_LOCATION_RANK = 255;

export interface SpanBlock {
  /** Rows in use; the arrays below are at least this long (times their width) and may be replaced when they grow. */
  rows: number;

  /** 16 bytes a row, as on the wire. `traceIdWords` is the same memory as four 32-bit words a row (platform order). */
  traceId: Uint8Array;
  traceIdWords: Uint32Array;
  /** 8 bytes a row; all zero for no parent. Words: two a row. */
  spanId: Uint8Array;
  spanIdWords: Uint32Array;
  parentSpanId: Uint8Array;
  parentSpanIdWords: Uint32Array;

  /** 0 to 5 (unknown enum values become 0), 0 to 2. */
  kind: Uint8Array;
  statusCode: Uint8Array;
  /** Nanoseconds since 1970, clamped to DateTime64(9). The words are low, high (little-endian platforms only). */
  startTimeUnixNano: BigUint64Array;
  startWords: Uint32Array;
  endTimeUnixNano: BigUint64Array;
  endWords: Uint32Array;
  /** max(0, end - start). */
  durationNano: BigUint64Array;
  spanFlags: Uint32Array;
  droppedAttributesCount: Uint32Array;
  flags: Uint16Array;
  /** Hash of the span's bytes, seeded with that of its resource and scope: equal content, equal checksum. */
  checksum: Uint32Array;
  /** Index into the `record*` columns below. */
  record: Uint32Array;

  /** Dictionary indexes, one a row. All of these share `dictionary` (few distinct values in a batch). */
  readonly dictionary: StringDictionary;
  name: Uint32Array;
  service: Uint32Array;
  tier: Uint32Array;
  scopeName: Uint32Array;
  scopeVersion: Uint32Array;
  environment: Uint32Array;
  /** `host.id`, else first `host.ip`, else `host.name`, else '' (unknown). */
  host: Uint32Array;
  /** `peer.service`, else `server.address`, else `network.peer.address` of a CLIENT or PRODUCER span, else ''. */
  peerService: Uint32Array;
  locality: Uint32Array;
  region: Uint32Array;
  country: Uint32Array;
  /** The attributes of the resource as one JSON object of strings, '' for none (docs/adr/050). */
  resource: Uint32Array;
  locationRank: Uint8Array;
  /** 1 where the span itself carries `db.system.name` or `db.system`. */
  isDatabaseCall: Uint8Array;

  readonly statusMessage: VarStrings;
  readonly traceState: VarStrings;
  /** JSON text, '' for none: [{"time_unix_nano":"…","name":"…","attributes":{…}}] and [{"trace_id","span_id","attributes"}]. */
  readonly events: VarStrings;
  readonly links: VarStrings;
  readonly attributes: MapColumn;

  /** The log records the rows came from. */
  recordCount: number;
  recordPartition: Uint16Array;
  recordOffset: Float64Array;
  recordAppendTimeMs: Float64Array;
  recordTenant: Uint32Array;

  reset(): void;
}
