/**
 * Writing the protobuf wire format into one growing buffer. A writer holds state only. What has been written is
 * borrowed: the next write may move it.
 */

/** Up to here a loop is faster than a view and a native copy. */
const SHORT = 48;

const NO_BYTES = new Uint8Array(0);
const encoder = new TextEncoder();
const doubleHalves = new DataView(new ArrayBuffer(8));

export class WireWriter {
  bytes: Uint8Array;
  length = 0;

  constructor(initialBytes = 0) {
    this.bytes = initialBytes === 0 ? NO_BYTES : new Uint8Array(initialBytes);
  }
}

/** Makes room for `byteCount` more bytes. */
export function reserve(writer: WireWriter, byteCount: number): void {
  const needed = writer.length + byteCount;
  if (needed > writer.bytes.length) grow(writer, needed);
}

function grow(writer: WireWriter, needed: number): void {
  const larger = new Uint8Array(Math.max(256, needed, writer.bytes.length * 2));
  larger.set(writer.bytes.subarray(0, writer.length));
  writer.bytes = larger;
}

/** A copy of what has been written. */
export function writtenBytes(writer: WireWriter): Uint8Array {
  return writer.bytes.slice(0, writer.length);
}

/** Bytes that `value` (0 to 2^32 - 1) takes as a varint. */
export function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Writes a varint (0 to 2^32 - 1) where there is room for it; returns the offset after it. */
export function putVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** A varint of 0 to 2^32 - 1. Also writes tags (`field << 3 | wire type`) and lengths. */
export function writeVarint(writer: WireWriter, value: number): void {
  reserve(writer, 5);
  writer.length = putVarint(writer.bytes, writer.length, value);
}

/** A varint of 64 bits, from its halves. */
export function writeVarint64(writer: WireWriter, low: number, high: number): void {
  reserve(writer, 10);
  let at = writer.length;
  let lowRest = low >>> 0;
  let highRest = high >>> 0;
  while (highRest !== 0 || lowRest > 0x7f) {
    writer.bytes[at++] = (lowRest & 0x7f) | 0x80;
    lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
    highRest >>>= 7;
  }
  writer.bytes[at++] = lowRest;
  writer.length = at;
}

export function writeFixed32(writer: WireWriter, value: number): void {
  reserve(writer, 4);
  const { bytes } = writer;
  const at = writer.length;
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  writer.length = at + 4;
}

export function writeFixed64(writer: WireWriter, low: number, high: number): void {
  writeFixed32(writer, low);
  writeFixed32(writer, high);
}

export function writeDouble(writer: WireWriter, value: number): void {
  doubleHalves.setFloat64(0, value, true);
  writeFixed64(writer, doubleHalves.getUint32(0, true), doubleHalves.getUint32(4, true));
}

/** `source[start, end)` as it is. */
export function writeBytes(writer: WireWriter, source: Uint8Array, start = 0, end = source.length): void {
  const byteCount = end - start;
  reserve(writer, byteCount);
  if (byteCount > SHORT) writer.bytes.set(source.subarray(start, end), writer.length);
  else {
    const { bytes, length } = writer;
    for (let index = 0; index < byteCount; index++) bytes[length + index] = source[start + index];
  }
  writer.length += byteCount;
}

/** Length, then `source[start, end)`. */
export function writeDelimited(writer: WireWriter, source: Uint8Array, start = 0, end = source.length): void {
  writeVarint(writer, end - start);
  writeBytes(writer, source, start, end);
}

/** Length, then `text` in UTF-8; lone surrogates become U+FFFD. */
export function writeText(writer: WireWriter, text: string): void {
  writeDelimited(writer, encoder.encode(text));
}

/**
 * Starts a length-delimited value whose length is not known yet: leaves one byte for it and returns where the content
 * starts, for `endDelimited`. Content of 128 bytes or more is moved once when it ends.
 */
export function beginDelimited(writer: WireWriter): number {
  reserve(writer, 1);
  writer.length += 1;
  return writer.length;
}

/** Writes the length of the content that began at `contentStart`. */
export function endDelimited(writer: WireWriter, contentStart: number): void {
  const length = writer.length - contentStart;
  const extra = varintSize(length) - 1;
  if (extra > 0) {
    reserve(writer, extra);
    writer.bytes.copyWithin(contentStart + extra, contentStart, writer.length);
    writer.length += extra;
  }
  putVarint(writer.bytes, contentStart - 1, length);
}
