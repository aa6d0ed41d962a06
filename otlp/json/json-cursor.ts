/**
 * Reading JSON (RFC 8259) token by token, straight from bytes. Between tokens the cursor stands on a byte that is no
 * white space. A string or number is only delimited (`textStart`, `textEnd`): what it means depends on the field that
 * it is for. Errors are thrown, since the first one ends the request; they name the field and the byte.
 */
import { OtlpDecodeError } from '../errors.js';
import { decodeUtf8, encodeUtf8 } from '../utf8.js';
import { JsonPath } from './json-path.js';

export const Char = {
  QUOTE: 0x22,
  COMMA: 0x2c,
  COLON: 0x3a,
  OPEN_BRACKET: 0x5b,
  CLOSE_BRACKET: 0x5d,
  OPEN_BRACE: 0x7b,
  CLOSE_BRACE: 0x7d,
} as const;

const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const SPACE = 0x20;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const LOWER_U = 0x75;
const LOWER_E = 0x65;
const UPPER_CASE = 0x20;
/** After a backslash: the seven short escapes; `u` is apart. */
const ESCAPES = new Set([...'"\\/bfnrt'].map(char => char.charCodeAt(0)));
const HEX_DIGITS = new Set([...'0123456789abcdefABCDEF'].map(char => char.charCodeAt(0)));
const END = -1;

export class JsonCursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly path = new JsonPath();
  at: number;
  /** The last string (without its quotes) or number. */
  textStart = 0;
  textEnd = 0;
  /** Of the last string. */
  hasEscapes = false;
  isAscii = true;

  /** A byte order mark at the start is passed over. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    skipSpace(this);
  }
}

export function failJson(cursor: JsonCursor, reason: string, offset = cursor.at): never {
  const place = cursor.path.toString();
  throw new OtlpDecodeError(`${place === '' ? '' : `${place}: `}${reason} (at byte ${offset})`);
}

/** The byte that the cursor stands on, -1 at the end. */
export function peek(cursor: JsonCursor): number {
  return cursor.at < cursor.end ? cursor.bytes[cursor.at] : END;
}

/** Passes over one byte of punctuation if it is the given one. */
export function accept(cursor: JsonCursor, char: number): boolean {
  if (peek(cursor) !== char) return false;
  cursor.at++;
  skipSpace(cursor);
  return true;
}

export function expect(cursor: JsonCursor, char: number): void {
  if (accept(cursor, char)) return;
  const found = cursor.at < cursor.end ? 'another character' : 'the end';
  failJson(cursor, `expected ${JSON.stringify(String.fromCharCode(char))}, found ${found}`);
}

export function isAtEnd(cursor: JsonCursor): boolean {
  return cursor.at >= cursor.end;
}

/** A string: delimits its text. */
export function readString(cursor: JsonCursor): void {
  const { bytes, end } = cursor;
  if (peek(cursor) !== Char.QUOTE) failJson(cursor, 'expected a string');
  let at = cursor.at + 1;
  let bits = 0;
  cursor.textStart = at;
  cursor.hasEscapes = false;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte === Char.QUOTE) {
      cursor.textEnd = at;
      cursor.isAscii = bits < 0x80;
      cursor.at = at + 1;
      skipSpace(cursor);
      return;
    }
    bits |= byte;
    if (byte === BACKSLASH) at = escapeEnd(cursor, at);
    else if (byte < SPACE) failJson(cursor, 'a control character in a string', at);
  }
  failJson(cursor, 'a string without an end');
}

/** The last byte of the escape that begins at `start`. */
function escapeEnd(cursor: JsonCursor, start: number): number {
  const { bytes } = cursor;
  const kind = bytes[start + 1];
  cursor.hasEscapes = true;
  if (kind === LOWER_U && [2, 3, 4, 5].every(digit => HEX_DIGITS.has(bytes[start + digit]))) return start + 5;
  if (!ESCAPES.has(kind)) failJson(cursor, 'a bad escape in a string', start);
  return start + 1;
}

/** The last string, escapes resolved and invalid UTF-8 replaced. Allocates. */
export function textOf(cursor: JsonCursor): string {
  const raw = decodeUtf8(cursor.bytes, cursor.textStart, cursor.textEnd);
  return cursor.hasEscapes ? (JSON.parse(`"${raw}"`) as string) : raw;
}

/**
 * Where the text of the last string is with its escapes resolved, for ids and numbers: nobody needs escapes there, but
 * they are JSON. `textStart` and `textEnd` are positions in the answer.
 */
export function plainBytes(cursor: JsonCursor): Uint8Array {
  if (!cursor.hasEscapes) return cursor.bytes;
  const bytes = encodeUtf8(textOf(cursor));
  cursor.hasEscapes = false;
  cursor.textStart = 0;
  cursor.textEnd = bytes.length;
  return bytes;
}

/** A number: delimits its text. */
export function readNumber(cursor: JsonCursor): void {
  const start = cursor.at;
  const end = numberEnd(cursor.bytes, start, cursor.end);
  if (end === start) failJson(cursor, 'expected a number');
  cursor.textStart = start;
  cursor.textEnd = end;
  cursor.at = end;
  skipSpace(cursor);
}

/** Where the number that begins at `start` ends; `start` if there is none. */
export function numberEnd(bytes: Uint8Array, start: number, end: number): number {
  const integer = start < end && bytes[start] === MINUS ? start + 1 : start;
  let at = digitsEnd(bytes, integer, end);
  if (at === integer || (bytes[integer] === ZERO && at > integer + 1)) return start;
  if (at < end && bytes[at] === DOT) {
    const fraction = at + 1;
    at = digitsEnd(bytes, fraction, end);
    if (at === fraction) return start;
  }
  if (at < end && (bytes[at] | UPPER_CASE) === LOWER_E) {
    const hasSign = at + 1 < end && (bytes[at + 1] === PLUS || bytes[at + 1] === MINUS);
    const exponent = hasSign ? at + 2 : at + 1;
    at = digitsEnd(bytes, exponent, end);
    if (at === exponent) return start;
  }
  return at;
}

function digitsEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] - ZERO) >>> 0 < 10) at++;
  return at;
}

/** `true`, `false` or `null`, if that is what comes. */
export function acceptWord(cursor: JsonCursor, word: 'true' | 'false' | 'null'): boolean {
  const { bytes, at } = cursor;
  if (bytes[at] !== word.charCodeAt(0) || cursor.end - at < word.length) return false;
  for (let index = 0; index < word.length; index++) {
    if (bytes[at + index] !== word.charCodeAt(index)) return false;
  }
  cursor.at = at + word.length;
  skipSpace(cursor);
  return true;
}

function skipSpace(cursor: JsonCursor): void {
  const { bytes, end } = cursor;
  let { at } = cursor;
  // Compact JSON has none.
  while (at < end && bytes[at] <= SPACE && isSpace(bytes[at])) at++;
  cursor.at = at;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;
}
