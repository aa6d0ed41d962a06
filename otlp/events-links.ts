/**
 * A span's events and links as JSON text (opentelemetry/proto/trace/v1/trace.proto).
 *
 * | message | fields |
 * |---|---|
 * | Span.Event | 1 time_unix_nano fixed64, 2 name, 3 attributes, 4 dropped_attributes_count |
 * | Span.Link | 1 trace_id, 2 span_id, 3 trace_state, 4 attributes, 5 dropped_attributes_count, 6 flags fixed32 |
 *
 *   [{"time_unix_nano":"1700000000000000000","name":"exception","attributes":{"exception.type":"Timeout"}}, …]
 *   [{"trace_id":"5b8e…","span_id":"eee1…","attributes":{}}, …]
 *
 * Ids are the hex of whatever bytes were sent, cut after 16.
 */

import { JsonText } from './json-text.js';
import { JsonValueWriter } from './json-value.js';
import type { ReadNotes, SpanLimits } from './limits.js';
import { lastField, type PayloadCursor, readFixed64 } from './payload-cursor.js';
import { SpanFlag } from './span-block.js';
import type { StringColumn } from './string-column.js';
import { openField, readTag, skipValue } from './wire.js';

const EventTag = { TIME: 0x09, NAME: 0x12, ATTRIBUTES: 0x1a } as const;
const LinkTag = { TRACE_ID: 0x0a, SPAN_ID: 0x12, ATTRIBUTES: 0x22 } as const;

const MAX_ID_BYTES = 16;
const COMMA = 0x2c;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_CLOSE = 0x7d;

/** The events, or the links, of one span under construction. */
abstract class JsonList {
  protected readonly json = new JsonText();
  protected readonly values: JsonValueWriter;
  protected readonly limits: SpanLimits;
  protected readonly notes: ReadNotes;
  #count = 0;

  constructor(limits: SpanLimits, notes: ReadNotes) {
    this.limits = limits;
    this.notes = notes;
    this.values = new JsonValueWriter(this.json, limits, notes);
  }

  reset(): void {
    if (this.#count > 0) this.json.reset();
    this.#count = 0;
  }

  /** Adds the message in [start, end); false if malformed. */
  add(cursor: PayloadCursor, start: number, end: number): boolean {
    if (this.#count === this.limits.maxEvents) {
      this.notes.flags |= SpanFlag.ATTRIBUTES_CUT;
      return true;
    }
    this.json.character(this.#count++ === 0 ? BRACKET_OPEN : COMMA);
    if (!this.write(cursor, start, end)) return false;
    this.json.character(BRACE_CLOSE);
    return true;
  }

  /** Ends the list and appends it to a column: '' if nothing was added. */
  appendTo(column: StringColumn): void {
    if (this.#count === 0) {
      column.appendEmpty();
      return;
    }
    this.json.character(BRACKET_CLOSE);
    column.appendValid(this.json.bytes, 0, this.json.length);
  }

  /** Writes the message without its closing brace. */
  protected abstract write(cursor: PayloadCursor, start: number, end: number): boolean;
}

export class EventList extends JsonList {
  protected write(cursor: PayloadCursor, start: number, end: number): boolean {
    let low = 0;
    let high = 0;
    let nameStart = start;
    let nameEnd = start;
    let at = start;
    while (at < end) {
      at = readTag(cursor, at, end);
      if (at < 0) return false;
      if (cursor.low === EventTag.TIME) {
        at = readFixed64(cursor, at, end);
        low = cursor.low;
        high = cursor.high;
      } else if (cursor.low === EventTag.NAME) {
        nameStart = openField(cursor, at, end);
        at = nameStart < 0 ? nameStart : cursor.fieldEnd;
        nameEnd = at;
      } else {
        at = skipValue(cursor, cursor.low & 7, at, end);
      }
      if (at < 0) return false;
    }
    this.json.ascii('{"time_unix_nano":"');
    this.json.unsigned(low, high);
    this.json.ascii('","name":');
    this.notes.flags |= this.json.string(cursor.bytes, nameStart, nameEnd, this.limits.maxValueBytes);
    this.json.ascii(',"attributes":');
    return this.values.attributes(cursor, start, end, EventTag.ATTRIBUTES);
  }
}

export class LinkList extends JsonList {
  protected write(cursor: PayloadCursor, start: number, end: number): boolean {
    this.json.ascii('{"trace_id":"');
    if (!this.#writeId(cursor, start, end, LinkTag.TRACE_ID)) return false;
    this.json.ascii('","span_id":"');
    if (!this.#writeId(cursor, start, end, LinkTag.SPAN_ID)) return false;
    this.json.ascii('","attributes":');
    return this.values.attributes(cursor, start, end, LinkTag.ATTRIBUTES);
  }

  #writeId(cursor: PayloadCursor, start: number, end: number, tag: number): boolean {
    if (!lastField(cursor, start, end, tag)) return false;
    this.json.hex(cursor.bytes, cursor.fieldStart, Math.min(cursor.fieldEnd, cursor.fieldStart + MAX_ID_BYTES));
    return true;
  }
}
