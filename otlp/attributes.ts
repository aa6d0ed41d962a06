/**
 * Attribute lists (repeated KeyValue) into map columns: keys to dictionary indexes, values to text.
 *
 * | AnyValue | text |
 * |---|---|
 * | string | as it is |
 * | bool, int64 | `true`, `false`; decimal, every digit |
 * | double | the shortest that reads back the same, as JavaScript prints it |
 * | bytes | base64 |
 * | ArrayValue, KeyValueList | JSON (json-value.ts) |
 * | none | '' |
 *
 * A map has each key once: of attributes with equal keys the first counts, the others are dropped and counted.
 */

import { AnyTag, cutScalar, openAnyValue, openKeyValue, scalarText } from './any-value.js';
import { type Classifier, type Facts, KeyRoles, PLAIN_ROLE } from './classify.js';
import type { PairList } from './columns.js';
import type { Dictionary } from './dictionary.js';
import { internText } from './interned-text.js';
import { JsonText } from './json-text.js';
import { JsonValueWriter } from './json-value.js';
import type { ReadNotes, SpanLimits } from './limits.js';
import type { PayloadCursor } from './payload-cursor.js';
import { SpanFlag } from './span-block.js';
import type { StringColumn } from './string-column.js';
import { cutUtf8 } from './utf8.js';
import { readVarint } from './wire.js';

export class AttributeReader {
  readonly #classifier: Classifier;
  readonly #limits: SpanLimits;
  readonly #notes: ReadNotes;
  readonly #roles: KeyRoles;
  readonly #json = new JsonText();
  readonly #jsonValues: JsonValueWriter;
  /** By key index: the number of the last list that had the key. */
  #listOfKey = new Uint32Array(1024);
  #list = 0;
  /** By key index: the key that followed it last time. Spans of one place in a program have the same keys in a row. */
  #keyAfter = new Uint32Array(1024);
  #lastKey = 0;
  #count = 0;

  constructor(classifier: Classifier, limits: SpanLimits, notes: ReadNotes) {
    this.#classifier = classifier;
    this.#limits = limits;
    this.#notes = notes;
    this.#roles = new KeyRoles(classifier);
    this.#jsonValues = new JsonValueWriter(this.#json, limits, notes);
  }

  /** Begins a list that will be added to `pairs`. */
  openList(pairs: PairList): void {
    this.#roles.follow(pairs.keyDictionary);
    this.#count = 0;
    this.#lastKey = 0;
    if (++this.#list === 2 ** 32) {
      this.#listOfKey.fill(0);
      this.#list = 1;
    }
  }

  /** Adds the KeyValue in [start, end) to `pairs` and notes in `facts` what it says; false if malformed. */
  read(cursor: PayloadCursor, start: number, end: number, pairs: PairList, facts: Facts): boolean {
    if (this.#count === this.#limits.maxAttributes) {
      this.#noteCut();
      return true;
    }
    if (!openKeyValue(cursor, start, end)) return false;
    const key = this.#readKey(cursor, pairs.keyDictionary);
    if (!this.#isNew(key)) {
      this.#notes.cutAttributes++;
      return true;
    }
    if (!openAnyValue(cursor, cursor.anyStart, cursor.anyEnd) || !this.#appendValue(cursor, pairs)) return false;
    pairs.appendKey(key);
    this.#count++;
    const role = this.#roles.of(key);
    if (role !== PLAIN_ROLE) {
      const { values } = pairs;
      this.#classifier.note(facts, role, values.bytes, values.textStart, values.byteLength);
    }
    return true;
  }

  #readKey(cursor: PayloadCursor, dictionary: Dictionary): number {
    const { keyStart, keyEnd } = cursor;
    const guess = this.#keyAfter[this.#lastKey];
    if (guess < dictionary.count && dictionary.isAt(guess, cursor.bytes, cursor.view, keyStart, keyEnd)) {
      this.#lastKey = guess;
      return guess;
    }
    const { maxKeyBytes } = this.#limits;
    const key = internText(dictionary, cursor, keyStart, keyEnd, maxKeyBytes, this.#notes);
    if (keyEnd - keyStart > maxKeyBytes) this.#notes.cutAttributes++;
    if (key >= this.#listOfKey.length) this.#growKeys(key);
    this.#keyAfter[this.#lastKey] = key;
    this.#lastKey = key;
    return key;
  }

  #growKeys(key: number): void {
    const length = Math.max(key + 1, this.#listOfKey.length * 2);
    const listOfKey = new Uint32Array(length);
    listOfKey.set(this.#listOfKey);
    this.#listOfKey = listOfKey;
    const keyAfter = new Uint32Array(length);
    keyAfter.set(this.#keyAfter);
    this.#keyAfter = keyAfter;
  }

  #isNew(key: number): boolean {
    if (this.#listOfKey[key] === this.#list) return false;
    this.#listOfKey[key] = this.#list;
    return true;
  }

  #appendValue(cursor: PayloadCursor, { values }: PairList): boolean {
    const { valueStart, valueEnd } = cursor;
    switch (cursor.valueTag) {
      case AnyTag.STRING:
        this.#note(values.append(cursor.bytes, cursor.view, valueStart, valueEnd, this.#limits.maxValueBytes));
        return true;
      case AnyTag.INT:
        readVarint(cursor, valueStart, valueEnd);
        if (cursor.high === 0 && cursor.low >= 0) values.appendSmallInt(cursor.low);
        else values.appendAscii(scalarText(cursor));
        return true;
      case AnyTag.NONE:
        values.appendEmpty();
        return true;
      case AnyTag.ARRAY:
      case AnyTag.KVLIST:
        return this.#appendJson(cursor, values);
      default:
        this.#appendScalar(cursor, values);
        return true;
    }
  }

  #appendScalar(cursor: PayloadCursor, values: StringColumn): void {
    if (cutScalar(cursor, this.#limits.maxValueBytes)) this.#noteCut();
    values.appendAscii(scalarText(cursor));
  }

  /** Text over the limit is cut like any other, though what is left is no JSON then. */
  #appendJson(cursor: PayloadCursor, values: StringColumn): boolean {
    this.#json.reset();
    if (!this.#jsonValues.openedValue(cursor, 1)) return false;
    const { bytes, length } = this.#json;
    const isTooLong = length > this.#limits.maxValueBytes;
    if (isTooLong) this.#noteCut();
    values.appendValid(bytes, 0, isTooLong ? cutUtf8(bytes, 0, this.#limits.maxValueBytes) : length);
    return true;
  }

  #note(flags: number): void {
    if (flags === 0) return;
    this.#notes.flags |= flags;
    if ((flags & SpanFlag.ATTRIBUTES_CUT) !== 0) this.#notes.cutAttributes++;
  }

  #noteCut(): void {
    this.#note(SpanFlag.ATTRIBUTES_CUT);
  }
}
