/**
 * Where the fields of one span are in its payload (opentelemetry/proto/trace/v1/trace.proto). Of a field that comes
 * more than once the last counts. Attributes, events and links are lists: whoever reads the span takes them as they
 * come.
 *
 * | field | type | field | type |
 * |---|---|---|---|
 * | 1 trace_id | 16 bytes | 9 attributes | repeated KeyValue |
 * | 2 span_id | 8 bytes | 10 dropped_attributes_count | uint32 |
 * | 3 trace_state | string | 11 events | repeated Event |
 * | 4 parent_span_id | 8 bytes or none | 12 dropped_events_count | uint32 |
 * | 5 name | string | 13 links | repeated Link |
 * | 6 kind | enum | 14 dropped_links_count | uint32 |
 * | 7 start_time_unix_nano | fixed64 | 15 status | 2 message string, 3 code enum |
 * | 8 end_time_unix_nano | fixed64 | 16 flags | fixed32 |
 */

import { type PayloadCursor, readFixed64 } from './payload-cursor.js';
import { MALFORMED, openField, readTag, readVarint, skipValue } from './wire.js';

export const SpanTag = {
  TRACE_ID: 0x0a,
  SPAN_ID: 0x12,
  TRACE_STATE: 0x1a,
  PARENT_SPAN_ID: 0x22,
  NAME: 0x2a,
  KIND: 0x30,
  START_TIME: 0x39,
  END_TIME: 0x41,
  ATTRIBUTES: 0x4a,
  DROPPED_ATTRIBUTES_COUNT: 0x50,
  EVENTS: 0x5a,
  LINKS: 0x6a,
  STATUS: 0x7a,
  FLAGS: 0x85,
} as const;

const StatusTag = { MESSAGE: 0x12, CODE: 0x18 } as const;

export class SpanFields {
  traceIdStart = 0;
  traceIdEnd = 0;
  spanIdStart = 0;
  spanIdEnd = 0;
  parentSpanIdStart = 0;
  parentSpanIdEnd = 0;
  traceStateStart = 0;
  traceStateEnd = 0;
  nameStart = 0;
  nameEnd = 0;
  statusMessageStart = 0;
  statusMessageEnd = 0;
  /** As sent, signed 32-bit. */
  kind = 0;
  statusCode = 0;
  startLow = 0;
  startHigh = 0;
  endLow = 0;
  endHigh = 0;
  droppedAttributesCount = 0;
  spanFlags = 0;

  reset(): void {
    this.traceIdStart = 0;
    this.traceIdEnd = 0;
    this.spanIdStart = 0;
    this.spanIdEnd = 0;
    this.parentSpanIdStart = 0;
    this.parentSpanIdEnd = 0;
    this.traceStateStart = 0;
    this.traceStateEnd = 0;
    this.nameStart = 0;
    this.nameEnd = 0;
    this.statusMessageStart = 0;
    this.statusMessageEnd = 0;
    this.kind = 0;
    this.statusCode = 0;
    this.startLow = 0;
    this.startHigh = 0;
    this.endLow = 0;
    this.endHigh = 0;
    this.droppedAttributesCount = 0;
    this.spanFlags = 0;
  }
}

/** Takes the field with `tag`, whose value begins at `start`; answers where it ends. */
export function readSpanField(
  fields: SpanFields,
  cursor: PayloadCursor,
  tag: number,
  start: number,
  end: number,
): number {
  switch (tag) {
    case SpanTag.KIND: {
      const at = readVarint(cursor, start, end);
      fields.kind = cursor.low;
      return at;
    }
    case SpanTag.DROPPED_ATTRIBUTES_COUNT: {
      const at = readVarint(cursor, start, end);
      fields.droppedAttributesCount = cursor.low >>> 0;
      return at;
    }
    case SpanTag.START_TIME: {
      const at = readFixed64(cursor, start, end);
      fields.startLow = cursor.low;
      fields.startHigh = cursor.high;
      return at;
    }
    case SpanTag.END_TIME: {
      const at = readFixed64(cursor, start, end);
      fields.endLow = cursor.low;
      fields.endHigh = cursor.high;
      return at;
    }
    case SpanTag.FLAGS: {
      const at = skipValue(cursor, tag & 7, start, end);
      if (at >= 0) fields.spanFlags = cursor.view.getUint32(start, true);
      return at;
    }
    default:
      return (tag & 7) === 2 ? readRange(fields, cursor, tag, start, end) : skipValue(cursor, tag & 7, start, end);
  }
}

function readRange(fields: SpanFields, cursor: PayloadCursor, tag: number, start: number, end: number): number {
  const valueStart = openField(cursor, start, end);
  if (valueStart < 0) return MALFORMED;
  const valueEnd = cursor.fieldEnd;
  switch (tag) {
    case SpanTag.TRACE_ID:
      fields.traceIdStart = valueStart;
      fields.traceIdEnd = valueEnd;
      break;
    case SpanTag.SPAN_ID:
      fields.spanIdStart = valueStart;
      fields.spanIdEnd = valueEnd;
      break;
    case SpanTag.TRACE_STATE:
      fields.traceStateStart = valueStart;
      fields.traceStateEnd = valueEnd;
      break;
    case SpanTag.PARENT_SPAN_ID:
      fields.parentSpanIdStart = valueStart;
      fields.parentSpanIdEnd = valueEnd;
      break;
    case SpanTag.NAME:
      fields.nameStart = valueStart;
      fields.nameEnd = valueEnd;
      break;
    case SpanTag.STATUS:
      return readStatus(fields, cursor, valueStart, valueEnd);
  }
  return valueEnd;
}

function readStatus(fields: SpanFields, cursor: PayloadCursor, start: number, end: number): number {
  let at = start;
  while (at < end) {
    at = readTag(cursor, at, end);
    if (at < 0) return MALFORMED;
    const tag = cursor.low;
    if (tag === StatusTag.CODE) {
      at = readVarint(cursor, at, end);
      fields.statusCode = cursor.low;
    } else if (tag === StatusTag.MESSAGE) {
      const messageStart = openField(cursor, at, end);
      if (messageStart < 0) return MALFORMED;
      at = cursor.fieldEnd;
      fields.statusMessageStart = messageStart;
      fields.statusMessageEnd = at;
    } else {
      at = skipValue(cursor, tag & 7, at, end);
    }
    if (at < 0) return MALFORMED;
  }
  return end;
}
