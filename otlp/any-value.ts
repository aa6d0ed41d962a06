/**
 * Finding keys, values and elements (opentelemetry/proto/common/v1/common.proto). Of a field that may come once and
 * comes again, the last counts.
 *
 * | message | fields |
 * |---|---|
 * | KeyValue | 1 key string, 2 value AnyValue |
 * | AnyValue (oneof) | 1 string, 2 bool, 3 int64, 4 double, 5 ArrayValue, 6 KeyValueList, 7 bytes |
 * | ArrayValue, KeyValueList | 1 values, repeated |
 */

import type { PayloadCursor } from './payload-cursor.js';
import { openField, readTag, readVarint, skipValue } from './wire.js';

/** The tags of AnyValue's members. */
export const AnyTag = {
  NONE: 0,
  STRING: 0x0a,
  BOOL: 0x10,
  INT: 0x18,
  DOUBLE: 0x21,
  ARRAY: 0x2a,
  KVLIST: 0x32,
  BYTES: 0x3a,
} as const;

/** Of the elements of ArrayValue and KeyValueList. */
export const VALUES_TAG = 0x0a;
const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** Finds key and value of the KeyValue in [start, end); false if malformed. */
export function openKeyValue(cursor: PayloadCursor, start: number, end: number): boolean {
  const { bytes } = cursor;
  // As encoders write it: key, then value, lengths of one byte.
  if (end - start > 4 && bytes[start] === KEY_TAG && bytes[start + 1] < 128) {
    const keyEnd = start + 2 + bytes[start + 1];
    if (keyEnd + 2 <= end && bytes[keyEnd] === VALUE_TAG && keyEnd + 2 + bytes[keyEnd + 1] === end) {
      if (bytes[keyEnd + 1] < 128) {
        cursor.keyStart = start + 2;
        cursor.keyEnd = keyEnd;
        cursor.anyStart = keyEnd + 2;
        cursor.anyEnd = end;
        return true;
      }
    }
  }
  return openLooseKeyValue(cursor, start, end);
}

function openLooseKeyValue(cursor: PayloadCursor, start: number, end: number): boolean {
  cursor.keyStart = start;
  cursor.keyEnd = start;
  cursor.anyStart = start;
  cursor.anyEnd = start;
  let at = start;
  while (at < end) {
    at = readTag(cursor, at, end);
    if (at < 0) return false;
    const tag = cursor.low;
    if (tag === KEY_TAG) {
      at = openField(cursor, at, end);
      if (at < 0) return false;
      cursor.keyStart = at;
      at = cursor.fieldEnd;
      cursor.keyEnd = at;
    } else if (tag === VALUE_TAG) {
      at = openField(cursor, at, end);
      if (at < 0) return false;
      cursor.anyStart = at;
      at = cursor.fieldEnd;
      cursor.anyEnd = at;
    } else {
      at = skipValue(cursor, tag & 7, at, end);
      if (at < 0) return false;
    }
  }
  return true;
}

/** Finds the member that the AnyValue in [start, end) holds (of several, the last); false if malformed. */
export function openAnyValue(cursor: PayloadCursor, start: number, end: number): boolean {
  const { bytes } = cursor;
  const length = end - start - 2;
  // As encoders write the most frequent kinds: a string of less than 128 bytes, a number of one byte.
  if (length >= 0 && bytes[start] === AnyTag.STRING && bytes[start + 1] === length && length < 128) {
    cursor.valueTag = AnyTag.STRING;
    cursor.valueStart = start + 2;
    cursor.valueEnd = end;
    return true;
  }
  return openLooseAnyValue(cursor, start, end);
}

function openLooseAnyValue(cursor: PayloadCursor, start: number, end: number): boolean {
  cursor.valueTag = AnyTag.NONE;
  let at = start;
  while (at < end) {
    at = readTag(cursor, at, end);
    if (at < 0) return false;
    const tag = cursor.low;
    let valueStart = at;
    if ((tag & 7) === 2) {
      valueStart = openField(cursor, at, end);
      if (valueStart < 0) return false;
      at = cursor.fieldEnd;
    } else {
      at = skipValue(cursor, tag & 7, at, end);
      if (at < 0) return false;
    }
    if (isMember(tag)) {
      cursor.valueTag = tag;
      cursor.valueStart = valueStart;
      cursor.valueEnd = at;
    }
  }
  return true;
}

function isMember(tag: number): boolean {
  switch (tag) {
    case AnyTag.STRING:
    case AnyTag.BOOL:
    case AnyTag.INT:
    case AnyTag.DOUBLE:
    case AnyTag.ARRAY:
    case AnyTag.KVLIST:
    case AnyTag.BYTES:
      return true;
    default:
      return false;
  }
}

/** Shortens a BYTES value whose base64 would be longer than `maxBytes`; whether it did. */
export function cutScalar(cursor: PayloadCursor, maxBytes: number): boolean {
  const end = cursor.valueStart + Math.floor(maxBytes / 4) * 3;
  if (cursor.valueTag !== AnyTag.BYTES || cursor.valueEnd <= end) return false;
  cursor.valueEnd = end;
  return true;
}

/** Text of the scalar that `openAnyValue` has found to be a BOOL, INT, DOUBLE or BYTES. Allocates. */
export function scalarText(cursor: PayloadCursor): string {
  const { valueStart, valueEnd } = cursor;
  switch (cursor.valueTag) {
    case AnyTag.BOOL:
      readVarint(cursor, valueStart, valueEnd);
      return (cursor.low | cursor.high) !== 0 ? 'true' : 'false';
    case AnyTag.INT:
      readVarint(cursor, valueStart, valueEnd);
      return int64Text(cursor.low, cursor.high);
    case AnyTag.DOUBLE:
      return String(cursor.view.getFloat64(valueStart, true));
    default:
      return base64Text(cursor.bytes, valueStart, valueEnd);
  }
}

/** The signed 64-bit number of two halves in decimal, every digit. */
export function int64Text(low: number, high: number): string {
  // Within 53 bits a double holds it exactly.
  if (high >= -0x200000 && high < 0x200000) return String(high * 0x1_0000_0000 + (low >>> 0));
  return String((BigInt(high) << 32n) | BigInt(low >>> 0));
}

function base64Text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('base64');
}
