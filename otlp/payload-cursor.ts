/** A cursor over one payload of the log, and finding fields of one message in it (wire.ts reads single values). */

import { MALFORMED, openField, readTag, skipValue, WireCursor, WireType } from './wire.js';

/** In `fieldStart`: there is no (further) such field. */
export const NO_FIELD = -1;

const NO_VIEW = new DataView(new ArrayBuffer(0));

export class PayloadCursor extends WireCursor {
  /** Over the same bytes. */
  view: DataView = NO_VIEW;
  /** Where the content of the last field found begins, or NO_FIELD. It ends at `fieldEnd`. */
  fieldStart = 0;
  /** The member that an AnyValue holds: its tag (0: none) and where its value is, without a length prefix. */
  valueTag = 0;
  valueStart = 0;
  valueEnd = 0;
  /** Key and value of the last KeyValue. */
  keyStart = 0;
  keyEnd = 0;
  anyStart = 0;
  anyEnd = 0;

  override open(bytes: Uint8Array): void {
    super.open(bytes);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  override close(): void {
    super.close();
    this.view = NO_VIEW;
  }
}

/** Eight bytes into `low` and `high`; answers where they end. */
export function readFixed64(cursor: PayloadCursor, start: number, end: number): number {
  const at = skipValue(cursor, WireType.FIXED64, start, end);
  if (at < 0) return MALFORMED;
  cursor.low = cursor.view.getInt32(start, true);
  cursor.high = cursor.view.getInt32(start + 4, true);
  return at;
}

/**
 * The next field with `tag`, length-delimited, from `start` on: its content into `fieldStart` and `fieldEnd`. Answers
 * where to go on, or MALFORMED.
 *
 *   let at = nextField(cursor, start, end, tag);
 *   while (at >= 0 && cursor.fieldStart >= 0) { …; at = nextField(cursor, at, end, tag); }
 */
export function nextField(cursor: PayloadCursor, start: number, end: number, tag: number): number {
  const { bytes } = cursor;
  cursor.fieldStart = NO_FIELD;
  let at = start;
  while (at < end) {
    if (bytes[at] === tag && at + 1 < end && bytes[at + 1] < 128) {
      // Most fields are short.
      cursor.fieldStart = at + 2;
      cursor.fieldEnd = at + 2 + bytes[at + 1];
      if (cursor.fieldEnd <= end) return cursor.fieldEnd;
    }
    at = readTag(cursor, at, end);
    if (at < 0) return MALFORMED;
    if (cursor.low === tag) {
      cursor.fieldStart = openField(cursor, at, end);
      return cursor.fieldStart < 0 ? MALFORMED : cursor.fieldEnd;
    }
    at = skipValue(cursor, cursor.low & 7, at, end);
    if (at < 0) return MALFORMED;
  }
  return at;
}

/**
 * The last field with `tag` of the message in [start, end), whose other fields are checked on the way; an empty range at
 * `start` if there is none. False if malformed.
 */
export function lastField(cursor: PayloadCursor, start: number, end: number, tag: number): boolean {
  let fieldStart = start;
  let fieldEnd = start;
  let at = nextField(cursor, start, end, tag);
  while (at >= 0 && cursor.fieldStart >= 0) {
    fieldStart = cursor.fieldStart;
    fieldEnd = at;
    at = nextField(cursor, at, end, tag);
  }
  cursor.fieldStart = fieldStart;
  cursor.fieldEnd = fieldEnd;
  return at >= 0;
}
