/**
 * AnyValue and KeyValue lists as JSON:
 *
 * | AnyValue | JSON |
 * |---|---|
 * | string, bool | as they are |
 * | int64 | a number with every digit (readers that know doubles only will round beyond 2^53) |
 * | double | a number, the shortest that reads back the same; NaN and infinities as strings |
 * | bytes | a string, base64 |
 * | ArrayValue, KeyValueList | array, object; keys that repeat in one list are left to repeat |
 * | none | null |
 */

import { AnyTag, cutScalar, openAnyValue, openKeyValue, scalarText, VALUES_TAG } from './any-value.js';
import type { JsonText } from './json-text.js';
import { NESTING_MARKER, type ReadNotes, type SpanLimits } from './limits.js';
import { nextField, type PayloadCursor } from './payload-cursor.js';
import { SpanFlag } from './span-block.js';
import { encodeUtf8 } from './utf8.js';

const COMMA = 0x2c;
const COLON = 0x3a;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const MARKER = encodeUtf8(NESTING_MARKER);

export class JsonValueWriter {
  readonly #json: JsonText;
  readonly #limits: SpanLimits;
  readonly #notes: ReadNotes;

  constructor(json: JsonText, limits: SpanLimits, notes: ReadNotes) {
    this.#json = json;
    this.#limits = limits;
    this.#notes = notes;
  }

  /** Writes the AnyValue in [start, end), which is at nesting `level` (1: an attribute's own); false if malformed. */
  value(cursor: PayloadCursor, start: number, end: number, level: number): boolean {
    if (level > this.#limits.maxNesting) {
      this.#notes.flags |= SpanFlag.NESTING_CUT | this.#json.string(MARKER, 0, MARKER.length, MARKER.length);
      return true;
    }
    return openAnyValue(cursor, start, end) && this.openedValue(cursor, level);
  }

  /** Writes the value that `openAnyValue` has just found. */
  openedValue(cursor: PayloadCursor, level: number): boolean {
    const { valueTag, valueStart, valueEnd } = cursor;
    switch (valueTag) {
      case AnyTag.NONE:
        this.#json.ascii('null');
        return true;
      case AnyTag.STRING:
        this.#string(cursor, valueStart, valueEnd);
        return true;
      case AnyTag.ARRAY:
        return this.#list(cursor, valueStart, valueEnd, level);
      case AnyTag.KVLIST:
        return this.#map(cursor, valueStart, valueEnd, level);
      default:
        this.#scalar(cursor);
        return true;
    }
  }

  /**
   * Writes the attributes of the message in [start, end), whose KeyValues have `tag`, as an object, up to the limit.
   * False if malformed.
   */
  attributes(cursor: PayloadCursor, start: number, end: number, tag: number): boolean {
    this.#json.character(BRACE_OPEN);
    let count = 0;
    let at = nextField(cursor, start, end, tag);
    while (at >= 0 && cursor.fieldStart >= 0) {
      if (count === this.#limits.maxAttributes) this.#noteCut();
      else if (!this.#pair(cursor, cursor.fieldStart, at, count++ === 0, 1)) return false;
      at = nextField(cursor, at, end, tag);
    }
    this.#json.character(BRACE_CLOSE);
    return at >= 0;
  }

  #list(cursor: PayloadCursor, start: number, end: number, level: number): boolean {
    this.#json.character(BRACKET_OPEN);
    let at = nextField(cursor, start, end, VALUES_TAG);
    for (let isFirst = true; at >= 0 && cursor.fieldStart >= 0; isFirst = false) {
      if (!isFirst) this.#json.character(COMMA);
      if (!this.value(cursor, cursor.fieldStart, at, level + 1)) return false;
      at = nextField(cursor, at, end, VALUES_TAG);
    }
    this.#json.character(BRACKET_CLOSE);
    return at >= 0;
  }

  #map(cursor: PayloadCursor, start: number, end: number, level: number): boolean {
    this.#json.character(BRACE_OPEN);
    let at = nextField(cursor, start, end, VALUES_TAG);
    for (let isFirst = true; at >= 0 && cursor.fieldStart >= 0; isFirst = false) {
      if (!this.#pair(cursor, cursor.fieldStart, at, isFirst, level + 1)) return false;
      at = nextField(cursor, at, end, VALUES_TAG);
    }
    this.#json.character(BRACE_CLOSE);
    return at >= 0;
  }

  #pair(cursor: PayloadCursor, start: number, end: number, isFirst: boolean, level: number): boolean {
    if (!openKeyValue(cursor, start, end)) return false;
    const { anyStart, anyEnd } = cursor;
    if (!isFirst) this.#json.character(COMMA);
    const flags = this.#json.string(cursor.bytes, cursor.keyStart, cursor.keyEnd, this.#limits.maxKeyBytes);
    this.#note(flags);
    this.#json.character(COLON);
    return this.value(cursor, anyStart, anyEnd, level);
  }

  #string(cursor: PayloadCursor, start: number, end: number): void {
    this.#note(this.#json.string(cursor.bytes, start, end, this.#limits.maxValueBytes));
  }

  #scalar(cursor: PayloadCursor): void {
    if (cutScalar(cursor, this.#limits.maxValueBytes)) this.#noteCut();
    const isBytes = cursor.valueTag === AnyTag.BYTES;
    const text = scalarText(cursor);
    const isQuoted = isBytes || text === 'NaN' || text === 'Infinity' || text === '-Infinity';
    this.#json.ascii(isQuoted ? `"${text}"` : text);
  }

  #note(flags: number): void {
    this.#notes.flags |= flags;
    if ((flags & SpanFlag.ATTRIBUTES_CUT) !== 0) this.#notes.cutAttributes++;
  }

  #noteCut(): void {
    this.#note(SpanFlag.ATTRIBUTES_CUT);
  }
}
