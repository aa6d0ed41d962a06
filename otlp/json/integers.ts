/**
 * Integers as OTLP JSON writes them: a number or a string, in full precision. A fraction or an exponent is fine as long
 * as the value is whole (ProtoJSON): 1.0 and 1e3 are integers.
 */
import { Char, failJson, type JsonCursor, numberEnd, peek, plainBytes, readNumber, readString } from './json-cursor.js';

const TWO_32 = 0x1_0000_0000;
const MINUS = 0x2d;
const ZERO = 0x30;
/** Digits that a half and their value multiply into without leaving the 53 bits of a double. */
const CHUNK_DIGITS = 6;
/** Beyond this many no exponent makes a number that fits in 64 bits, nor is it worth the memory to try. */
const MAX_EXPONENT = 400;

export interface IntegerType {
  readonly name: string;
  readonly isSigned: boolean;
  readonly bits: 32 | 64;
}

export const INT32: IntegerType = { name: 'a 32-bit integer', isSigned: true, bits: 32 };
export const UINT32: IntegerType = { name: 'an unsigned 32-bit integer', isSigned: false, bits: 32 };
export const INT64: IntegerType = { name: 'a 64-bit integer', isSigned: true, bits: 64 };
export const UINT64: IntegerType = { name: 'an unsigned 64-bit integer', isSigned: false, bits: 64 };

/** The last integer read: halves of its two's complement in 64 bits, unsigned. */
export class Integer {
  low = 0;
  high = 0;
}

export function readInteger(cursor: JsonCursor, type: IntegerType, into: Integer): void {
  const start = cursor.at;
  const bytes = delimitNumber(cursor, type.name);
  const { textStart, textEnd } = cursor;
  const isNegative = bytes[textStart] === MINUS;
  const digits = isNegative ? textStart + 1 : textStart;
  const isMagnitude = readDigits(bytes, digits, textEnd, into) || readWhole(bytes, digits, textEnd, into);
  if (!isMagnitude || !fits(into, isNegative, type)) failJson(cursor, `expected ${type.name}`, start);
  if (isNegative) negate(into);
}

/** A number, bare or in a string; answers the bytes in which it is. */
export function delimitNumber(cursor: JsonCursor, expected: string): Uint8Array {
  const start = cursor.at;
  const char = peek(cursor);
  if (char === Char.QUOTE) {
    readString(cursor);
    const bytes = plainBytes(cursor);
    const { textStart, textEnd } = cursor;
    if (textStart < textEnd && numberEnd(bytes, textStart, textEnd) === textEnd) return bytes;
  } else if (char === MINUS || (char >= ZERO && char < ZERO + 10)) {
    readNumber(cursor);
    return cursor.bytes;
  }
  return failJson(cursor, `expected ${expected}`, start);
}

/** Decimal digits of at most 64 bits; false for anything else. */
function readDigits(bytes: Uint8Array, start: number, end: number, into: Integer): boolean {
  let low = 0;
  let high = 0;
  for (let at = start; at < end; ) {
    const chunkEnd = Math.min(end, at + CHUNK_DIGITS);
    let chunk = 0;
    let scale = 1;
    for (; at < chunkEnd; at++) {
      const digit = bytes[at] - ZERO;
      if (digit < 0 || digit > 9) return false;
      chunk = chunk * 10 + digit;
      scale *= 10;
    }
    low = low * scale + chunk;
    const carry = Math.floor(low / TWO_32);
    low -= carry * TWO_32;
    high = high * scale + carry;
    if (high >= TWO_32) return false;
  }
  into.low = low;
  into.high = high;
  return true;
}

/** A number with a fraction or an exponent, if it is whole and fits in 64 bits. Rare, so BigInt may do the work. */
function readWhole(bytes: Uint8Array, start: number, end: number, into: Integer): boolean {
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + MAX_EXPONENT)));
  const match = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null || end - start > MAX_EXPONENT) return false;
  const [, whole, fraction = '', exponentText = '0'] = match;
  const digits = whole + fraction;
  const exponent = Number(exponentText) - fraction.length;
  if (/^0*$/.test(digits)) return store(0n, into);
  if (Math.abs(exponent) > MAX_EXPONENT) return false;
  const scale = 10n ** BigInt(Math.abs(exponent));
  const value = BigInt(digits);
  if (exponent >= 0) return store(value * scale, into);
  return value % scale === 0n && store(value / scale, into);
}

function store(value: bigint, into: Integer): boolean {
  if (value >> 64n !== 0n) return false;
  into.low = Number(value & 0xffff_ffffn);
  into.high = Number(value >> 32n);
  return true;
}

/** Whether a magnitude, or its negative, is within a type. */
function fits({ low, high }: Integer, isNegative: boolean, { isSigned, bits }: IntegerType): boolean {
  const top = bits === 64 ? high : low;
  if (bits === 32 && high !== 0) return false;
  if (!isSigned) return !isNegative || (low === 0 && high === 0);
  const isLeast = top === 0x8000_0000 && (bits === 32 || low === 0);
  return top < 0x8000_0000 || (isNegative && isLeast);
}

function negate(integer: Integer): void {
  const low = -integer.low >>> 0;
  integer.high = (~integer.high + (low === 0 ? 1 : 0)) >>> 0;
  integer.low = low;
}
