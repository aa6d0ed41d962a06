import { describe, expect, test } from 'vitest';
import { SpanFlag } from '../../otlp/index.js';
import { NESTING_MARKER } from '../../otlp/limits.js';
import { concat, field, hex, requestOf, spanContent, text, varint, varintField } from './message-bytes.js';
import { type Row, readRows } from './read-rows.js';

const keyValue = (key: string | Uint8Array, value: Uint8Array): Uint8Array =>
  field(9, field(1, typeof key === 'string' ? text(key) : key), field(2, value));
const stringValue = (value: string): Uint8Array => field(1, text(value));
const double = (value: number): Uint8Array => concat(hex('21'), new Uint8Array(new Float64Array([value]).buffer));

/** The row of a span with these attributes, whose times are in range. */
function rowWith(attributes: readonly Uint8Array[], limits = {}): Row {
  const times = hex('39 0100000000000000 41 0100000000000000');
  return readRows(requestOf(spanContent(times, ...attributes)), { limits })[0];
}

const textOf = (value: Uint8Array): string => rowWith([keyValue('k', value)]).attributes[0][1];

describe('values as text', () => {
  test.each([
    ['an empty string', stringValue(''), ''],
    ['a string of 1 byte', stringValue('a'), 'a'],
    ['a string of 3 bytes', stringValue('abc'), 'abc'],
    ['a string of 4 bytes', stringValue('abcd'), 'abcd'],
    ['a string of 127 bytes', stringValue('x'.repeat(127)), 'x'.repeat(127)],
    ['a string of 128 bytes', stringValue('x'.repeat(128)), 'x'.repeat(128)],
    ['a string of 20,000 bytes', stringValue('é'.repeat(10_000)), 'é'.repeat(10_000)],
    ['text with quotes, untouched', stringValue('"\\\n\0'), '"\\\n\0'],
    ['true', varintField(2, 1), 'true'],
    ['a true above 1', varintField(2, 2n ** 63n), 'true'],
    ['false', varintField(2, 0), 'false'],
    ['0', varintField(3, 0), '0'],
    ['9', varintField(3, 9), '9'],
    ['10', varintField(3, 10), '10'],
    ['2147483647', varintField(3, 2n ** 31n - 1n), '2147483647'],
    ['2147483648', varintField(3, 2n ** 31n), '2147483648'],
    ['-1', varintField(3, 2n ** 64n - 1n), '-1'],
    ['2^53', varintField(3, 2n ** 53n), '9007199254740992'],
    ['2^53 + 1', varintField(3, 2n ** 53n + 1n), '9007199254740993'],
    ['-2^53 - 1', varintField(3, 2n ** 64n - 2n ** 53n - 1n), '-9007199254740993'],
    ['the largest integer', varintField(3, 2n ** 63n - 1n), '9223372036854775807'],
    ['the smallest integer', varintField(3, 2n ** 63n), '-9223372036854775808'],
    ['0.1', double(0.1), '0.1'],
    ['1e21', double(1e21), '1e+21'],
    ['the smallest double', double(5e-324), '5e-324'],
    ['NaN', double(Number.NaN), 'NaN'],
    ['-Infinity', double(Number.NEGATIVE_INFINITY), '-Infinity'],
    ['no bytes', field(7), ''],
    ['bytes', field(7, hex('00ff10')), 'AP8Q'],
    ['nothing', new Uint8Array(0), ''],
    ['an unknown kind of value', field(8, text('x')), ''],
    ['an empty array', field(5), '[]'],
    ['an empty map', field(6), '{}'],
    [
      'an array of all kinds',
      field(
        5,
        ...[
          stringValue('"é\n'),
          varintField(2, 1),
          varintField(3, 2n ** 53n + 1n),
          double(0.5),
          double(Number.NaN),
          field(7, hex('ff')),
          new Uint8Array(0),
          field(5),
          field(6),
        ].map(v => field(1, v)),
      ),
      '["\\"é\\n",true,9007199254740993,0.5,"NaN","/w==",null,[],{}]',
    ],
    [
      'a map',
      field(6, field(1, field(1, text('a"')), field(2, stringValue('b'))), field(1, field(1, text('c')))),
      '{"a\\"":"b","c":null}',
    ],
    ['the last of several members', concat(stringValue('a'), varintField(3, 5)), '5'],
  ])('%s', (_, value, expected) => {
    expect(textOf(value)).toBe(expected);
  });

  test('every control character in JSON text is escaped as JSON.stringify does', () => {
    const all = String.fromCharCode(...Array.from({ length: 128 }, (_, code) => code));
    expect(textOf(field(5, field(1, stringValue(all))))).toBe(JSON.stringify([all]));
  });

  test('an attribute without key or value is one with an empty key or value', () => {
    expect(rowWith([field(9, field(2, stringValue('v'))), keyValue('k', new Uint8Array(0))]).attributes).toEqual([
      ['', 'v'],
      ['k', ''],
    ]);
    expect(rowWith([field(9)]).attributes).toEqual([['', '']]);
  });

  test('value before key, and the last of several of each', () => {
    const odd = field(
      9,
      field(2, stringValue('v')),
      field(1, text('first')),
      field(1, text('k')),
      field(2, stringValue('w')),
    );
    expect(rowWith([odd]).attributes).toEqual([['k', 'w']]);
  });
});

describe('repeated keys', () => {
  test('the first counts, the others are dropped and counted, without a flag', () => {
    const row = rowWith(
      ['1', '2', '3'].map(value => keyValue('k', stringValue(value))).concat(keyValue('l', stringValue('4'))),
    );
    expect(row).toMatchObject({
      attributes: [
        ['k', '1'],
        ['l', '4'],
      ],
      droppedAttributesCount: 2,
      flags: 0,
    });
  });

  test('keys that are equal only after a repair or a cut are equal', () => {
    const repaired = rowWith([keyValue('\ufffd', stringValue('1')), keyValue(hex('ff'), stringValue('2'))]);
    expect(repaired.attributes).toEqual([['\ufffd', '1']]);
    const cut = rowWith([keyValue('abc', stringValue('1')), keyValue('abd', stringValue('2'))], { maxKeyBytes: 2 });
    expect(cut).toMatchObject({ attributes: [['ab', '1']], droppedAttributesCount: 3 });
  });

  test('a key may come again in the next span', () => {
    const span = spanContent(keyValue('k', stringValue('v')));
    expect(readRows(requestOf(span, span)).map(row => row.attributes)).toEqual([[['k', 'v']], [['k', 'v']]]);
  });
});

describe('24: limits', () => {
  const three = ['a', 'b', 'c'].map(key => keyValue(key, stringValue(key)));

  test('24: as many attributes as the limit stay whole; one more is dropped, counted and flagged', () => {
    expect(rowWith(three, { maxAttributes: 3 })).toMatchObject({ droppedAttributesCount: 0, flags: 0 });
    expect(rowWith(three, { maxAttributes: 2 })).toMatchObject({
      attributes: [
        ['a', 'a'],
        ['b', 'b'],
      ],
      droppedAttributesCount: 1,
      flags: SpanFlag.ATTRIBUTES_CUT,
    });
  });

  test("24: what is dropped is added to the sender's count", () => {
    expect(rowWith([varintField(10, 7), ...three], { maxAttributes: 1 }).droppedAttributesCount).toBe(9);
  });

  test.each([
    [4, 'éé', 0],
    [3, 'é', 1],
    [1, '', 1],
  ])('24: a key of 4 bytes with a limit of %d is %j', (maxKeyBytes, key, dropped) => {
    expect(rowWith([keyValue('éé', stringValue('v'))], { maxKeyBytes })).toMatchObject({
      attributes: [[key, 'v']],
      droppedAttributesCount: dropped,
      flags: dropped === 0 ? 0 : SpanFlag.ATTRIBUTES_CUT,
    });
  });

  test.each([
    ['a string of the limit', stringValue('abcdefgh'), 'abcdefgh', 0],
    ['a string over it', stringValue('abcdefghi'), 'abcdefgh', 1],
    ['a string over it in the middle of a character', stringValue('abcdefgé'), 'abcdefg', 1],
    ['bytes whose base64 has the limit', field(7, hex('000102030405')), 'AAECAwQF', 0],
    ['bytes over it', field(7, hex('00010203040506')), 'AAECAwQF', 1],
    ['JSON of the limit', field(5, field(1, stringValue('abcd'))), '["abcd"]', 0],
    ['JSON over it', field(5, field(1, stringValue('abcde'))), '["abcde"', 1],
    ['invalid UTF-8 that is over it when repaired', field(1, hex('ffffff')), '\ufffd\ufffd', 1],
  ])('24: with a limit of 8 bytes, %s', (_, value, kept, dropped) => {
    const row = rowWith([keyValue('k', value)], { maxValueBytes: 8 });
    expect(row).toMatchObject({ attributes: [['k', kept]], droppedAttributesCount: dropped });
    expect((row.flags & SpanFlag.ATTRIBUTES_CUT) !== 0).toBe(dropped > 0);
  });

  test('24: attributes of events and links have the same limits, and stay JSON', () => {
    const list = (number: number): Uint8Array =>
      concat(
        ...['first', 'second', 'third'].map(key => field(number, field(1, text(key)), field(2, stringValue('abcdef')))),
      );
    const row = rowWith([field(11, list(3)), field(13, list(4))], {
      maxAttributes: 2,
      maxKeyBytes: 3,
      maxValueBytes: 5,
    });
    expect(JSON.parse(row.events)[0].attributes).toEqual({ fir: 'abcde', sec: 'abcde' });
    expect(JSON.parse(row.links)[0].attributes).toEqual({ fir: 'abcde', sec: 'abcde' });
    expect(row.droppedAttributesCount).toBe(2 * (1 + 2 + 2));
  });

  test('24: what is cut of a resource counts for each of its spans', () => {
    const resource = field(1, ...three.map(attribute => field(1, attribute.subarray(2))));
    const payload = field(1, resource, field(2, field(2, spanContent()), field(2, spanContent())));
    const rows = readRows(payload, { limits: { maxAttributes: 1 } });
    expect(rows.map(row => [row.resource, row.droppedAttributesCount, row.flags & SpanFlag.ATTRIBUTES_CUT])).toEqual(
      Array(2).fill([{ a: 'a' }, 2, SpanFlag.ATTRIBUTES_CUT]),
    );
  });
});

describe('23: nesting', () => {
  const nested = (levels: number): Uint8Array => {
    let value = stringValue('x');
    for (let level = 1; level < levels; level++) {
      value = level % 2 === 0 ? field(5, field(1, value)) : field(6, field(1, field(1, text('k')), field(2, value)));
    }
    return value;
  };

  test('23: 32 levels are kept', () => {
    const row = rowWith([keyValue('k', nested(32))]);
    expect(row.attributes[0][1]).toContain('"x"');
    expect(row.flags).toBe(0);
  });

  test('23: the 33rd becomes a marker, and the span is flagged', () => {
    const row = rowWith([keyValue('k', nested(33)), field(11, field(3, field(2, nested(33))))]);
    expect(row.flags).toBe(SpanFlag.NESTING_CUT);
    for (const json of [row.attributes[0][1], row.events]) {
      expect(json).toContain(`"${NESTING_MARKER}"`);
      expect(json).not.toContain('"x"');
      expect(() => JSON.parse(json)).not.toThrow();
    }
  });

  test('23: 20,000 levels do not exhaust the stack', () => {
    const headers: Uint8Array[] = [];
    let byteCount = 0;
    for (let level = 0; level < 20_000; level++) {
      for (const tag of [0x0a, 0x2a]) {
        const header = concat(varint(tag), varint(byteCount));
        headers.push(header);
        byteCount += header.length;
      }
    }
    expect(rowWith([keyValue('k', concat(...headers.reverse()))]).flags).toBe(SpanFlag.NESTING_CUT);
  });
});
