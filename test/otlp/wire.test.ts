import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import {
  describeFailure,
  MALFORMED,
  openField,
  readTag,
  readVarint,
  skipValue,
  WireCursor,
  WireError,
  WireType,
  wordAt,
} from '../../otlp/wire.js';
import {
  beginDelimited,
  endDelimited,
  varintSize,
  WireWriter,
  writeBytes,
  writeDelimited,
  writeDouble,
  writeFixed32,
  writeFixed64,
  writeText,
  writeVarint,
  writeVarint64,
  writtenBytes,
} from '../../otlp/wire-writer.js';
import { hex } from './message-bytes.js';

function cursorOf(bytes: Uint8Array): WireCursor {
  const cursor = new WireCursor();
  cursor.open(bytes);
  return cursor;
}

function varintOf(bytes: Uint8Array): bigint {
  const cursor = cursorOf(bytes);
  expect(readVarint(cursor, 0, bytes.length)).toBe(bytes.length);
  return (BigInt(cursor.high >>> 0) << 32n) | BigInt(cursor.low >>> 0);
}

describe('reading varints', () => {
  test.each([
    ['00', 0n],
    ['7f', 127n],
    ['8001', 128n],
    ['ffffffff0f', 2n ** 32n - 1n],
    ['8080808010', 2n ** 32n],
    ['ffffffffffffff7f', 2n ** 56n - 1n],
    ['ffffffffffffffffff01', 2n ** 64n - 1n],
    ['8000', 0n],
    ['80808080808080808000', 0n],
  ])('%s is %s', (bytes, value) => {
    expect(varintOf(hex(bytes))).toBe(value);
  });

  test('all 64-bit values read as protobufjs wrote them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        expect(varintOf(protobuf.Writer.create().uint64(String(value)).finish())).toBe(value);
      }),
    );
  });

  test('23: a varint of 11 bytes is refused where it starts', () => {
    const cursor = cursorOf(hex('00 8080808080808080808001'));
    expect(readVarint(cursor, 1, 12)).toBe(MALFORMED);
    expect([cursor.error, cursor.errorOffset]).toEqual([WireError.VARINT_TOO_LONG, 1]);
  });

  test('23: a varint does not run into what follows its message', () => {
    const cursor = cursorOf(hex('80 01'));
    expect(readVarint(cursor, 0, 1)).toBe(MALFORMED);
    expect(cursor.error).toBe(WireError.TRUNCATED);
  });
});

describe('reading fields', () => {
  test('a tag may take more bytes than it needs', () => {
    const cursor = cursorOf(hex('8a8000'));
    expect(readTag(cursor, 0, 3)).toBe(3);
    expect(cursor.low).toBe(10);
  });

  test.each([
    ['field number 0', '02'],
    ['field number 0 in two bytes', '8200'],
    ['33 bits', '8a80808010'],
  ])('a tag of %s is refused', (_, bytes) => {
    const cursor = cursorOf(hex(bytes));
    expect(readTag(cursor, 0, cursor.bytes.length)).toBe(MALFORMED);
    expect(cursor.error).toBe(WireError.BAD_TAG);
  });

  test('23: a length may reach the end of its message and not one byte further', () => {
    const bytes = hex('02 aabb cc');
    const cursor = cursorOf(bytes);
    expect(openField(cursor, 0, 3)).toBe(1);
    expect(cursor.fieldEnd).toBe(3);
    expect(openField(cursor, 0, 2)).toBe(MALFORMED);
    expect(describeFailure(cursor)).toBe('a length reaches beyond the end of its message (at byte 0)');
  });

  test.each(['ffffffff0f', '8080808010', 'ffffffffffffffffff01'])('23: the length %s is beyond any message', bytes => {
    const cursor = cursorOf(hex(`${bytes}0000`));
    expect(openField(cursor, 0, cursor.bytes.length)).toBe(MALFORMED);
    expect(cursor.error).toBe(WireError.LENGTH_OUT_OF_RANGE);
  });

  test.each([
    [WireType.VARINT, '8001', 2],
    [WireType.FIXED64, '0000000000000000', 8],
    [WireType.LENGTH, '020000', 3],
    [WireType.FIXED32, '00000000', 4],
  ])(
    'a value of wire type %i in %s is passed over, and not if its last byte is missing',
    (wireType, bytes, byteCount) => {
      expect(skipValue(cursorOf(hex(bytes)), wireType, 0, byteCount)).toBe(byteCount);
      expect(skipValue(cursorOf(hex(bytes)), wireType, 0, byteCount - 1)).toBe(MALFORMED);
    },
  );

  test.each([
    [3, WireError.GROUP],
    [4, WireError.GROUP],
    [6, WireError.BAD_WIRE_TYPE],
    [7, WireError.BAD_WIRE_TYPE],
  ])('23: wire type %i is refused', (wireType, error) => {
    const cursor = cursorOf(hex('0000'));
    expect(skipValue(cursor, wireType, 0, 2)).toBe(MALFORMED);
    expect(cursor.error).toBe(error);
  });

  test('words are little-endian and signed', () => {
    expect(wordAt(hex('00 01020380'), 1)).toBe(-0x7ffcfdff);
  });
});

describe('writing', () => {
  test('varints of 32 and 64 bits are as protobufjs writes them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), value => {
        const writer = new WireWriter();
        const low = Number(value & 0xffff_ffffn);
        writeVarint64(writer, low, Number(value >> 32n));
        writeVarint(writer, low);
        const expected = protobuf.Writer.create().uint64(String(value)).uint32(low).finish();
        expect(Buffer.from(writtenBytes(writer))).toEqual(Buffer.from(expected));
      }),
    );
  });

  test.each([
    [0, 1],
    [127, 1],
    [128, 2],
    [16383, 2],
    [16384, 3],
    [2 ** 21, 4],
    [2 ** 28 - 1, 4],
    [2 ** 28, 5],
    [2 ** 32 - 1, 5],
  ])('%i takes %i bytes', (value, byteCount) => {
    expect(varintSize(value)).toBe(byteCount);
    const writer = new WireWriter();
    writeVarint(writer, value);
    expect(writer.length).toBe(byteCount);
  });

  test('fixed widths, doubles and text', () => {
    const writer = new WireWriter();
    writeFixed32(writer, 0xfedcba98);
    writeFixed64(writer, 1, 0x80000000);
    writeDouble(writer, -1.5);
    writeText(writer, 'é\ud800');
    expect(Buffer.from(writtenBytes(writer)).toString('hex')).toBe(
      '98badcfe' + '0100000000000080' + '000000000000f8bf' + '05c3a9efbfbd',
    );
  });

  test.each([0, 1, 47, 48, 49, 127, 128, 16383, 16384])(
    '%i bytes are copied whole and delimited by their length',
    byteCount => {
      const source = Uint8Array.from({ length: byteCount + 2 }, (_, index) => index * 7);
      const writer = new WireWriter();
      writeDelimited(writer, source, 1, byteCount + 1);
      writeVarint(writer, 1);
      const content = beginDelimited(writer);
      writeBytes(writer, source, 1, byteCount + 1);
      endDelimited(writer, content);
      const once = Buffer.from(
        protobuf.Writer.create()
          .bytes(source.slice(1, byteCount + 1))
          .finish(),
      );
      expect(Buffer.from(writtenBytes(writer))).toEqual(Buffer.concat([once, Buffer.from([1]), once]));
    },
  );
});
