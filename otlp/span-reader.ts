/**
 * From the log to columns: a record's payload, an OTLP TracesData message, becomes rows of a SpanBlock. Nothing here
 * believes the bytes: they passed a receiver, or a foreign producer wrote them into the topic.
 *
 * | message | fields |
 * |---|---|
 * | TracesData | 1 resource_spans, repeated |
 * | ResourceSpans | 1 resource, 2 scope_spans repeated, 3 schema_url |
 * | ScopeSpans | 1 scope, 2 spans repeated, 3 schema_url |
 * | InstrumentationScope | 1 name, 2 version, 3 attributes, 4 dropped_attributes_count |
 *
 * A resource or scope may come after the spans it belongs to, so it is looked for first; of several the last counts.
 */

import { DEFAULT_TIER, type LocationSource, type Place, type TierRule } from '../schemas/index.js';
import { BlockMark } from './block-mark.js';
import { checksum32 } from './checksum.js';
import { Classifier } from './classify.js';
import { type RecordOrigin, SpanColumns } from './columns.js';
import { internText } from './interned-text.js';
import { DEFAULT_SPAN_LIMITS, ReadNotes, type SpanLimits } from './limits.js';
import { Locator } from './location.js';
import { lastField, nextField, PayloadCursor } from './payload-cursor.js';
import { type Resource, ResourceReader } from './resources.js';
import type { SpanBlock } from './span-block.js';
import { RowOutcome, Scope, SpanRows } from './span-rows.js';
import { describeFailure } from './wire.js';

export type { RecordOrigin };

export interface SpanReaderOptions {
  /** First match wins; spans that none matches are of tier DEFAULT_TIER. */
  readonly tierRules: readonly TierRule[];
  /** Most trusted first: a source's position is the location rank of what it yields. */
  readonly locationOrder: readonly LocationSource[];
  /** Where an IP address is, undefined if unknown. Answers are remembered. */
  readonly geoip?: (address: string) => Place | undefined;
  readonly limits?: Partial<SpanLimits>;
}

/** Reused: valid until the next read. */
export interface ReadResult {
  /** Why the payload cannot be decoded; '' if it was. Then nothing of it is in the block. */
  error: string;
  /** Rows added. */
  spans: number;
  /** Spans left out because a trace or span id is not valid (checklist 20). */
  rejected: number;
}

const RESOURCE_SPANS_TAG = 0x0a;
const RESOURCE_TAG = 0x0a;
const SCOPE_SPANS_TAG = 0x12;
const SCOPE_TAG = 0x0a;
const SPANS_TAG = 0x12;
const ScopeTag = { NAME: 0x0a, VERSION: 0x12 } as const;

export class SpanReader {
  readonly #limits: SpanLimits;
  readonly #resources: ResourceReader;
  readonly #rows: SpanRows;
  readonly #cursor = new PayloadCursor();
  readonly #notes = new ReadNotes();
  readonly #mark = new BlockMark();
  readonly #result: ReadResult = { error: '', spans: 0, rejected: 0 };
  readonly #scope = new Scope();

  constructor(options: SpanReaderOptions) {
    this.#limits = Object.freeze({ ...DEFAULT_SPAN_LIMITS, ...options.limits });
    const classifier = new Classifier(options.tierRules, DEFAULT_TIER);
    const locator = new Locator(options.locationOrder, options.geoip);
    this.#resources = new ResourceReader(classifier, locator, this.#limits);
    this.#rows = new SpanRows(classifier, locator, this.#limits);
  }

  /** Adds the spans of `payload` to `block`, which must come from `createSpanBlock`. All or nothing; never throws. */
  read(payload: Uint8Array, record: RecordOrigin, block: SpanBlock): ReadResult {
    if (!(block instanceof SpanColumns)) throw new TypeError('the block must come from createSpanBlock');
    const result = this.#result;
    this.#mark.set(block);
    this.#resources.follow(block);
    this.#rows.follow(block);
    this.#cursor.open(payload);
    result.error = '';
    result.rejected = 0;
    if (!this.#readTraces(payload.length, block)) {
      if (result.error === '') result.error = describeFailure(this.#cursor);
      result.rejected = 0;
      this.#mark.restore(block);
    }
    result.spans = block.rows - this.#mark.rows;
    if (result.spans > 0) block.appendRecord(record);
    if (record.tier) block.stampTier(record.tier, this.#mark.rows);
    this.#cursor.close();
    return result;
  }

  #readTraces(end: number, columns: SpanColumns): boolean {
    const cursor = this.#cursor;
    let at = nextField(cursor, 0, end, RESOURCE_SPANS_TAG);
    while (at >= 0 && cursor.fieldStart >= 0) {
      if (!this.#readResourceSpans(cursor.fieldStart, at, columns)) return false;
      at = nextField(cursor, at, end, RESOURCE_SPANS_TAG);
    }
    return at >= 0;
  }

  #readResourceSpans(start: number, end: number, columns: SpanColumns): boolean {
    const cursor = this.#cursor;
    if (!lastField(cursor, start, end, RESOURCE_TAG)) return false;
    const resource = this.#resources.read(cursor, cursor.fieldStart, cursor.fieldEnd);
    if (resource === undefined) return false;
    let at = nextField(cursor, start, end, SCOPE_SPANS_TAG);
    while (at >= 0 && cursor.fieldStart >= 0) {
      if (!this.#readScopeSpans(cursor.fieldStart, at, columns, resource)) return false;
      at = nextField(cursor, at, end, SCOPE_SPANS_TAG);
    }
    return at >= 0;
  }

  #readScopeSpans(start: number, end: number, columns: SpanColumns, resource: Resource): boolean {
    const cursor = this.#cursor;
    if (!lastField(cursor, start, end, SCOPE_TAG)) return false;
    if (!this.#readScope(cursor.fieldStart, cursor.fieldEnd, columns, resource)) return false;
    let at = nextField(cursor, start, end, SPANS_TAG);
    while (at >= 0 && cursor.fieldStart >= 0) {
      const outcome = this.#rows.read(cursor, cursor.fieldStart, at, columns, resource, this.#scope);
      if (outcome === RowOutcome.MALFORMED) return false;
      if (outcome === RowOutcome.REJECTED) this.#result.rejected++;
      else if (this.#mark.textBytesSince(columns) > this.#limits.maxRecordTextBytes) return this.#refuseSize();
      at = nextField(cursor, at, end, SPANS_TAG);
    }
    return at >= 0;
  }

  #readScope(start: number, end: number, { dictionary }: SpanColumns, resource: Resource): boolean {
    const cursor = this.#cursor;
    const scope = this.#scope;
    const notes = this.#notes;
    const { maxValueBytes } = this.#limits;
    notes.reset();
    if (!lastField(cursor, start, end, ScopeTag.NAME)) return false;
    scope.name = internText(dictionary, cursor, cursor.fieldStart, cursor.fieldEnd, maxValueBytes, notes);
    lastField(cursor, start, end, ScopeTag.VERSION);
    scope.version = internText(dictionary, cursor, cursor.fieldStart, cursor.fieldEnd, maxValueBytes, notes);
    scope.checksum = checksum32(cursor.bytes, cursor.view, start, end, resource.checksum);
    scope.flags = resource.flags | notes.flags;
    return true;
  }

  #refuseSize(): boolean {
    this.#result.error = `takes more than ${this.#limits.maxRecordTextBytes} bytes as columns`;
    return false;
  }
}
