/** Growing columns for the rows of `trace_revisions`: one push per trace (or per path section), no objects per row. */
import type { NativeData } from '../store/index.js';
import type { Interner } from './interner.js';
import { HEX_PAIRS } from './native-columns.js';

const encoder = new TextEncoder();
const TWO_32 = 2 ** 32;

/** Numbers of up to 32 bits in insertion order. */
export class NumberColumn {
  #values: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  count = 0;

  constructor(array: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>) {
    this.#values = array;
  }

  push(value: number): void {
    if (this.count === this.#values.length) this.#grow();
    this.#values[this.count++] = value;
  }

  take(): NativeData {
    const values = this.#values.slice(0, this.count);
    this.count = 0;
    return { kind: 'fixed', width: values.BYTES_PER_ELEMENT, bytes: new Uint8Array(values.buffer) };
  }

  #grow(): void {
    const Columns = this.#values.constructor as new (length: number) => Uint32Array<ArrayBuffer>;
    const grown = new Columns(this.#values.length * 2);
    grown.set(this.#values);
    this.#values = grown;
  }
}

/** Numbers of 64 bits, kept as two words each, the lower first: most are whole doubles and never become a bigint. */
export class LongColumn {
  #words = new Uint32Array(128);
  count = 0;

  /** A whole number, signed or not; a double of at most 53 bits. */
  push(value: number | bigint): void {
    if (typeof value === 'number') {
      const high = Math.floor(value / TWO_32);
      this.#pushWords(value - high * TWO_32, high);
    } else {
      this.#pushWords(Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
    }
  }

  take(): NativeData {
    const words = this.#words.slice(0, this.count * 2);
    this.count = 0;
    return { kind: 'fixed', width: 8, bytes: new Uint8Array(words.buffer) };
  }

  #pushWords(low: number, high: number): void {
    const at = this.count++ * 2;
    if (at === this.#words.length) {
      const grown = new Uint32Array(at * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[at] = low;
    this.#words[at + 1] = high;
  }
}

/** Interned strings as a LowCardinality column with a dictionary of its own. */
export class LowCardinalityColumn {
  readonly #interner: Interner;
  #indexes = new Uint32Array(64);
  /** Dictionary index by interned number; 0 for not yet in it (interned 0 is '' and is always 0). */
  #indexOf = new Uint32Array(256);
  #used: number[] = [];
  #texts: Uint8Array[] = [];
  count = 0;

  constructor(interner: Interner) {
    this.#interner = interner;
  }

  push(interned: number): void {
    if (this.count === this.#indexes.length) {
      const grown = new Uint32Array(this.count * 2);
      grown.set(this.#indexes);
      this.#indexes = grown;
    }
    this.#indexes[this.count++] = interned === 0 ? 0 : this.#dictionaryIndex(interned);
  }

  take(): NativeData {
    const indexes = this.#indexes.slice(0, this.count);
    const dictionary = concatStrings([new Uint8Array(0), ...this.#texts]);
    for (const interned of this.#used) this.#indexOf[interned] = 0;
    this.#used = [];
    this.#texts = [];
    this.count = 0;
    return { kind: 'lowCardinality', dictionary, indexes };
  }

  #dictionaryIndex(interned: number): number {
    if (interned >= this.#indexOf.length) {
      const grown = new Uint32Array(Math.max(interned + 1, this.#indexOf.length * 2));
      grown.set(this.#indexOf);
      this.#indexOf = grown;
    }
    let index = this.#indexOf[interned];
    if (index === 0) {
      this.#texts.push(encoder.encode(this.#interner.text(interned)));
      this.#used.push(interned);
      index = this.#texts.length;
      this.#indexOf[interned] = index;
    }
    return index;
  }
}

/** Ids as hex: FixedString columns. An all-zero id is zeros like any other. */
export class HexColumn {
  readonly #width: number;
  /** Two digits each. */
  #pairs: Uint16Array<ArrayBuffer>;
  #at = 0;

  /** `width` in hex digits, a multiple of eight. */
  constructor(width: number) {
    this.#width = width;
    this.#pairs = new Uint16Array(width * 32);
  }

  get count(): number {
    return (this.#at * 2) / this.#width;
  }

  /** The next eight digits, of a word as read from the wire's bytes on a little-endian machine. */
  pushWord(word: number): void {
    const at = this.#at;
    if (at === this.#pairs.length) {
      const grown = new Uint16Array(at * 2);
      grown.set(this.#pairs);
      this.#pairs = grown;
    }
    const pairs = this.#pairs;
    pairs[at] = HEX_PAIRS[word & 0xff];
    pairs[at + 1] = HEX_PAIRS[(word >>> 8) & 0xff];
    pairs[at + 2] = HEX_PAIRS[(word >>> 16) & 0xff];
    pairs[at + 3] = HEX_PAIRS[word >>> 24];
    this.#at = at + 4;
  }

  pushHex(hex: string): void {
    for (let at = 0; at < this.#width; at += 8) this.pushWord(hexToWord(hex, at));
  }

  take(): NativeData {
    const pairs = this.#pairs.slice(0, this.#at);
    this.#at = 0;
    return { kind: 'fixed', width: this.#width, bytes: new Uint8Array(pairs.buffer) };
  }
}

/** Plain strings. */
export class TextColumn {
  #texts: Uint8Array[] = [];

  push(text: string): void {
    this.#texts.push(encoder.encode(text));
  }

  take(): NativeData {
    const values = concatStrings(this.#texts);
    this.#texts = [];
    return { kind: 'string', values };
  }
}

/** Length-prefixed UTF-8, as protobuf and Native have it. */
export function concatStrings(texts: readonly Uint8Array[]): { bytes: Uint8Array; byteLength: number; count: number } {
  let byteLength = 0;
  for (const text of texts) byteLength += text.length + 5;
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const text of texts) {
    let length = text.length;
    while (length >= 0x80) {
      bytes[at++] = (length & 0x7f) | 0x80;
      length >>>= 7;
    }
    bytes[at++] = length;
    bytes.set(text, at);
    at += text.length;
  }
  return { bytes, byteLength: at, count: texts.length };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Two or four words as read from the wire's bytes on a little-endian machine → hex of those bytes. */
export function wordToHex(word: number): string {
  return HEX[word & 0xff] + HEX[(word >>> 8) & 0xff] + HEX[(word >>> 16) & 0xff] + HEX[word >>> 24];
}

/** Inverse of `wordToHex` for eight hex digits at `at`. */
export function hexToWord(hex: string, at: number): number {
  const big = Number.parseInt(hex.substring(at, at + 8), 16);
  return (((big & 0xff) << 24) | ((big & 0xff00) << 8) | ((big >>> 8) & 0xff00) | (big >>> 24)) >>> 0;
}
