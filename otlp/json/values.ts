/**
 * One value of a field, from JSON to protobuf (tag included).
 *
 *   string            string; escapes resolved, invalid UTF-8 replaced (checklist 22)
 *   id                hex string of either case: trace and span ids; its length is not judged here
 *   bytes             base64 string, standard or URL-safe, padded or not
 *   bool              true or false
 *   enum              integer (never a name)
 *   uint32, fixed32   number or string
 *   int64, fixed64    number or string, in full precision
 *   double            number, string of a number, "NaN", "Infinity", "-Infinity"
 *
 * A value that is its type's default is not written, as proto3 has it, except in a oneof and in a list. So it does not
 * take back another one that the same name had before in the object.
 */
import type { ScalarType } from '../trace-schema.js';
import { decodeUtf8, isValidUtf8, repairUtf8 } from '../utf8.js';
import {
  reserve,
  type WireWriter,
  writeDelimited,
  writeDouble,
  writeFixed32,
  writeFixed64,
  writeText,
  writeVarint,
  writeVarint64,
} from '../wire-writer.js';
import { delimitNumber, INT32, INT64, Integer, type IntegerType, readInteger, UINT32, UINT64 } from './integers.js';
import { acceptWord, Char, failJson, type JsonCursor, peek, plainBytes, readString, textOf } from './json-cursor.js';

export interface ValueField {
  readonly tag: number;
  readonly keepsDefault: boolean;
}

/** Reads one value and writes it as the field. */
export type ValueWriter = (cursor: JsonCursor, writer: WireWriter, field: ValueField) => void;

const INVALID = 0xff;
const HEX = hexTable();
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const integer = new Integer();

export const VALUE_WRITERS: Readonly<Record<ScalarType, ValueWriter>> = {
  string: writeString,
  id: writeId,
  bytes: writeBase64,
  bool: writeBool,
  enum: (cursor, writer, field) => {
    if (peek(cursor) === Char.QUOTE) failJson(cursor, 'expected an integer: enum names and strings are not OTLP JSON');
    writeVarintValue(cursor, writer, field, INT32);
  },
  uint32: (cursor, writer, field) => writeVarintValue(cursor, writer, field, UINT32),
  int64: (cursor, writer, field) => writeVarintValue(cursor, writer, field, INT64),
  fixed32: writeFixed32Value,
  fixed64: writeFixed64Value,
  double: writeDoubleValue,
};

function writeString(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  readString(cursor);
  const { bytes, textStart, textEnd } = cursor;
  if (textStart === textEnd && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  if (cursor.hasEscapes) writeText(writer, textOf(cursor));
  else if (cursor.isAscii || isValidUtf8(bytes, textStart, textEnd)) writeDelimited(writer, bytes, textStart, textEnd);
  else writeDelimited(writer, repairUtf8(bytes, textStart, textEnd));
}

function writeId(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  const start = cursor.at;
  readString(cursor);
  const bytes = plainBytes(cursor);
  const { textStart, textEnd } = cursor;
  const byteCount = (textEnd - textStart) >>> 1;
  if (textStart === textEnd && !field.keepsDefault) return;
  if ((textEnd - textStart) % 2 !== 0) failJson(cursor, 'an odd number of hex digits', start);
  writeVarint(writer, field.tag);
  writeVarint(writer, byteCount);
  reserve(writer, byteCount);
  for (let at = textStart; at < textEnd; at += 2) {
    const high = HEX[bytes[at]];
    const low = HEX[bytes[at + 1]];
    if ((high | low) === INVALID) failJson(cursor, 'expected hex digits', start);
    writer.bytes[writer.length++] = (high << 4) | low;
  }
}

function writeBase64(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  const start = cursor.at;
  readString(cursor);
  const text = textOf(cursor);
  const digits = text.replace(/=+$/, '').length;
  if (!BASE64.test(text) || digits % 4 === 1) failJson(cursor, 'expected base64', start);
  if (digits === 0 && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  writeDelimited(writer, Buffer.from(text, 'base64'));
}

function writeBool(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  const value = acceptWord(cursor, 'true');
  if (!value && !acceptWord(cursor, 'false')) failJson(cursor, 'expected true or false');
  if (!value && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  writeVarint(writer, value ? 1 : 0);
}

function writeVarintValue(cursor: JsonCursor, writer: WireWriter, field: ValueField, type: IntegerType): void {
  readInteger(cursor, type, integer);
  if (isZero(integer) && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  writeVarint64(writer, integer.low, integer.high);
}

function writeFixed32Value(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  readInteger(cursor, UINT32, integer);
  if (isZero(integer) && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  writeFixed32(writer, integer.low);
}

function writeFixed64Value(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  readInteger(cursor, UINT64, integer);
  if (isZero(integer) && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  writeFixed64(writer, integer.low, integer.high);
}

function writeDoubleValue(cursor: JsonCursor, writer: WireWriter, field: ValueField): void {
  const value = readDouble(cursor);
  if (Object.is(value, 0) && !field.keepsDefault) return;
  writeVarint(writer, field.tag);
  writeDouble(writer, value);
}

function readDouble(cursor: JsonCursor): number {
  const start = cursor.at;
  if (peek(cursor) === Char.QUOTE) {
    readString(cursor);
    const word = textOf(cursor);
    if (word === 'NaN' || word === 'Infinity' || word === '-Infinity') return Number(word);
    cursor.at = start;
  }
  const bytes = delimitNumber(cursor, 'a number');
  const value = Number(decodeUtf8(bytes, cursor.textStart, cursor.textEnd));
  if (!Number.isFinite(value)) failJson(cursor, 'a number beyond the range of a double', start);
  return value;
}

function isZero({ low, high }: Integer): boolean {
  return low === 0 && high === 0;
}

/** Value of a hex digit by its character. */
function hexTable(): Uint8Array {
  const table = new Uint8Array(256).fill(INVALID);
  for (let value = 0; value < 16; value++) {
    const digit = value.toString(16);
    table[digit.charCodeAt(0)] = value;
    table[digit.toUpperCase().charCodeAt(0)] = value;
  }
  return table;
}
