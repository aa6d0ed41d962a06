/**
 * OTLP JSON to the protobuf that says the same (checklist 12), in one pass and without a JavaScript object per value.
 *
 * Field names are lowerCamelCase; unknown ones are ignored, `null` is no value. If a name comes twice, lists are joined
 * and of anything else the last one counts, as in protobuf. What the fields are is in `trace-schema.ts`, what their
 * values look like in `values.ts`.
 */
import { type Field, MESSAGE_SCHEMAS, type MessageSchema, schemaOf, wireTypeOf } from '../trace-schema.js';
import { encodeUtf8 } from '../utf8.js';
import { beginDelimited, endDelimited, WireWriter, writeVarint, writtenBytes } from '../wire-writer.js';
import {
  accept,
  acceptWord,
  Char,
  expect,
  failJson,
  isAtEnd,
  JsonCursor,
  peek,
  readString,
  textOf,
} from './json-cursor.js';
import { skipValue } from './skip-value.js';
import { VALUE_WRITERS, type ValueField, type ValueWriter } from './values.js';

/**
 * Messages inside each other that are taken: 32 levels of AnyValue and more. Deeper ones are left empty; the reader
 * puts a marker in their place, as it does for protobuf (checklist 19, 23).
 */
const MAX_DEPTH = 128;

/** The buffer that is kept for the next body. */
const KEPT_BYTES = 1024 * 1024;

interface JsonField extends ValueField {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly isRepeated: boolean;
  /** One of the two. */
  readonly writeValue: ValueWriter | undefined;
  readonly message: JsonMessage | undefined;
}

/** Fields by the length of their names. */
type JsonMessage = JsonField[][];

const MESSAGES = linkMessages();
const writer = new WireWriter();
const TRACES_DATA = MESSAGES[schemaOf('TracesData').index];

/**
 * Throws an OtlpDecodeError that says where, as in `resourceSpans[0].scopeSpans[1].spans[3].kind: …`. Ids of a wrong
 * length are passed on as they are, for the scan to reject the span; ids that are no hex are undecodable.
 */
export function jsonToProtobuf(body: Uint8Array): Uint8Array {
  const cursor = new JsonCursor(body);
  if (isAtEnd(cursor)) failJson(cursor, 'an empty body');
  if (writer.bytes.length > KEPT_BYTES) writer.bytes = new Uint8Array(KEPT_BYTES);
  writer.length = 0;
  convertMessage(cursor, TRACES_DATA, 0);
  if (!isAtEnd(cursor)) failJson(cursor, 'something follows the document');
  return writtenBytes(writer);
}

function convertMessage(cursor: JsonCursor, message: JsonMessage, depth: number): void {
  if (peek(cursor) !== Char.OPEN_BRACE) failJson(cursor, 'expected an object');
  accept(cursor, Char.OPEN_BRACE);
  if (accept(cursor, Char.CLOSE_BRACE)) return;
  do {
    readString(cursor);
    const field = findField(cursor, message);
    expect(cursor, Char.COLON);
    if (field === undefined) skipValue(cursor);
    else if (!acceptWord(cursor, 'null')) {
      cursor.path.enter(field.name);
      if (field.isRepeated) convertList(cursor, field, depth);
      else convertValue(cursor, field, depth);
      cursor.path.leave();
    }
  } while (accept(cursor, Char.COMMA));
  expect(cursor, Char.CLOSE_BRACE);
}

function convertList(cursor: JsonCursor, field: JsonField, depth: number): void {
  if (peek(cursor) !== Char.OPEN_BRACKET) failJson(cursor, 'expected an array');
  accept(cursor, Char.OPEN_BRACKET);
  if (accept(cursor, Char.CLOSE_BRACKET)) return;
  let index = 0;
  do {
    cursor.path.element(index++);
    if (!acceptWord(cursor, 'null')) convertValue(cursor, field, depth);
  } while (accept(cursor, Char.COMMA));
  expect(cursor, Char.CLOSE_BRACKET);
}

function convertValue(cursor: JsonCursor, field: JsonField, depth: number): void {
  if (field.writeValue !== undefined) {
    field.writeValue(cursor, writer, field);
    return;
  }
  writeVarint(writer, field.tag);
  const content = beginDelimited(writer);
  if (depth < MAX_DEPTH) convertMessage(cursor, field.message!, depth + 1);
  else skipValue(cursor);
  endDelimited(writer, content);
}

/** The field that the string just read is the name of. */
function findField(cursor: JsonCursor, message: JsonMessage): JsonField | undefined {
  if (cursor.hasEscapes) {
    const name = textOf(cursor);
    return message[name.length]?.find(field => field.name === name);
  }
  const candidates = message[cursor.textEnd - cursor.textStart];
  if (candidates === undefined) return undefined;
  for (const field of candidates) {
    if (isText(cursor, field.nameBytes)) return field;
  }
  return undefined;
}

/** The two are of one length. */
function isText({ bytes, textStart }: JsonCursor, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) {
    if (bytes[textStart + index] !== name[index]) return false;
  }
  return true;
}

/** Messages refer to each other, also in circles: all are made before their fields. */
function linkMessages(): JsonMessage[] {
  const messages: JsonMessage[] = MESSAGE_SCHEMAS.map(() => []);
  for (const schema of MESSAGE_SCHEMAS) {
    for (const field of schema.fields) {
      const message = messages[schema.index];
      message[field.name.length] = [...(message[field.name.length] ?? []), jsonField(schema, field, messages)];
    }
  }
  return messages;
}

function jsonField(schema: MessageSchema, field: Field, messages: readonly JsonMessage[]): JsonField {
  const { name, number, type, isRepeated } = field;
  return {
    name,
    nameBytes: encodeUtf8(name),
    tag: (number << 3) | wireTypeOf(field),
    isRepeated,
    keepsDefault: isRepeated || schema.isOneof,
    writeValue: typeof type === 'string' ? VALUE_WRITERS[type] : undefined,
    message: typeof type === 'string' ? undefined : messages[type.index],
  };
}
