/** JSON written as UTF-8 bytes: what attributes, events and links look like where a column holds text. */

import { SpanFlag } from './span-block.js';
import { cutUtf8, encodeUtf8, isValidUtf8, repairUtf8 } from './utf8.js';

const INITIAL_BYTES = 4096;
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** Bytes of the longest escape, \u0000. */
const ESCAPE_BYTES = 6;
const HEX_DIGITS = encodeUtf8('0123456789abcdef');

/** The letter after the backslash for control characters that have a short escape, else 0. */
const SHORT_ESCAPES = (() => {
  const letters = new Uint8Array(0x20);
  for (const [character, letter] of Object.entries({ '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r' })) {
    letters[character.charCodeAt(0)] = letter.charCodeAt(0);
  }
  return letters;
})();

/** A text under construction; reused. */
export class JsonText {
  bytes: Uint8Array = new Uint8Array(INITIAL_BYTES);
  length = 0;

  reset(): void {
    this.length = 0;
    if (this.bytes.length > MAX_KEPT_BYTES) this.bytes = new Uint8Array(INITIAL_BYTES);
  }

  /** One ASCII character. */
  character(code: number): void {
    this.#reserve(1);
    this.bytes[this.length++] = code;
  }

  /** ASCII as it is: punctuation, numbers, names that need no escapes. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  /**
   * A string in quotes: `source[start, end)`, cut to `maxBytes`, invalid UTF-8 repaired; answers the SpanFlag bits of
   * what had to be done. Escapes as JSON.stringify does.
   */
  string(source: Uint8Array, start: number, end: number, maxBytes: number): number {
    if (end - start > maxBytes) {
      const cut = cutUtf8(source, start, start + maxBytes);
      return SpanFlag.ATTRIBUTES_CUT | this.string(source, start, cut, maxBytes);
    }
    this.#reserve((end - start) * ESCAPE_BYTES + 2);
    const { bytes } = this;
    let to = this.length;
    let high = 0;
    bytes[to++] = QUOTE;
    for (let at = start; at < end; at++) {
      const byte = source[at];
      high |= byte;
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) to = writeEscape(bytes, to, byte);
      else bytes[to++] = byte;
    }
    if (high > 0x7f && !isValidUtf8(source, start, end)) {
      const repaired = repairUtf8(source, start, end);
      return SpanFlag.INVALID_UTF8 | this.string(repaired, 0, repaired.length, maxBytes);
    }
    bytes[to++] = QUOTE;
    this.length = to;
    return 0;
  }

  /** The unsigned 64-bit number of two halves in decimal. */
  unsigned(low: number, high: number): void {
    // Six digits at a time: every quotient and remainder below is a whole number under 2^53.
    const upper = high >>> 0;
    const upperRest = upper % 1e6;
    const middle = upperRest * 0x1_0000_0000 + (low >>> 0);
    const lastDigits = middle % 1e6;
    const quotient = Math.floor(upper / 1e6) * 0x1_0000_0000 + Math.floor(middle / 1e6);
    if (quotient === 0) this.ascii(String(lastDigits));
    else {
      this.ascii(String(quotient));
      this.ascii(String(lastDigits).padStart(6, '0'));
    }
  }

  /** Lower-case hex digits of `source[start, end)`. */
  hex(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * 2);
    for (let at = start; at < end; at++) {
      this.bytes[this.length++] = HEX_DIGITS[source[at] >>> 4];
      this.bytes[this.length++] = HEX_DIGITS[source[at] & 15];
    }
  }

  #reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** Writes the escape for `byte` at `to`; answers where it ends. */
function writeEscape(bytes: Uint8Array, to: number, byte: number): number {
  bytes[to] = BACKSLASH;
  bytes[to + 1] = byte < 0x20 ? SHORT_ESCAPES[byte] : byte;
  if (bytes[to + 1] !== 0) return to + 2;
  bytes[to + 1] = LETTER_U;
  bytes[to + 2] = HEX_DIGITS[0];
  bytes[to + 3] = HEX_DIGITS[0];
  bytes[to + 4] = HEX_DIGITS[byte >>> 4];
  bytes[to + 5] = HEX_DIGITS[byte & 15];
  return to + ESCAPE_BYTES;
}
