/** One span of the payload into one row of the columns. */

import { AttributeReader } from './attributes.js';
import { checksum32 } from './checksum.js';
import { type Classifier, Facts, Slot } from './classify.js';
import type { SpanColumns } from './columns.js';
import { EventList, LinkList } from './events-links.js';
import { internText } from './interned-text.js';
import { ReadNotes, type SpanLimits } from './limits.js';
import { internSlot, type Locator } from './location.js';
import type { PayloadCursor } from './payload-cursor.js';
import type { Resource } from './resources.js';
import { SpanFlag } from './span-block.js';
import { readSpanField, SpanFields, SpanTag } from './span-fields.js';
import { MALFORMED, openField, readTag } from './wire.js';

export const RowOutcome = { MALFORMED, REJECTED: 0, APPENDED: 1 } as const;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const MAX_KIND = 5;
const KIND_CLIENT = 3;
const KIND_PRODUCER = 4;
const MAX_STATUS_CODE = 2;
const MAX_UINT32 = 2 ** 32 - 1;
const DATABASE_SLOT = 1 << Slot.DB_SYSTEM;
const PEER_SLOTS = (1 << Slot.PEER_SERVICE) | (1 << Slot.SERVER_ADDRESS) | (1 << Slot.NETWORK_PEER_ADDRESS);

/** What the spans of one ScopeSpans share beside their resource. */
export class Scope {
  /** Indexes of the block's dictionary. */
  name = 0;
  version = 0;
  /** Of resource and scope: what checksums of the spans start from. */
  checksum = 0;
  /** SpanFlag bits that resource and scope give to every span. */
  flags = 0;
}

export class SpanRows {
  readonly #classifier: Classifier;
  readonly #locator: Locator;
  readonly #limits: SpanLimits;
  readonly #notes = new ReadNotes();
  readonly #attributes: AttributeReader;
  readonly #events: EventList;
  readonly #links: LinkList;
  readonly #fields = new SpanFields();
  readonly #facts: Facts;
  /** Dictionary indexes of the tiers of the rules, then of the default. */
  readonly #tiers: Uint32Array;
  #columns: SpanColumns | undefined;
  #generation = 0;

  constructor(classifier: Classifier, locator: Locator, limits: SpanLimits) {
    this.#classifier = classifier;
    this.#locator = locator;
    this.#limits = limits;
    this.#attributes = new AttributeReader(classifier, limits, this.#notes);
    this.#events = new EventList(limits, this.#notes);
    this.#links = new LinkList(limits, this.#notes);
    this.#facts = new Facts(classifier.conditionWords);
    this.#tiers = new Uint32Array(classifier.tiers.length);
  }

  /** To be called before a run of `read` for one block. */
  follow(columns: SpanColumns): void {
    if (columns === this.#columns && columns.dictionary.generation === this.#generation) return;
    this.#columns = columns;
    this.#generation = columns.dictionary.generation;
    this.#classifier.tiers.forEach((tier, rule) => {
      this.#tiers[rule] = columns.dictionary.internText(tier);
    });
  }

  /**
   * Appends the Span message in [start, end) as a row of the record that `columns` is going to have next; answers a
   * RowOutcome. REJECTED leaves no trace in the columns (but in dictionaries); after MALFORMED the caller has to undo
   * what came of the record so far.
   */
  read(
    cursor: PayloadCursor,
    start: number,
    end: number,
    columns: SpanColumns,
    resource: Resource,
    scope: Scope,
  ): number {
    const { attributes } = columns;
    const { pairCount } = attributes;
    const { byteLength } = attributes.values;
    this.#fields.reset();
    this.#facts.reset();
    this.#notes.reset();
    this.#events.reset();
    this.#links.reset();
    this.#attributes.openList(attributes);
    if (!this.#readFields(cursor, start, end, columns)) return RowOutcome.MALFORMED;
    if (!this.#hasValidIds(cursor)) {
      attributes.truncate(pairCount, byteLength);
      return RowOutcome.REJECTED;
    }
    if (columns.rows === columns.capacity) columns.growRows();
    const row = columns.rows++;
    columns.record[row] = columns.recordCount;
    columns.checksum[row] = checksum32(cursor.bytes, cursor.view, start, end, scope.checksum);
    this.#setIds(cursor, columns, row);
    this.#setTimes(columns, row);
    this.#appendTexts(cursor, columns, row);
    attributes.endWords[row * 2] = attributes.pairCount;
    this.#classify(columns, row, resource);
    this.#setNumbers(columns, row, resource, scope);
    return RowOutcome.APPENDED;
  }

  #readFields(cursor: PayloadCursor, start: number, end: number, columns: SpanColumns): boolean {
    const fields = this.#fields;
    let at = start;
    while (at < end) {
      at = readTag(cursor, at, end);
      if (at < 0) return false;
      const tag = cursor.low;
      if (tag === SpanTag.ATTRIBUTES || tag === SpanTag.EVENTS || tag === SpanTag.LINKS) {
        const itemStart = openField(cursor, at, end);
        if (itemStart < 0) return false;
        at = cursor.fieldEnd;
        if (!this.#readItem(cursor, tag, itemStart, at, columns)) return false;
      } else {
        at = readSpanField(fields, cursor, tag, at, end);
        if (at < 0) return false;
      }
    }
    return true;
  }

  #readItem(cursor: PayloadCursor, tag: number, start: number, end: number, columns: SpanColumns): boolean {
    switch (tag) {
      case SpanTag.ATTRIBUTES:
        return this.#attributes.read(cursor, start, end, columns.attributes, this.#facts);
      case SpanTag.EVENTS:
        return this.#events.add(cursor, start, end);
      default:
        return this.#links.add(cursor, start, end);
    }
  }

  #hasValidIds({ view }: PayloadCursor): boolean {
    const { traceIdStart, traceIdEnd, spanIdStart, spanIdEnd } = this.#fields;
    return (
      traceIdEnd - traceIdStart === TRACE_ID_BYTES &&
      spanIdEnd - spanIdStart === SPAN_ID_BYTES &&
      (view.getInt32(traceIdStart, true) |
        view.getInt32(traceIdStart + 4, true) |
        view.getInt32(traceIdStart + 8, true) |
        view.getInt32(traceIdStart + 12, true)) !==
        0 &&
      (view.getInt32(spanIdStart, true) | view.getInt32(spanIdStart + 4, true)) !== 0
    );
  }

  #setIds({ view }: PayloadCursor, columns: SpanColumns, row: number): void {
    const { traceIdStart, spanIdStart, parentSpanIdStart, parentSpanIdEnd } = this.#fields;
    const { traceIdWords, spanIdWords, parentSpanIdWords } = columns;
    for (let word = 0; word < 4; word++) traceIdWords[row * 4 + word] = view.getInt32(traceIdStart + word * 4, true);
    spanIdWords[row * 2] = view.getInt32(spanIdStart, true);
    spanIdWords[row * 2 + 1] = view.getInt32(spanIdStart + 4, true);
    const hasParent = parentSpanIdEnd - parentSpanIdStart === SPAN_ID_BYTES;
    parentSpanIdWords[row * 2] = hasParent ? view.getInt32(parentSpanIdStart, true) : 0;
    parentSpanIdWords[row * 2 + 1] = hasParent ? view.getInt32(parentSpanIdStart + 4, true) : 0;
    if (!hasParent && parentSpanIdEnd > parentSpanIdStart) this.#notes.flags |= SpanFlag.BAD_PARENT_ID;
  }

  #setTimes(columns: SpanColumns, row: number): void {
    const fields = this.#fields;
    const { startWords, endWords, durationWords } = columns;
    const low = row * 2;
    const high = low + 1;
    this.#setTime(startWords, low, fields.startLow, fields.startHigh);
    this.#setTime(endWords, low, fields.endLow, fields.endHigh);
    const upper = endWords[high] - startWords[high];
    const lower = endWords[low] - startWords[low];
    if (upper < 0 || (upper === 0 && lower < 0)) {
      durationWords[low] = 0;
      durationWords[high] = 0;
      this.#notes.flags |= SpanFlag.NEGATIVE_DURATION;
    } else {
      // Stored modulo 2^32, so only the borrow is left to do.
      durationWords[low] = lower;
      durationWords[high] = lower < 0 ? upper - 1 : upper;
    }
  }

  #setTime(words: Uint32Array, at: number, low: number, high: number): void {
    if (high < 0) {
      // DateTime64(9) is signed.
      words[at] = MAX_UINT32;
      words[at + 1] = 0x7fffffff;
      this.#notes.flags |= SpanFlag.TIME_OUT_OF_RANGE;
      return;
    }
    if ((low | high) === 0) this.#notes.flags |= SpanFlag.TIME_OUT_OF_RANGE;
    words[at] = low;
    words[at + 1] = high;
  }

  #appendTexts(cursor: PayloadCursor, columns: SpanColumns, row: number): void {
    const { nameStart, nameEnd, statusMessageStart, statusMessageEnd, traceStateStart, traceStateEnd } = this.#fields;
    const { maxValueBytes } = this.#limits;
    const { bytes, view } = cursor;
    const notes = this.#notes;
    columns.name[row] = internText(columns.dictionary, cursor, nameStart, nameEnd, maxValueBytes, notes);
    notes.flags |= columns.statusMessage.append(bytes, view, statusMessageStart, statusMessageEnd, maxValueBytes);
    notes.flags |= columns.traceState.append(bytes, view, traceStateStart, traceStateEnd, maxValueBytes);
    this.#events.appendTo(columns.events);
    this.#links.appendTo(columns.links);
  }

  #classify(columns: SpanColumns, row: number, resource: Resource): void {
    const facts = this.#facts;
    const { dictionary } = columns;
    const values = columns.attributes.values.bytes;
    const rule = facts.hasConditions ? this.#classifier.ruleOf(facts, resource.facts) : resource.rule;
    columns.tier[row] = resource.tier !== 0 ? resource.tier : this.#tiers[rule];
    columns.isDatabaseCall[row] = (facts.slots & DATABASE_SLOT) !== 0 ? 1 : 0;
    const from = (facts.slots & this.#locator.slots) !== 0 ? this.#locator : resource;
    if (from === this.#locator) this.#locator.locate(dictionary, facts, values, resource.facts, resource.values);
    columns.locationRank[row] = from.locationRank;
    columns.locality[row] = from.locality;
    columns.region[row] = from.region;
    columns.country[row] = from.country;
    const { kind } = this.#fields;
    const mayHavePeer = (kind === KIND_CLIENT || kind === KIND_PRODUCER) && (facts.slots & PEER_SLOTS) !== 0;
    columns.peerService[row] = mayHavePeer
      ? internSlot(dictionary, facts, Slot.PEER_SERVICE, values) ||
        internSlot(dictionary, facts, Slot.SERVER_ADDRESS, values) ||
        internSlot(dictionary, facts, Slot.NETWORK_PEER_ADDRESS, values)
      : 0;
  }

  #setNumbers(columns: SpanColumns, row: number, resource: Resource, scope: Scope): void {
    const { kind, statusCode, droppedAttributesCount, spanFlags } = this.#fields;
    columns.kind[row] = kind >= 0 && kind <= MAX_KIND ? kind : 0;
    columns.statusCode[row] = statusCode >= 0 && statusCode <= MAX_STATUS_CODE ? statusCode : 0;
    columns.spanFlags[row] = spanFlags;
    columns.scopeName[row] = scope.name;
    columns.scopeVersion[row] = scope.version;
    columns.service[row] = resource.service;
    columns.environment[row] = resource.environment;
    columns.host[row] = resource.host;
    columns.resource[row] = resource.attributes;
    columns.flags[row] = this.#notes.flags | scope.flags;
    const dropped = droppedAttributesCount + this.#notes.cutAttributes + resource.cutAttributes;
    columns.droppedAttributesCount[row] = dropped < MAX_UINT32 ? dropped : MAX_UINT32;
  }
}
