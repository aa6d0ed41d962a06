/**
 * What spans take from their resource (opentelemetry/proto/resource/v1/resource.proto: 1 attributes, 2
 * dropped_attributes_count), read once per block and remembered by the resource's bytes: a block holds thousands of
 * ResourceSpans of a few dozen processes.
 */

import { AnyTag, openAnyValue, openKeyValue, VALUES_TAG } from './any-value.js';
import { AttributeReader } from './attributes.js';
import { checksum32 } from './checksum.js';
import { type Classifier, Facts, Slot } from './classify.js';
import { PairList, type SpanColumns } from './columns.js';
import { Dictionary } from './dictionary.js';
import { internText } from './interned-text.js';
import { JsonText } from './json-text.js';
import { ReadNotes, type SpanLimits } from './limits.js';
import { internSlot, type Locator } from './location.js';
import { nextField, type PayloadCursor } from './payload-cursor.js';
import { encodeUtf8 } from './utf8.js';

const ATTRIBUTES_TAG = 0x0a;
/** The OpenTelemetry semantic conventions' name for a service that does not name itself. */
const UNKNOWN_SERVICE = 'unknown_service';
const CHECKSUM_SEED = 0;

/** At either of these all remembered resources are forgotten. */
const MAX_RESOURCES = 4096;
const MAX_RESOURCE_BYTES = 16 * 1024 * 1024;

/** Columns of a span that its resource decides. Numbers without a comment are indexes of the block's dictionary. */
export interface Resource {
  /** All attributes as one JSON object of strings. */
  readonly attributes: number;
  /** Their values in the layout of VarStrings: what `facts` point into. */
  readonly values: Uint8Array;
  readonly facts: Facts;
  readonly service: number;
  readonly environment: number;
  readonly host: number;
  /** From the resource's own attribute; 0: the rules decide. */
  readonly tier: number;
  /** The first rule that holds without anything from a span. */
  readonly rule: number;
  readonly locationRank: number;
  readonly locality: number;
  readonly region: number;
  readonly country: number;
  /** Of the resource's bytes: what checksums of its spans start from. */
  readonly checksum: number;
  /** SpanFlag bits, and attributes dropped or cut. */
  readonly flags: number;
  readonly cutAttributes: number;
}

export class ResourceReader {
  readonly #classifier: Classifier;
  readonly #locator: Locator;
  readonly #limits: SpanLimits;
  readonly #notes = new ReadNotes();
  readonly #attributes: AttributeReader;
  readonly #noFacts: Facts;
  /** The bytes of resources already read, and what they said. */
  readonly #known = new Dictionary();
  readonly #resources: (Resource | undefined)[] = [];
  #columns: SpanColumns | undefined;
  #generation = 0;
  /** What resources are read into. */
  readonly #pairs = new PairList(new Dictionary());
  readonly #json = new JsonText();

  constructor(classifier: Classifier, locator: Locator, limits: SpanLimits) {
    this.#classifier = classifier;
    this.#locator = locator;
    this.#limits = limits;
    this.#attributes = new AttributeReader(classifier, limits, this.#notes);
    this.#noFacts = new Facts(classifier.conditionWords);
  }

  /** To be called before a run of `read` for one block. */
  follow(columns: SpanColumns): void {
    if (columns === this.#columns && columns.dictionary.generation === this.#generation) return;
    this.#columns = columns;
    this.#generation = columns.dictionary.generation;
    this.#forget();
  }

  /** The Resource message in [start, end); undefined if malformed. Valid until the block is reset. */
  read(cursor: PayloadCursor, start: number, end: number): Resource | undefined {
    if (this.#known.count > MAX_RESOURCES || this.#known.byteLength > MAX_RESOURCE_BYTES) this.#forget();
    const index = this.#known.find(cursor.bytes, cursor.view, start, end);
    if (index >= 0 && this.#resources[index] !== undefined) return this.#resources[index];
    // Added before it is read: reading looks up other strings.
    const added = index >= 0 ? index : this.#known.add(cursor.bytes, start, end);
    const resource = this.#parse(cursor, start, end);
    this.#resources[added] = resource;
    return resource;
  }

  #forget(): void {
    this.#known.reset();
    this.#resources.length = 0;
    this.#pairs.keyDictionary.reset();
  }

  #parse(cursor: PayloadCursor, start: number, end: number): Resource | undefined {
    const columns = this.#columns;
    if (columns === undefined) throw new Error('ResourceReader.follow has not been called');
    const facts = new Facts(this.#classifier.conditionWords);
    this.#notes.reset();
    this.#pairs.truncate(0, 0);
    this.#attributes.openList(this.#pairs);
    let hostIp = 0;
    let at = nextField(cursor, start, end, ATTRIBUTES_TAG);
    while (at >= 0 && cursor.fieldStart >= 0) {
      const pairStart = cursor.fieldStart;
      const hadHostIp = facts.has(Slot.HOST_IP);
      if (!this.#attributes.read(cursor, pairStart, at, this.#pairs, facts)) return undefined;
      if (!hadHostIp && facts.has(Slot.HOST_IP)) hostIp = this.#firstElement(columns, cursor, pairStart, at);
      at = nextField(cursor, at, end, ATTRIBUTES_TAG);
    }
    if (at < 0) return undefined;
    return this.#finish(columns, facts, hostIp, checksum32(cursor.bytes, cursor.view, start, end, CHECKSUM_SEED));
  }

  /**
   * Of the KeyValue in [start, end), the text of its array's first element if that is a string; of any other value the
   * whole text, which is the last of the list.
   */
  #firstElement(columns: SpanColumns, cursor: PayloadCursor, start: number, end: number): number {
    const { dictionary } = columns;
    const { values } = this.#pairs;
    openKeyValue(cursor, start, end);
    openAnyValue(cursor, cursor.anyStart, cursor.anyEnd);
    if (cursor.valueTag !== AnyTag.ARRAY) return dictionary.intern(values.bytes, values.textStart, values.byteLength);
    nextField(cursor, cursor.valueStart, cursor.valueEnd, VALUES_TAG);
    return cursor.fieldStart < 0 ? 0 : this.#internString(dictionary, cursor, cursor.fieldStart, cursor.fieldEnd);
  }

  /** Of the AnyValue in [start, end), the text if it is a string, else ''. */
  #internString(dictionary: Dictionary, cursor: PayloadCursor, start: number, end: number): number {
    openAnyValue(cursor, start, end);
    if (cursor.valueTag !== AnyTag.STRING) return 0;
    const { maxValueBytes } = this.#limits;
    return internText(dictionary, cursor, cursor.valueStart, cursor.valueEnd, maxValueBytes, this.#notes);
  }

  #finish(columns: SpanColumns, facts: Facts, hostIp: number, checksum: number): Resource {
    const { dictionary } = columns;
    const values = this.#pairs.values.bytes.slice(0, this.#pairs.values.byteLength);
    const locator = this.#locator;
    locator.locate(dictionary, this.#noFacts, values, facts, values);
    const text = (slot: number) => internSlot(dictionary, facts, slot, values);
    return {
      attributes: this.#internJson(dictionary),
      values,
      facts,
      service: text(Slot.SERVICE_NAME) || dictionary.internText(UNKNOWN_SERVICE),
      environment: text(Slot.ENVIRONMENT) || text(Slot.LEGACY_ENVIRONMENT),
      host: text(Slot.HOST_ID) || hostIp || text(Slot.HOST_NAME),
      tier: text(Slot.TIER),
      rule: this.#classifier.ruleOf(this.#noFacts, facts),
      locationRank: locator.locationRank,
      locality: locator.locality,
      region: locator.region,
      country: locator.country,
      checksum,
      flags: this.#notes.flags,
      cutAttributes: this.#notes.cutAttributes,
    };
  }

  /** Keys and values were cut and repaired when they were read. */
  #internJson(dictionary: Dictionary): number {
    const { keys, values, pairCount, keyDictionary } = this.#pairs;
    const json = this.#json;
    json.reset();
    if (pairCount === 0) return 0;
    const { bytes } = values;
    let at = 0;
    for (let pair = 0; pair < pairCount; pair++) {
      json.ascii(pair === 0 ? '{' : ',');
      const key = encodeUtf8(keyDictionary.text(keys[pair]));
      json.string(key, 0, key.length, key.length);
      json.ascii(':');
      let length = 0;
      for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
        byte = bytes[at++];
        length |= (byte & 0x7f) << shift;
      }
      json.string(bytes, at, at + length, length);
      at += length;
    }
    json.ascii('}');
    return dictionary.intern(json.bytes, 0, json.length);
  }
}
