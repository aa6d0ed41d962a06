/** Strings one after the other in the layout that protobuf and ClickHouse Native share. */

import { SpanFlag, type VarStrings } from './span-block.js';
import { cutUtf8, isValidUtf8, repairUtf8 } from './utf8.js';

const INITIAL_BYTES = 16 * 1024;
/** What a column keeps over a reset; what an exceptional batch needed beyond it is given back. */
const MAX_KEPT_BYTES = 256 * 1024 * 1024;
const HIGH_BITS = 0x80808080 | 0;
/** Longest LEB128 length prefix: JavaScript buffers are shorter than 2^35 bytes. */
const MAX_PREFIX_BYTES = 5;

export class StringColumn implements VarStrings {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(INITIAL_BYTES);
  byteLength = 0;
  count = 0;
  /** Where the text of the last string begins, after its length prefix. */
  textStart = 0;
  #view = new DataView(this.bytes.buffer);

  /** Makes room for `extra` more bytes; may replace `bytes`. */
  reserve(extra: number): void {
    const needed = this.byteLength + extra;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.byteLength));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  appendEmpty(): void {
    if (this.byteLength === this.bytes.length) this.reserve(1);
    this.bytes[this.byteLength++] = 0;
    this.textStart = this.byteLength;
    this.count++;
  }

  /**
   * Appends `source[start, end)`, of which `view` is a view, cut to `maxBytes`, invalid UTF-8 repaired; answers the
   * SpanFlag bits of what had to be done. The common case, short ASCII, is one pass of word copies.
   */
  append(source: Uint8Array, view: DataView, start: number, end: number, maxBytes: number): number {
    if (end - start > maxBytes) return this.#appendCut(source, view, start, maxBytes);
    let at = this.#openString(end - start);
    let high = 0;
    let from = start;
    const { bytes } = this;
    const out = this.#view;
    for (const last = end - 4; from <= last; from += 4, at += 4) {
      const word = view.getInt32(from, true);
      high |= word;
      out.setInt32(at, word, true);
    }
    for (; from < end; from++, at++) {
      const byte = source[from];
      high |= byte;
      bytes[at] = byte;
    }
    if ((high & HIGH_BITS) !== 0 && !isValidUtf8(source, start, end)) {
      return this.#appendRepaired(source, start, end, maxBytes);
    }
    this.byteLength = at;
    this.count++;
    return 0;
  }

  /** Appends bytes known to be valid UTF-8. */
  appendValid(source: Uint8Array, start: number, end: number): void {
    const at = this.#openString(end - start);
    this.bytes.set(source.subarray(start, end), at);
    this.byteLength = at + end - start;
    this.count++;
  }

  /** Appends text known to be ASCII. */
  appendAscii(text: string): void {
    let at = this.#openString(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[at++] = text.charCodeAt(i);
    this.byteLength = at;
    this.count++;
  }

  /** Appends a whole number below 2^31 in decimal. */
  appendSmallInt(value: number): void {
    let digits = 1;
    for (let bound = 10; digits < 10 && value >= bound; bound *= 10) digits++;
    const start = this.#openString(digits);
    let rest = value | 0;
    for (let at = start + digits - 1; at >= start; at--) {
      const tenth = (rest / 10) | 0;
      this.bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    this.byteLength = start + digits;
    this.count++;
  }

  truncate(byteLength: number, count: number): void {
    this.byteLength = byteLength;
    this.count = count;
  }

  reset(): void {
    this.truncate(0, 0);
    if (this.bytes.length > MAX_KEPT_BYTES) {
      this.bytes = new Uint8Array(INITIAL_BYTES);
      this.#view = new DataView(this.bytes.buffer);
    }
  }

  /** Writes the length prefix and makes room; answers where the text goes. `byteLength` stays for the caller to move. */
  #openString(length: number): number {
    this.reserve(length + MAX_PREFIX_BYTES);
    let at = this.byteLength;
    let rest = length;
    for (; rest > 127; rest >>>= 7) this.bytes[at++] = (rest & 127) | 128;
    this.bytes[at++] = rest;
    this.textStart = at;
    return at;
  }

  #appendCut(source: Uint8Array, view: DataView, start: number, maxBytes: number): number {
    const end = cutUtf8(source, start, start + maxBytes);
    return SpanFlag.ATTRIBUTES_CUT | this.append(source, view, start, end, maxBytes);
  }

  #appendRepaired(source: Uint8Array, start: number, end: number, maxBytes: number): number {
    const repaired = repairUtf8(source, start, end);
    const isTooLong = repaired.length > maxBytes;
    this.appendValid(repaired, 0, isTooLong ? cutUtf8(repaired, 0, maxBytes) : repaired.length);
    return isTooLong ? SpanFlag.INVALID_UTF8 | SpanFlag.ATTRIBUTES_CUT : SpanFlag.INVALID_UTF8;
  }
}
