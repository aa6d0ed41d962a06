/**
 * The column block in memory. Everything grows by doubling and is kept over `reset()`; growing replaces arrays, so none
 * may be held across an append.
 */

import { Dictionary } from './dictionary.js';
import type { MapColumn, SpanBlock } from './span-block.js';
import { StringColumn } from './string-column.js';

const INITIAL_ROWS = 1024;

type Bytes = Uint8Array<ArrayBuffer>;
type Words = Uint32Array<ArrayBuffer>;
type Longs = BigUint64Array<ArrayBuffer>;

/** Where in the log a payload comes from. */
export interface RecordOrigin {
  readonly partition: number;
  readonly offset: number;
  readonly appendTimeMs: number;
  readonly tenant: string;
  /** Of all its spans, whatever they say: that of the token it came with. */
  readonly tier?: string | undefined;
}

/** Pairs of a map without rows: what an attribute list is read into. */
export class PairList {
  keys: Words = new Uint32Array(INITIAL_ROWS);
  readonly values = new StringColumn();
  pairCount = 0;
  readonly keyDictionary: Dictionary;

  constructor(keyDictionary: Dictionary) {
    this.keyDictionary = keyDictionary;
  }

  /** The key of the value just appended to `values`. */
  appendKey(key: number): void {
    if (this.pairCount === this.keys.length) this.keys = grownWords(this.keys, this.keys.length * 2);
    this.keys[this.pairCount++] = key;
  }

  truncate(pairCount: number, valueBytes: number): void {
    this.pairCount = pairCount;
    this.values.truncate(valueBytes, pairCount);
  }
}

export class Pairs extends PairList implements MapColumn {
  ends: Longs = new BigUint64Array(INITIAL_ROWS);
  /** The same memory, low word first. High words stay 0: a block never holds 2^32 pairs. */
  endWords: Words = new Uint32Array(this.ends.buffer);

  growRows(capacity: number): void {
    this.ends = grownLongs(this.ends, capacity);
    this.endWords = new Uint32Array(this.ends.buffer);
  }

  reset(): void {
    this.truncate(0, 0);
    this.keyDictionary.reset();
  }
}

export class SpanColumns implements SpanBlock {
  rows = 0;
  capacity = INITIAL_ROWS;

  traceIdWords: Words = new Uint32Array(INITIAL_ROWS * 4);
  traceId: Bytes = new Uint8Array(this.traceIdWords.buffer);
  spanIdWords: Words = new Uint32Array(INITIAL_ROWS * 2);
  spanId: Bytes = new Uint8Array(this.spanIdWords.buffer);
  parentSpanIdWords: Words = new Uint32Array(INITIAL_ROWS * 2);
  parentSpanId: Bytes = new Uint8Array(this.parentSpanIdWords.buffer);

  kind: Bytes = new Uint8Array(INITIAL_ROWS);
  statusCode: Bytes = new Uint8Array(INITIAL_ROWS);
  startTimeUnixNano: Longs = new BigUint64Array(INITIAL_ROWS);
  startWords: Words = new Uint32Array(this.startTimeUnixNano.buffer);
  endTimeUnixNano: Longs = new BigUint64Array(INITIAL_ROWS);
  endWords: Words = new Uint32Array(this.endTimeUnixNano.buffer);
  durationNano: Longs = new BigUint64Array(INITIAL_ROWS);
  durationWords: Words = new Uint32Array(this.durationNano.buffer);
  spanFlags: Words = new Uint32Array(INITIAL_ROWS);
  droppedAttributesCount: Words = new Uint32Array(INITIAL_ROWS);
  flags = new Uint16Array(INITIAL_ROWS);
  checksum: Words = new Uint32Array(INITIAL_ROWS);
  record: Words = new Uint32Array(INITIAL_ROWS);

  readonly dictionary = new Dictionary();
  name: Words = new Uint32Array(INITIAL_ROWS);
  service: Words = new Uint32Array(INITIAL_ROWS);
  tier: Words = new Uint32Array(INITIAL_ROWS);
  scopeName: Words = new Uint32Array(INITIAL_ROWS);
  scopeVersion: Words = new Uint32Array(INITIAL_ROWS);
  environment: Words = new Uint32Array(INITIAL_ROWS);
  host: Words = new Uint32Array(INITIAL_ROWS);
  peerService: Words = new Uint32Array(INITIAL_ROWS);
  locality: Words = new Uint32Array(INITIAL_ROWS);
  region: Words = new Uint32Array(INITIAL_ROWS);
  country: Words = new Uint32Array(INITIAL_ROWS);
  resource: Words = new Uint32Array(INITIAL_ROWS);
  locationRank: Bytes = new Uint8Array(INITIAL_ROWS);
  isDatabaseCall: Bytes = new Uint8Array(INITIAL_ROWS);

  readonly statusMessage = new StringColumn();
  readonly traceState = new StringColumn();
  readonly events = new StringColumn();
  readonly links = new StringColumn();
  readonly attributes = new Pairs(new Dictionary());

  recordCount = 0;
  recordPartition = new Uint16Array(16);
  recordOffset = new Float64Array(16);
  recordAppendTimeMs = new Float64Array(16);
  recordTenant: Words = new Uint32Array(16);

  /** Makes room for one more row; may replace every array. */
  growRows(): void {
    const capacity = this.capacity * 2;
    this.traceIdWords = grownWords(this.traceIdWords, capacity * 4);
    this.traceId = new Uint8Array(this.traceIdWords.buffer);
    this.spanIdWords = grownWords(this.spanIdWords, capacity * 2);
    this.spanId = new Uint8Array(this.spanIdWords.buffer);
    this.parentSpanIdWords = grownWords(this.parentSpanIdWords, capacity * 2);
    this.parentSpanId = new Uint8Array(this.parentSpanIdWords.buffer);
    this.kind = grownBytes(this.kind, capacity);
    this.statusCode = grownBytes(this.statusCode, capacity);
    this.startTimeUnixNano = grownLongs(this.startTimeUnixNano, capacity);
    this.startWords = new Uint32Array(this.startTimeUnixNano.buffer);
    this.endTimeUnixNano = grownLongs(this.endTimeUnixNano, capacity);
    this.endWords = new Uint32Array(this.endTimeUnixNano.buffer);
    this.durationNano = grownLongs(this.durationNano, capacity);
    this.durationWords = new Uint32Array(this.durationNano.buffer);
    this.spanFlags = grownWords(this.spanFlags, capacity);
    this.droppedAttributesCount = grownWords(this.droppedAttributesCount, capacity);
    const flags = new Uint16Array(capacity);
    flags.set(this.flags);
    this.flags = flags;
    this.checksum = grownWords(this.checksum, capacity);
    this.record = grownWords(this.record, capacity);
    this.#growStrings(capacity);
    this.attributes.growRows(capacity);
    this.capacity = capacity;
  }

  appendRecord(origin: RecordOrigin): void {
    if (this.recordCount === this.recordOffset.length) this.#growRecords();
    const record = this.recordCount++;
    this.recordPartition[record] = origin.partition;
    this.recordOffset[record] = origin.offset;
    this.recordAppendTimeMs[record] = origin.appendTimeMs;
    this.recordTenant[record] = this.dictionary.internText(origin.tenant);
  }

  /** Of the rows from `firstRow` on: per record, so that rows of records without one cost nothing. */
  stampTier(tier: string, firstRow: number): void {
    this.tier.fill(this.dictionary.internText(tier), firstRow, this.rows);
  }

  #growRecords(): void {
    const capacity = this.recordOffset.length * 2;
    const partition = new Uint16Array(capacity);
    partition.set(this.recordPartition);
    this.recordPartition = partition;
    this.recordOffset = grownDoubles(this.recordOffset, capacity);
    this.recordAppendTimeMs = grownDoubles(this.recordAppendTimeMs, capacity);
    this.recordTenant = grownWords(this.recordTenant, capacity);
  }

  reset(): void {
    this.rows = 0;
    this.recordCount = 0;
    this.dictionary.reset();
    this.statusMessage.reset();
    this.traceState.reset();
    this.events.reset();
    this.links.reset();
    this.attributes.reset();
  }

  #growStrings(capacity: number): void {
    this.name = grownWords(this.name, capacity);
    this.service = grownWords(this.service, capacity);
    this.tier = grownWords(this.tier, capacity);
    this.scopeName = grownWords(this.scopeName, capacity);
    this.scopeVersion = grownWords(this.scopeVersion, capacity);
    this.environment = grownWords(this.environment, capacity);
    this.host = grownWords(this.host, capacity);
    this.peerService = grownWords(this.peerService, capacity);
    this.locality = grownWords(this.locality, capacity);
    this.region = grownWords(this.region, capacity);
    this.country = grownWords(this.country, capacity);
    this.resource = grownWords(this.resource, capacity);
    this.locationRank = grownBytes(this.locationRank, capacity);
    this.isDatabaseCall = grownBytes(this.isDatabaseCall, capacity);
  }
}

function grownBytes(old: Bytes, length: number): Bytes {
  const grown = new Uint8Array(length);
  grown.set(old);
  return grown;
}

function grownWords(old: Words, length: number): Words {
  const grown = new Uint32Array(length);
  grown.set(old);
  return grown;
}

function grownLongs(old: Longs, length: number): Longs {
  const grown = new BigUint64Array(length);
  grown.set(old);
  return grown;
}

function grownDoubles(old: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(length);
  grown.set(old);
  return grown;
}

/** An empty block. */
export function createSpanBlock(): SpanBlock {
  return new SpanColumns();
}
