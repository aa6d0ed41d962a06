/**
 * Reading the protobuf wire format by position. Functions take and answer positions, so that hot loops keep theirs in a
 * local; what else a read yields is left in the cursor. Nothing throws and nothing allocates: `MALFORMED` (-1) stands
 * for bytes that cannot be read, and the cursor then says why and where.
 *
 *   message := (tag value)*                      tag := varint of (field number << 3 | wire type)
 *   wire type 0 VARINT   up to 10 bytes, 7 bits each, least significant group first
 *             1 FIXED64  8 bytes, little-endian
 *             2 LENGTH   varint byte length, then that many bytes
 *             5 FIXED32  4 bytes, little-endian
 *             3, 4       groups, refused (checklist 23); 6, 7 do not exist
 *
 * Tags and lengths may be written in more bytes than they need (up to 10), as Go and Java accept it; their value must
 * fit in 32 bits. Every read is given the end of its message and never goes beyond it.
 */

export const MALFORMED = -1;

export const WireType = { VARINT: 0, FIXED64: 1, LENGTH: 2, FIXED32: 5 } as const;

/** Values of `WireCursor.error`. */
export const WireError = {
  NONE: 0,
  /** A value runs beyond its message. */
  TRUNCATED: 1,
  VARINT_TOO_LONG: 2,
  LENGTH_OUT_OF_RANGE: 3,
  /** Field number 0, or a tag of more than 32 bits. */
  BAD_TAG: 4,
  GROUP: 5,
  BAD_WIRE_TYPE: 6,
  /** A known field with another wire type than its own. */
  WRONG_WIRE_TYPE: 7,
} as const;

const REASONS = [
  '',
  'a value runs beyond the end of its message',
  'a varint takes more than 10 bytes',
  'a length reaches beyond the end of its message',
  'a tag has field number 0 or more than 32 bits',
  'a group, which OTLP does not use',
  'a wire type that does not exist',
  'a known field has the wrong wire type',
];

const NO_BYTES = new Uint8Array(0);

export class WireCursor {
  bytes: Uint8Array = NO_BYTES;
  /** Halves of the last varint, signed. */
  low = 0;
  high = 0;
  /** Where the last length-delimited field that was opened ends. */
  fieldEnd = 0;
  error: number = WireError.NONE;
  /** Where the item that could not be read starts. */
  errorOffset = 0;

  open(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.low = 0;
    this.high = 0;
    this.fieldEnd = 0;
    this.error = WireError.NONE;
    this.errorOffset = 0;
  }

  /** A body may be large: not to be kept alive by an idle cursor. */
  close(): void {
    this.bytes = NO_BYTES;
  }
}

/** Notes why and where; always `MALFORMED`, so that readers can return it. */
export function fail(cursor: WireCursor, error: number, offset: number): number {
  cursor.error = error;
  cursor.errorOffset = offset;
  return MALFORMED;
}

/** The failure in words; '' if there was none. */
export function describeFailure(cursor: WireCursor): string {
  return cursor.error === WireError.NONE ? '' : `${REASONS[cursor.error]} (at byte ${cursor.errorOffset})`;
}

/** A varint of up to 64 bits into `low` and `high`; answers where it ends. */
export function readVarint(cursor: WireCursor, start: number, end: number): number {
  const { bytes } = cursor;
  let at = start;
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= end) return fail(cursor, WireError.TRUNCATED, start);
    const byte = bytes[at++];
    const group = byte & 0x7f;
    if (shift < 28) low |= group << shift;
    else if (shift > 28) high |= group << (shift - 32);
    else {
      low |= group << 28;
      high = group >>> 4;
    }
    if (byte < 0x80) {
      cursor.low = low;
      cursor.high = high;
      return at;
    }
  }
  return fail(cursor, WireError.VARINT_TOO_LONG, start);
}

/** A tag into `low`: field number in `low >>> 3`, wire type in `low & 7`. Answers where it ends. */
export function readTag(cursor: WireCursor, start: number, end: number): number {
  const at = readVarint(cursor, start, end);
  if (at < 0) return at;
  return cursor.high !== 0 || cursor.low >>> 3 === 0 ? fail(cursor, WireError.BAD_TAG, start) : at;
}

/** The length of a length-delimited field: answers where its content starts and sets `fieldEnd`. */
export function openField(cursor: WireCursor, start: number, end: number): number {
  const { bytes } = cursor;
  // Nearly every field is shorter than 128 bytes.
  if (start < end && bytes[start] < 0x80) {
    const fieldEnd = start + 1 + bytes[start];
    if (fieldEnd > end) return fail(cursor, WireError.LENGTH_OUT_OF_RANGE, start);
    cursor.fieldEnd = fieldEnd;
    return start + 1;
  }
  const at = readVarint(cursor, start, end);
  if (at < 0) return at;
  const length = cursor.low >>> 0;
  if (cursor.high !== 0 || length > end - at) return fail(cursor, WireError.LENGTH_OUT_OF_RANGE, start);
  cursor.fieldEnd = at + length;
  return at;
}

/** Answers where the value of the given wire type, which begins at `start`, ends. */
export function skipValue(cursor: WireCursor, wireType: number, start: number, end: number): number {
  switch (wireType) {
    case WireType.VARINT:
      return readVarint(cursor, start, end);
    case WireType.FIXED64:
      return start + 8 <= end ? start + 8 : fail(cursor, WireError.TRUNCATED, start);
    case WireType.LENGTH:
      return openField(cursor, start, end) < 0 ? MALFORMED : cursor.fieldEnd;
    case WireType.FIXED32:
      return start + 4 <= end ? start + 4 : fail(cursor, WireError.TRUNCATED, start);
    default:
      return fail(cursor, wireType > WireType.FIXED32 ? WireError.BAD_WIRE_TYPE : WireError.GROUP, start);
  }
}

/** Little-endian 32-bit word at an offset the caller has checked, signed. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
