import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnyTag, cutScalar, int64Text, openAnyValue, openKeyValue, scalarText } from '../../otlp/any-value.js';
import { lastField, nextField, PayloadCursor } from '../../otlp/payload-cursor.js';
import { concat, field, hex, text, varint, varintField } from './message-bytes.js';

/** A cursor over the bytes, which stand between others that must not be looked at. */
function over(bytes: Uint8Array): { cursor: PayloadCursor; start: number; end: number } {
  const cursor = new PayloadCursor();
  cursor.open(concat(hex('ffff'), bytes, hex('ffff')));
  return { cursor, start: 2, end: 2 + bytes.length };
}

function keyValueOf(bytes: Uint8Array): [string, string] | undefined {
  const { cursor, start, end } = over(bytes);
  if (!openKeyValue(cursor, start, end)) return undefined;
  const part = (from: number, to: number): string => Buffer.from(cursor.bytes.subarray(from, to)).toString('latin1');
  return [part(cursor.keyStart, cursor.keyEnd), part(cursor.anyStart, cursor.anyEnd)];
}

function memberOf(bytes: Uint8Array): [tag: number, content: string] | undefined {
  const { cursor, start, end } = over(bytes);
  if (!openAnyValue(cursor, start, end)) return undefined;
  return [cursor.valueTag, Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd)).toString('hex')];
}

describe('openKeyValue', () => {
  const [key, value] = [field(1, text('key')), field(2, text('value'))];

  test.each([
    ['key and value', concat(key, value), ['key', 'value']],
    ['value and key', concat(value, key), ['key', 'value']],
    ['a key alone', key, ['key', '']],
    ['a value alone', value, ['', 'value']],
    ['nothing', hex(''), ['', '']],
    [
      'a key of 127 and a value of 127 bytes',
      concat(field(1, text('k'.repeat(127))), field(2, text('v'.repeat(127)))),
      ['k'.repeat(127), 'v'.repeat(127)],
    ],
    [
      'a key of 128 and a value of 128 bytes',
      concat(field(1, text('k'.repeat(128))), field(2, text('v'.repeat(128)))),
      ['k'.repeat(128), 'v'.repeat(128)],
    ],
    ['an unknown field after the value', concat(key, value, varintField(9, 1)), ['key', 'value']],
    ['two values', concat(key, value, field(2, text('last'))), ['key', 'last']],
  ])('finds %s', (_, bytes, expected) => {
    expect(keyValueOf(bytes)).toEqual(expected);
  });

  test.each(['0a', '0a05', '0a0161 12', '0a0161 1205', '0a0161 120161 08', '0a80', '0b', '02', '0a0161 1280'])(
    'refuses %s',
    bytes => {
      expect(keyValueOf(hex(bytes))).toBeUndefined();
    },
  );
});

describe('openAnyValue', () => {
  test.each([
    ['nothing', hex(''), [AnyTag.NONE, '']],
    ['an empty string', hex('0a00'), [AnyTag.STRING, '']],
    ['a string', hex('0a026162'), [AnyTag.STRING, '6162']],
    ['a string of 128 bytes', field(1, text('a'.repeat(128))), [AnyTag.STRING, '61'.repeat(128)]],
    ['a bool', hex('1001'), [AnyTag.BOOL, '01']],
    ['an int of 10 bytes', hex('18ffffffffffffffffff01'), [AnyTag.INT, 'ffffffffffffffffff01']],
    ['a double', hex('210102030405060708'), [AnyTag.DOUBLE, '0102030405060708']],
    ['the last of two members', hex('0a0161 1002'), [AnyTag.BOOL, '02']],
    ['a member before an unknown field', hex('0a0161 4801'), [AnyTag.STRING, '61']],
    ['a member with another wire type as unknown', hex('0801'), [AnyTag.NONE, '']],
  ])('finds %s', (_, bytes, expected) => {
    const member = memberOf(bytes);
    expect(member?.[0]).toBe(expected[0]);
    if (expected[0] !== AnyTag.NONE) expect(member).toEqual(expected);
  });

  test.each(['0a', '0a02', '0a0261', '10', '18ffffffffffffffffffff01', '2101020304050607', '0b', '0a0161 07'])(
    'refuses %s',
    bytes => {
      expect(memberOf(hex(bytes))).toBeUndefined();
    },
  );
});

describe('fields of a message', () => {
  const message = concat(
    varintField(3, 7),
    field(1, text('a')),
    field(2, text('skipped')),
    field(1, text('b'.repeat(200))),
    hex('39 0102030405060708'),
  );

  test('are found one after the other, long and short', () => {
    const { cursor, start, end } = over(message);
    const lengths: number[] = [];
    let at = nextField(cursor, start, end, 0x0a);
    while (at >= 0 && cursor.fieldStart >= 0) {
      lengths.push(at - cursor.fieldStart);
      at = nextField(cursor, at, end, 0x0a);
    }
    expect([lengths, at]).toEqual([[1, 200], end]);
  });

  test('the last is found, and an empty range where there is none', () => {
    const { cursor, start, end } = over(message);
    expect(lastField(cursor, start, end, 0x0a)).toBe(true);
    expect(cursor.fieldEnd - cursor.fieldStart).toBe(200);
    expect(lastField(cursor, start, end, 0x22)).toBe(true);
    expect([cursor.fieldStart, cursor.fieldEnd]).toEqual([start, start]);
  });

  test('23: a message cut anywhere but between fields is malformed', () => {
    const whole = new Set([2, 5, 14, 217, 226]);
    for (let length = 0; length <= message.length; length++) {
      const { cursor, start, end } = over(message.slice(0, length));
      expect([length, lastField(cursor, start, end, 0x0a)]).toEqual([length, length === 0 || whole.has(length)]);
    }
  });
});

describe('text of scalars', () => {
  test('int64Text has every digit of any 64-bit integer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
        const high = Number(BigInt.asIntN(32, value >> 32n));
        const low = Number(BigInt.asIntN(32, value));
        expect(int64Text(low, high)).toBe(String(value));
      }),
      {
        examples: [
          [2n ** 53n],
          [2n ** 53n - 1n],
          [-(2n ** 53n)],
          [-(2n ** 53n) - 1n],
          [-1n],
          [-(2n ** 32n)],
          [-(2n ** 63n)],
        ],
      },
    );
  });

  test('scalarText reads varints and doubles as they were written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double(), (integer, double) => {
        const { cursor, start, end } = over(concat(hex('18'), varint(BigInt.asUintN(64, integer))));
        openAnyValue(cursor, start, end);
        expect(scalarText(cursor)).toBe(String(integer));
        const other = over(concat(hex('21'), new Uint8Array(new Float64Array([double]).buffer)));
        openAnyValue(other.cursor, other.start, other.end);
        expect(scalarText(other.cursor)).toBe(String(double));
      }),
    );
  });

  test.each([0, 1, 3, 4, 5, 7, 8, 11, 12])('bytes are cut so that their base64 has at most %d bytes', maxBytes => {
    for (let length = 0; length < 12; length++) {
      const { cursor, start, end } = over(field(7, new Uint8Array(length)));
      openAnyValue(cursor, start, end);
      const isCut = cutScalar(cursor, maxBytes);
      const base64 = scalarText(cursor);
      expect(base64.length).toBeLessThanOrEqual(maxBytes);
      expect(isCut).toBe(Buffer.from(base64, 'base64').length < length);
    }
  });
});
