/**
 * What single attributes say about a span: well-known keys, and the conditions of the tier rules (docs/stitching.md).
 *
 * A key is looked at once per block: its index in the key dictionary leads to a role (0 for the vast majority that mean
 * nothing here), so that an attribute of a span costs one array read. Conditions are bits; a rule holds if the bits it
 * needs are met.
 */

import type { TierRule } from '../schemas/index.js';
import { TIER_ATTRIBUTE } from '../schemas/index.js';
import type { Dictionary } from './dictionary.js';
import { encodeUtf8 } from './utf8.js';

/** Well-known attributes, as indexes into the positions in Facts. */
export const Slot = {
  PEER_SERVICE: 0,
  SERVER_ADDRESS: 1,
  NETWORK_PEER_ADDRESS: 2,
  DB_SYSTEM: 3,
  GEO_LOCALITY: 4,
  GEO_REGION: 5,
  GEO_COUNTRY: 6,
  CLIENT_ADDRESS: 7,
  CLOUD_REGION: 8,
  SERVICE_NAME: 9,
  ENVIRONMENT: 10,
  LEGACY_ENVIRONMENT: 11,
  HOST_ID: 12,
  HOST_IP: 13,
  HOST_NAME: 14,
  TIER: 15,
} as const;

const SLOT_COUNT = 16;
const NO_SLOT = -1;
/** Of a key that means nothing here. */
export const PLAIN_ROLE = 0;

const SLOT_OF_KEY: ReadonlyMap<string, number> = new Map([
  ['peer.service', Slot.PEER_SERVICE],
  ['server.address', Slot.SERVER_ADDRESS],
  ['network.peer.address', Slot.NETWORK_PEER_ADDRESS],
  ['db.system.name', Slot.DB_SYSTEM],
  ['db.system', Slot.DB_SYSTEM],
  ['geo.locality.name', Slot.GEO_LOCALITY],
  ['geo.region.iso_code', Slot.GEO_REGION],
  ['geo.country.iso_code', Slot.GEO_COUNTRY],
  ['client.address', Slot.CLIENT_ADDRESS],
  ['cloud.region', Slot.CLOUD_REGION],
  ['service.name', Slot.SERVICE_NAME],
  ['deployment.environment.name', Slot.ENVIRONMENT],
  ['deployment.environment', Slot.LEGACY_ENVIRONMENT],
  ['host.id', Slot.HOST_ID],
  ['host.ip', Slot.HOST_IP],
  ['host.name', Slot.HOST_NAME],
  [TIER_ATTRIBUTE, Slot.TIER],
]);

/** What was noted about one attribute list. Positions are into the list's values: valid until those are truncated. */
export class Facts {
  /** Bit per slot whose key was there. */
  slots = 0;
  /** Whether any key was there that a condition asks for. */
  hasConditions = false;
  readonly starts = new Uint32Array(SLOT_COUNT);
  readonly ends = new Uint32Array(SLOT_COUNT);
  /** Bit per condition: its (exact) key was there; it was met. */
  readonly seen: Int32Array;
  readonly met: Int32Array;

  constructor(conditionWords: number) {
    this.seen = new Int32Array(conditionWords);
    this.met = new Int32Array(conditionWords);
  }

  reset(): void {
    this.slots = 0;
    if (!this.hasConditions) return;
    this.hasConditions = false;
    for (let word = 0; word < this.met.length; word++) {
      this.seen[word] = 0;
      this.met[word] = 0;
    }
  }

  /** Whether the key was there with a value that is not empty. */
  has(slot: number): boolean {
    return (this.slots & (1 << slot)) !== 0 && this.ends[slot] > this.starts[slot];
  }
}

interface Condition {
  /** Name without the trailing `*` of a prefix pattern. */
  readonly name: string;
  readonly isPrefix: boolean;
  /** null: any value. */
  readonly values: readonly Uint8Array[] | null;
}

export class Classifier {
  /** 32-bit words that hold one bit per condition. */
  readonly conditionWords: number;

  /** Of the rules in their order, then the default. */
  readonly tiers: readonly string[];

  readonly #conditions: Condition[] = [];
  /** `conditionWords` words a rule. */
  readonly #ruleMasks: Int32Array;
  /** Roles by what they mean, so that any number of keys share few roles. */
  readonly #roles = new Map<string, number>();
  readonly #roleSlots: number[] = [NO_SLOT];
  readonly #roleConditions: Int32Array[] = [new Int32Array(0)];

  constructor(rules: readonly TierRule[], defaultTier: string) {
    this.tiers = [...rules.map(rule => rule.tier), defaultTier];
    const bits = new Map<string, number>();
    const bitsOfRules = rules.map(({ where }) =>
      Object.entries(where).map(([key, values]) => this.#conditionBit(bits, key, values)),
    );
    const words = Math.max(1, Math.ceil(this.#conditions.length / 32));
    this.conditionWords = words;
    this.#ruleMasks = new Int32Array(words * rules.length);
    bitsOfRules.forEach((ruleBits, rule) => {
      for (const bit of ruleBits) this.#ruleMasks[rule * words + (bit >>> 5)] |= 1 << (bit & 31);
    });
  }

  /** The role of a key, 0 if it has none. Not for the hot path: KeyRoles remembers it. */
  roleOf(key: string): number {
    const slot = SLOT_OF_KEY.get(key) ?? NO_SLOT;
    const bits: number[] = [];
    this.#conditions.forEach((condition, bit) => {
      if (condition.isPrefix ? key.startsWith(condition.name) : key === condition.name) bits.push(bit);
    });
    if (slot === NO_SLOT && bits.length === 0) return PLAIN_ROLE;
    const meaning = `${slot}:${bits.join()}`;
    let role = this.#roles.get(meaning);
    if (role === undefined) {
      role = this.#roleSlots.length;
      this.#roles.set(meaning, role);
      this.#roleSlots.push(slot);
      this.#roleConditions.push(Int32Array.from(bits));
    }
    return role;
  }

  /** Notes an attribute whose key has `role` and whose text is `bytes[start, end)`. A key comes once in a list. */
  note(facts: Facts, role: number, bytes: Uint8Array, start: number, end: number): void {
    const slot = this.#roleSlots[role];
    // `db.system.name` and `db.system` share a slot: the first counts.
    if (slot !== NO_SLOT && !facts.has(slot)) {
      facts.slots |= 1 << slot;
      facts.starts[slot] = start;
      facts.ends[slot] = end;
    }
    const bits = this.#roleConditions[role];
    if (bits.length > 0) facts.hasConditions = true;
    for (let i = 0; i < bits.length; i++) {
      const condition = this.#conditions[bits[i]];
      const word = bits[i] >>> 5;
      const mask = 1 << (bits[i] & 31);
      // A prefix may be met by any of its keys, so having seen one of them hides nothing.
      if (!condition.isPrefix) facts.seen[word] |= mask;
      if (condition.values === null || isOneOf(condition.values, bytes, start, end)) facts.met[word] |= mask;
    }
  }

  /**
   * Index in `tiers` of the first rule that holds, of the default if none does. A key of the span hides the same key of
   * its resource.
   */
  ruleOf(span: Facts, resource: Facts): number {
    const words = this.conditionWords;
    const masks = this.#ruleMasks;
    const rules = this.tiers.length - 1;
    for (let rule = 0; rule < rules; rule++) {
      let holds = true;
      for (let word = 0; word < words && holds; word++) {
        const mask = masks[rule * words + word];
        holds = ((span.met[word] | (resource.met[word] & ~span.seen[word])) & mask) === mask;
      }
      if (holds) return rule;
    }
    return rules;
  }

  #conditionBit(bits: Map<string, number>, key: string, values: string | readonly string[]): number {
    const list = typeof values === 'string' ? [values] : values;
    const identity = JSON.stringify([key, list]);
    let bit = bits.get(identity);
    if (bit === undefined) {
      bit = this.#conditions.length;
      bits.set(identity, bit);
      const isPrefix = key.endsWith('*');
      this.#conditions.push({
        name: isPrefix ? key.slice(0, -1) : key,
        isPrefix,
        values: list.includes('*') ? null : list.map(encodeUtf8),
      });
    }
    return bit;
  }
}

/** Roles of the keys of one dictionary, by index. */
export class KeyRoles {
  readonly #classifier: Classifier;
  #dictionary: Dictionary | null = null;
  #generation = 0;
  #roles = new Uint16Array(256);
  #count = 0;

  constructor(classifier: Classifier) {
    this.#classifier = classifier;
  }

  /** To be called before a run of `of`, whenever the dictionary may be another one or have been reset. */
  follow(dictionary: Dictionary): void {
    if (dictionary === this.#dictionary && dictionary.generation === this.#generation) return;
    this.#dictionary = dictionary;
    this.#generation = dictionary.generation;
    this.#count = 0;
  }

  of(keyIndex: number): number {
    return keyIndex < this.#count ? this.#roles[keyIndex] : this.#classifyUpTo(keyIndex);
  }

  #classifyUpTo(keyIndex: number): number {
    if (keyIndex >= this.#roles.length) {
      const grown = new Uint16Array(Math.max(keyIndex + 1, this.#roles.length * 2));
      grown.set(this.#roles);
      this.#roles = grown;
    }
    for (; this.#count <= keyIndex; this.#count++) {
      const key = this.#dictionary === null ? '' : this.#dictionary.text(this.#count);
      this.#roles[this.#count] = this.#classifier.roleOf(key);
    }
    return this.#roles[keyIndex];
  }
}

function isOneOf(values: readonly Uint8Array[], bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value.length !== end - start) continue;
    let at = 0;
    while (at < value.length && value[at] === bytes[start + at]) at++;
    if (at === value.length) return true;
  }
  return false;
}
