/**
 * Whether bytes are the message they are said to be: every varint at most 10 bytes, every length within its message, no
 * groups, known fields with their own wire type, and the same for every message inside. Unknown fields are passed over
 * by their wire type. What strings contain is not looked at (checklist 22: replaced later, never refused).
 */
import { type Field, MESSAGE_SCHEMAS, type MessageName, schemaOf, wireTypeOf } from './trace-schema.js';
import {
  fail,
  MALFORMED,
  openField,
  readTag,
  readVarint,
  skipValue,
  type WireCursor,
  WireError,
  WireType,
} from './wire.js';

/**
 * Messages inside each other that are looked into: enough for 32 levels of AnyValue (three messages a level), so that
 * whatever the reader takes apart has been checked here. Deeper ones are opaque bytes; the reader puts a marker in
 * their place (checklist 23).
 */
const MAX_DEPTH = 128;

/** Tags of the fields that are known fit into this. */
const TAGS = 256;

/** What to do with a tag. From MESSAGE on: the rest is the index of the message's own rules. */
const Rule = { UNKNOWN: 0, WRONG: 1, BAD_TAG: 2, VARINT: 3, FIXED64: 4, FIXED32: 5, BYTES: 6, MESSAGE: 7 } as const;

/** By message and tag. */
const RULES = buildRules();
const KEY_VALUE = Rule.MESSAGE + schemaOf('KeyValue').index;

/** The rules of a message, for `validateField` and `validateMessage`. */
export function rulesOf(name: MessageName): number {
  return schemaOf(name).index * TAGS;
}

/** Answers `end`, or `MALFORMED`. */
export function validateMessage(cursor: WireCursor, rules: number, start: number, end: number, depth: number): number {
  const { bytes } = cursor;
  let at = start;
  while (at < end) {
    let tag = bytes[at];
    if (tag < 0x80) at++;
    else {
      at = readTag(cursor, at, end);
      if (at < 0) return MALFORMED;
      tag = cursor.low;
    }
    at = validateField(cursor, rules, tag, at, end, depth);
    if (at < 0) return MALFORMED;
  }
  return at;
}

/** Answers where the field whose tag ended at `start` ends, or `MALFORMED`. `depth`: of the message that it is in. */
export function validateField(
  cursor: WireCursor,
  rules: number,
  tag: number,
  start: number,
  end: number,
  depth: number,
): number {
  const rule = tag >>> 8 === 0 ? RULES[rules + tag] : Rule.UNKNOWN;
  if (rule < Rule.BYTES) return validateScalar(cursor, rule, tag, start, end);
  const at = openField(cursor, start, end);
  if (at < 0) return MALFORMED;
  const { bytes, fieldEnd } = cursor;
  if (rule === Rule.BYTES || depth >= MAX_DEPTH) return fieldEnd;
  if (rule === KEY_VALUE && isTextPair(bytes, at, fieldEnd)) return fieldEnd;
  return validateMessage(cursor, (rule - Rule.MESSAGE) * TAGS, at, fieldEnd, depth + 1);
}

const KEY_TAG = 0x0a;
const VALUE_TAG = 0x12;
const STRING_TAG = 0x0a;
/** Tag and length of key, value and string. */
const PAIR_HEADER_BYTES = 6;

/**
 * A KeyValue of nothing but a key and a string, lengths of one byte each, as most attributes are: they are seen at one
 * look, instead of field by field through three messages. False says nothing.
 */
function isTextPair(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < PAIR_HEADER_BYTES || bytes[start] !== KEY_TAG) return false;
  const value = start + 2 + bytes[start + 1];
  const valueBytes = end - value - 2;
  if (valueBytes > 0x7f || bytes[start + 1] > 0x7f) return false;
  return (
    bytes[value] === VALUE_TAG &&
    bytes[value + 1] === valueBytes &&
    bytes[value + 2] === STRING_TAG &&
    bytes[value + 3] === valueBytes - 2
  );
}

function validateScalar(cursor: WireCursor, rule: number, tag: number, start: number, end: number): number {
  switch (rule) {
    case Rule.VARINT:
      return start < end && cursor.bytes[start] < 0x80 ? start + 1 : readVarint(cursor, start, end);
    case Rule.FIXED64:
      return start + 8 <= end ? start + 8 : fail(cursor, WireError.TRUNCATED, start);
    case Rule.FIXED32:
      return start + 4 <= end ? start + 4 : fail(cursor, WireError.TRUNCATED, start);
    case Rule.WRONG:
      return fail(cursor, WireError.WRONG_WIRE_TYPE, start);
    case Rule.BAD_TAG:
      return fail(cursor, WireError.BAD_TAG, start);
    default:
      return skipValue(cursor, tag & 7, start, end);
  }
}

function buildRules(): Uint8Array {
  const rules = new Uint8Array(MESSAGE_SCHEMAS.length * TAGS);
  for (const { index, fields } of MESSAGE_SCHEMAS) {
    const base = index * TAGS;
    rules.fill(Rule.BAD_TAG, base, base + 8);
    for (const field of fields) {
      const tag = base + (field.number << 3);
      // Groups and wire types that do not exist stay unknown: skipping them says so.
      for (const wireType of Object.values(WireType)) rules[tag | wireType] = Rule.WRONG;
      rules[tag | wireTypeOf(field)] = ruleOf(field);
    }
  }
  return rules;
}

function ruleOf(field: Field): number {
  if (typeof field.type !== 'string') return Rule.MESSAGE + field.type.index;
  const wireType = wireTypeOf(field);
  if (wireType === WireType.LENGTH) return Rule.BYTES;
  return wireType === WireType.FIXED64 ? Rule.FIXED64 : wireType === WireType.FIXED32 ? Rule.FIXED32 : Rule.VARINT;
}
