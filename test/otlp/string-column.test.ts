import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SpanFlag } from '../../otlp/index.js';
import { StringColumn } from '../../otlp/string-column.js';
import { concat, hex, text, varint } from './message-bytes.js';
import { stringsOf } from './read-rows.js';

const NO_LIMIT = 2 ** 31 - 1;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function append(column: StringColumn, bytes: Uint8Array, maxBytes = NO_LIMIT): number {
  return column.append(bytes, viewOf(bytes), 0, bytes.length, maxBytes);
}

const used = ({ bytes, byteLength }: StringColumn): Uint8Array => bytes.slice(0, byteLength);

describe('StringColumn', () => {
  test.each([0, 1, 3, 4, 5, 127, 128, 16_383, 16_384, 2_100_000])(
    'a string of %d bytes gets its LEB128 length',
    length => {
      const column = new StringColumn();
      const bytes = text('x'.repeat(length));
      expect(append(column, bytes)).toBe(0);
      column.appendValid(bytes, 0, length);
      const expected = concat(varint(length), bytes);
      // Not toEqual, which takes seconds for megabytes.
      expect(Buffer.compare(used(column), concat(expected, expected))).toBe(0);
      expect(column.byteLength - column.textStart).toBe(length);
    },
  );

  test('any text in any order of appends is read back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 300 })), strings => {
        const column = new StringColumn();
        for (const one of strings) append(column, text(one));
        expect(stringsOf(column)).toEqual(strings);
      }),
    );
  });

  test('takes a part of its source and nothing else', () => {
    const column = new StringColumn();
    const source = concat(hex('ff'), text('middle'), hex('ff'));
    expect(column.append(source, viewOf(source), 1, 7, NO_LIMIT)).toBe(0);
    column.appendValid(source, 1, 4);
    expect(stringsOf(column)).toEqual(['middle', 'mid']);
  });

  test.each(['ff', '6162ff', '61626364ff', 'e282', '6162c3'])(
    '22: invalid UTF-8 (%s) is repaired, and said so',
    bytes => {
      const column = new StringColumn();
      expect(append(column, hex(bytes))).toBe(SpanFlag.INVALID_UTF8);
      append(column, text('next'));
      expect(stringsOf(column)).toEqual([Buffer.from(hex(bytes)).toString('utf8'), 'next']);
    },
  );

  test('24: text over the limit is cut between characters, and said so', () => {
    const column = new StringColumn();
    expect(append(column, text('aé'), 3)).toBe(0);
    expect(append(column, text('aéb'), 3)).toBe(SpanFlag.ATTRIBUTES_CUT);
    expect(append(column, text('aéé'), 4)).toBe(SpanFlag.ATTRIBUTES_CUT);
    expect(append(column, hex('ffff'), 5)).toBe(SpanFlag.ATTRIBUTES_CUT | SpanFlag.INVALID_UTF8);
    expect(stringsOf(column)).toEqual(['aé', 'aé', 'aé', '\ufffd']);
  });

  test.each([0, 1, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 2 ** 31 - 1])('the number %d in decimal', value => {
    const column = new StringColumn();
    column.appendSmallInt(value);
    column.appendAscii(String(value));
    expect(stringsOf(column)).toEqual([String(value), String(value)]);
    expect(column.byteLength - column.textStart).toBe(String(value).length);
  });

  test('goes back to where it was, and starts anew after a reset', () => {
    const column = new StringColumn();
    append(column, text('kept'));
    const { byteLength, count } = column;
    append(column, text('dropped'));
    column.truncate(byteLength, count);
    column.appendEmpty();
    expect(stringsOf(column)).toEqual(['kept', '']);
    column.reset();
    expect(stringsOf(column)).toEqual([]);
    append(column, text('new'));
    expect(stringsOf(column)).toEqual(['new']);
  });
});
