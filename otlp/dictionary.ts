/**
 * Distinct strings of a block, numbered in order of first appearance: an open-addressing table (linear probing, at most
 * half full) over their bytes. A hash only finds the candidate; strings are compared in full.
 */

import { randomInt } from 'node:crypto';
import type { StringDictionary } from './span-block.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';

const INITIAL_ENTRIES = 256;
const INITIAL_BYTES = 8192;
const MULTIPLIER = 0x9e3779b1 | 0;
/** Nothing that a dictionary answers depends on it; it keeps strangers from preparing strings that all collide. */
const PROCESS_KEY = randomInt(2 ** 32);

/**
 * Words are read in steps of four with an overlapping last one, so that there is no loop over single bytes. Each is
 * scrambled with the secret `key` before it is mixed in.
 */
function hashBytes(bytes: Uint8Array, view: DataView, start: number, end: number, key: number): number {
  let hash = Math.imul(end - start, MULTIPLIER);
  let word: number;
  if (end - start >= 4) {
    const last = end - 4;
    for (let at = start; at < last; at += 4) {
      word = view.getInt32(at, true);
      hash = Math.imul(hash ^ Math.imul(word ^ (word >>> 16), key), MULTIPLIER);
      hash ^= hash >>> 15;
    }
    word = view.getInt32(last, true);
  } else {
    word = 0;
    for (let at = start; at < end; at++) word = (word << 8) | bytes[at];
  }
  hash = Math.imul(hash ^ Math.imul(word ^ (word >>> 16), key), MULTIPLIER);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 16);
}

function equalBytes(
  a: Uint8Array,
  aView: DataView,
  aStart: number,
  b: Uint8Array,
  bView: DataView,
  bStart: number,
  length: number,
): boolean {
  if (length < 4) {
    for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
    return true;
  }
  const last = length - 4;
  for (let i = 0; i < last; i += 4) {
    if (aView.getInt32(aStart + i, true) !== bView.getInt32(bStart + i, true)) return false;
  }
  return aView.getInt32(aStart + last, true) === bView.getInt32(bStart + last, true);
}

export class Dictionary implements StringDictionary {
  bytes: Uint8Array = new Uint8Array(INITIAL_BYTES);
  byteLength = 1;
  count = 1;
  /** Grows with every reset: what was remembered about indexes no longer holds. */
  generation = 0;

  #view = new DataView(this.bytes.buffer);
  #starts = new Uint32Array(INITIAL_ENTRIES);
  #lengths = new Uint32Array(INITIAL_ENTRIES);
  #hashes = new Int32Array(INITIAL_ENTRIES);
  /** Entry index + 1; 0 is a free slot. The empty string never gets a slot. */
  #slots = new Uint32Array(INITIAL_ENTRIES * 2);
  #mask = INITIAL_ENTRIES * 2 - 1;
  /** Slot and hash where the last unsuccessful `find` ended: what `add` goes on from. */
  #freeSlot = 0;
  #freeHash = 0;
  #texts: (string | undefined)[] = [''];
  /** View over the last source given to `intern`, so that a run over one buffer makes one view. */
  #source: Uint8Array = this.bytes;
  #sourceView = this.#view;

  readonly #key: number;

  /** `hashKey`: any 32-bit number. */
  constructor(hashKey = PROCESS_KEY) {
    this.#key = hashKey | 1;
    this.#starts[0] = 1;
  }

  intern(source: Uint8Array, start: number, end: number): number {
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceView = new DataView(source.buffer, source.byteOffset, source.byteLength);
    }
    const found = this.find(source, this.#sourceView, start, end);
    return found >= 0 ? found : this.add(source, start, end);
  }

  internText(text: string): number {
    if (text.length === 0) return 0;
    const encoded = encodeUtf8(text);
    return this.intern(encoded, 0, encoded.length);
  }

  /**
   * Index of the string, or -1 if it is not here (then `add` may be called for it). `view` must look at the same bytes
   * as `source`.
   */
  find(source: Uint8Array, view: DataView, start: number, end: number): number {
    const length = end - start;
    if (length === 0) return 0;
    const hash = hashBytes(source, view, start, end, this.#key);
    const slots = this.#slots;
    let slot = hash & this.#mask;
    for (let entry = slots[slot]; entry !== 0; entry = slots[slot]) {
      const index = entry - 1;
      if (
        this.#hashes[index] === hash &&
        this.#lengths[index] === length &&
        equalBytes(this.bytes, this.#view, this.#starts[index], source, view, start, length)
      ) {
        return index;
      }
      slot = (slot + 1) & this.#mask;
    }
    this.#freeSlot = slot;
    this.#freeHash = hash;
    return -1;
  }

  /** Whether the string at an index is that of `source[start, end)`; cheaper than finding it where it can be guessed. */
  isAt(index: number, source: Uint8Array, view: DataView, start: number, end: number): boolean {
    const length = end - start;
    return (
      this.#lengths[index] === length &&
      equalBytes(this.bytes, this.#view, this.#starts[index], source, view, start, length)
    );
  }

  /** Adds the string that the last `find` has missed. */
  add(source: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const index = this.count;
    this.#reserve(length);
    let at = this.byteLength;
    let rest = length;
    for (; rest > 127; rest >>>= 7) this.bytes[at++] = (rest & 127) | 128;
    this.bytes[at++] = rest;
    this.bytes.set(source.subarray(start, end), at);
    this.#starts[index] = at;
    this.#lengths[index] = length;
    this.#hashes[index] = this.#freeHash;
    this.#slots[this.#freeSlot] = index + 1;
    this.#texts[index] = undefined;
    this.byteLength = at + length;
    this.count = index + 1;
    if (this.count * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2);
    return index;
  }

  text(index: number): string {
    const known = this.#texts[index];
    if (known !== undefined) return known;
    if (index >= this.count) throw new RangeError(`no string ${index} in a dictionary of ${this.count}`);
    const start = this.#starts[index];
    const text = decodeUtf8(this.bytes, start, start + this.#lengths[index]);
    this.#texts[index] = text;
    return text;
  }

  reset(): void {
    this.byteLength = 1;
    this.count = 1;
    this.#texts.length = 1;
    this.generation++;
    this.#slots.fill(0);
    // Holding on to the last source would keep a whole payload alive.
    this.#source = this.bytes;
    this.#sourceView = this.#view;
  }

  /** Room for one more string of `length` bytes. */
  #reserve(length: number): void {
    const needed = this.byteLength + length + 5;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.byteLength));
      this.bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    if (this.count === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#lengths = doubled(this.#lengths);
      const hashes = new Int32Array(this.#hashes.length * 2);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
  }

  #rehash(slotCount: number): void {
    if (slotCount !== this.#slots.length) this.#slots = new Uint32Array(slotCount);
    else this.#slots.fill(0);
    this.#mask = slotCount - 1;
    for (let index = 1; index < this.count; index++) {
      let slot = this.#hashes[index] & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index + 1;
    }
  }
}

function doubled(old: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(old.length * 2);
  grown.set(old);
  return grown;
}
