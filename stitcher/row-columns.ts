/** Growing columns for the rows of `trace_revisions`: one push per trace (or per path section), no objects per row. */
import type { NativeData } from '../store/index.js';
import type { Interner } from './interner.js';

const encoder = new TextEncoder();

/** Fixed-width numbers in insertion order. */
export class NumberColumn {
  #values: Uint8Array | Uint16Array | Uint32Array | BigInt64Array | BigUint64Array;
  count = 0;

  constructor(array: Uint8Array | Uint16Array | Uint32Array | BigInt64Array | BigUint64Array) {
    this.#values = array;
  }

  push(value: number): void {
    if (this.count === this.#values.length) this.#grow();
    (this.#values as Uint32Array)[this.count++] = value;
  }

  pushBig(value: bigint): void {
    if (this.count === this.#values.length) this.#grow();
    (this.#values as BigUint64Array)[this.count++] = value;
  }

  take(): NativeData {
    const values = this.#values.slice(0, this.count);
    const width = values.BYTES_PER_ELEMENT;
    this.count = 0;
    return { kind: 'fixed', width, bytes: new Uint8Array(values.buffer) };
  }

  #grow(): void {
    const Columns = this.#values.constructor as new (length: number) => Uint32Array;
    const grown = new Columns(Math.max(64, this.#values.length * 2));
    grown.set(this.#values as Uint32Array);
    this.#values = grown;
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

/** Ids as hex: FixedString columns. An all-zero id is 16 NUL-free zeros like any other. */
export class HexColumn {
  readonly #width: number;
  #bytes: Buffer;
  count = 0;

  /** `width` in hex digits. */
  constructor(width: number) {
    this.#width = width;
    this.#bytes = Buffer.alloc(width * 64);
  }

  push(hex: string): void {
    if ((this.count + 1) * this.#width > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], this.#bytes.length * 2);
    }
    this.#bytes.write(hex, this.count * this.#width, this.#width, 'latin1');
    this.count++;
  }

  take(): NativeData {
    const bytes = new Uint8Array(this.#bytes.subarray(0, this.count * this.#width));
    this.count = 0;
    return { kind: 'fixed', width: this.#width, bytes };
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
function concatStrings(texts: readonly Uint8Array[]): { bytes: Uint8Array; byteLength: number; count: number } {
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
