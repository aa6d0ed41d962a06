/**
 * Sections of critical paths as one LowCardinality column: what a section is (kind, caller, service, operation, tier) is
 * a text that few of them differ in, so a section costs a look into a table of five numbers, and the text is made once
 * per block.
 */
import type { NativeData } from '../store/index.js';
import type { Interner } from './interner.js';
import { concatStrings } from './row-columns.js';

const encoder = new TextEncoder();
const NUMBERS = 5;
const KINDS = ['service', 'link'] as const;

export class SectionColumn {
  readonly #interner: Interner;
  #indexes = new Uint32Array(256);
  count = 0;
  /** Of each distinct section its five numbers. */
  #sections = new Uint32Array(NUMBERS * 256);
  #distinct = 0;
  /** Open addressing, at most half full: number of a distinct section + 1, 0 for none. */
  #slots = new Int32Array(512);

  constructor(interner: Interner) {
    this.#interner = interner;
  }

  /** `kind`: 0 service, 1 link; the others are interned strings, `caller` 0 but for links. */
  push(kind: number, caller: number, service: number, operation: number, tier: number): void {
    if (this.count === this.#indexes.length) {
      const grown = new Uint32Array(this.count * 2);
      grown.set(this.#indexes);
      this.#indexes = grown;
    }
    this.#indexes[this.count++] = this.#numberOf(kind, caller, service, operation, tier);
  }

  /** Empties this. Number 0 of the dictionary is '', as everywhere in a LowCardinality column. */
  take(): NativeData {
    const texts: Uint8Array[] = [new Uint8Array(0)];
    for (let section = 0; section < this.#distinct; section++) texts.push(this.#textOf(section));
    const indexes = this.#indexes.slice(0, this.count);
    this.count = 0;
    this.#distinct = 0;
    this.#slots.fill(0);
    return { kind: 'lowCardinality', dictionary: concatStrings(texts), indexes };
  }

  #textOf(section: number): Uint8Array {
    const [kind, ...names] = this.#sections.subarray(section * NUMBERS, section * NUMBERS + NUMBERS);
    const texts = names.map(name => this.#interner.text(name));
    return encoder.encode(JSON.stringify([KINDS[kind], ...texts]));
  }

  #numberOf(kind: number, caller: number, service: number, operation: number, tier: number): number {
    const slots = this.#slots;
    const sections = this.#sections;
    const mask = slots.length - 1;
    let slot = hashOf(kind, caller, service, operation, tier) & mask;
    for (;;) {
      const number = slots[slot];
      if (number === 0) break;
      const at = (number - 1) * NUMBERS;
      if (
        sections[at + 2] === service &&
        sections[at + 3] === operation &&
        sections[at + 1] === caller &&
        sections[at + 4] === tier &&
        sections[at] === kind
      ) {
        return number;
      }
      slot = (slot + 1) & mask;
    }
    const at = this.#distinct * NUMBERS;
    sections[at] = kind;
    sections[at + 1] = caller;
    sections[at + 2] = service;
    sections[at + 3] = operation;
    sections[at + 4] = tier;
    const number = ++this.#distinct;
    slots[slot] = number;
    if (number * 2 >= slots.length) this.#grow();
    return number;
  }

  #grow(): void {
    const sections = new Uint32Array(this.#sections.length * 2);
    sections.set(this.#sections);
    this.#sections = sections;
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let section = 0; section < this.#distinct; section++) {
      const at = section * NUMBERS;
      let slot = hashOf(sections[at], sections[at + 1], sections[at + 2], sections[at + 3], sections[at + 4]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = section + 1;
    }
    this.#slots = slots;
  }
}

function hashOf(kind: number, caller: number, service: number, operation: number, tier: number): number {
  let hash = Math.imul(operation ^ (kind << 30), 0x9e3779b1) ^ Math.imul(service, 0x85ebca6b);
  hash ^= Math.imul(caller, 0xc2b2ae35) ^ Math.imul(tier, 0x27d4eb2f);
  return (hash ^ (hash >>> 15)) >>> 0;
}
