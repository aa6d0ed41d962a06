import { describe, expect, test } from 'vitest';
import { createSpanBlock, SpanFlag } from '../../otlp/index.js';
import {
  concat,
  field,
  hex,
  requestOf,
  SPAN_ID,
  spanContent,
  TRACE_ID,
  text,
  varint,
  varintField,
} from './message-bytes.js';
import { ORIGIN, type Row, readerOf, readRows, rowsOf } from './read-rows.js';

const fixed64 = (number: number, value: bigint): Uint8Array =>
  concat(varint(number * 8 + 1), new Uint8Array(new BigUint64Array([value]).buffer));
/** The only row of a span of ids and what is given. */
function rowOf(...more: readonly Uint8Array[]): Row {
  const rows = readRows(requestOf(spanContent(...more)));
  expect(rows).toHaveLength(1);
  return rows[0];
}

describe('20: ids', () => {
  const withIds = (traceId: string, spanId: string): Uint8Array =>
    concat(field(1, hex(traceId)), field(2, hex(spanId)));
  const good = withIds('5b8efff798038103d269b633813fc60c', 'eee19b7ec3c1b174');

  test.each([
    ['a trace id of 15 bytes', withIds('5b8efff798038103d269b633813fc6', 'eee19b7ec3c1b174')],
    ['a trace id of 17 bytes', withIds('5b8efff798038103d269b633813fc60c0c', 'eee19b7ec3c1b174')],
    ['a trace id of zeros', withIds('00000000000000000000000000000000', 'eee19b7ec3c1b174')],
    ['no trace id', field(2, SPAN_ID)],
    ['a span id of 7 bytes', withIds('5b8efff798038103d269b633813fc60c', 'eee19b7ec3c1b1')],
    ['a span id of 9 bytes', withIds('5b8efff798038103d269b633813fc60c', 'eee19b7ec3c1b17474')],
    ['a span id of zeros', withIds('5b8efff798038103d269b633813fc60c', '0000000000000000')],
    ['no span id', field(1, TRACE_ID)],
    ['nothing at all', new Uint8Array(0)],
  ])('20: %s rejects that span alone', (_, span) => {
    const extra = concat(
      field(9, field(1, text('lost')), field(2, field(1, text('x')))),
      field(11, field(2, text('event'))),
      field(13),
    );
    const kept = field(9, field(1, text('kept')), field(2, field(1, text('y'))));
    const block = createSpanBlock();
    const payload = requestOf(good, concat(span, extra), concat(good, kept));
    expect(readerOf().read(payload, ORIGIN, block)).toEqual({ error: '', spans: 2, rejected: 1 });
    expect(rowsOf(block).map(row => [row.attributes, row.events])).toEqual([
      [[], ''],
      [[['kept', 'y']], ''],
    ]);
  });

  test('20: a trace id with a zero upper or lower half is valid, and so is a span id', () => {
    for (const traceId of ['0000000000000000d269b633813fc60c', '5b8efff7980381030000000000000000']) {
      for (const spanId of ['00000000c3c1b174', 'eee19b7e00000000']) {
        expect(readRows(requestOf(withIds(traceId, spanId)))[0]).toMatchObject({ traceId, spanId });
      }
    }
  });

  test('a payload of nothing but rejected spans leaves no record', () => {
    const block = createSpanBlock();
    expect(readerOf().read(requestOf(field(1, TRACE_ID)), ORIGIN, block)).toEqual({ error: '', spans: 0, rejected: 1 });
    expect(block.recordCount).toBe(0);
  });
});

describe('21: parent ids', () => {
  test('21: no parent id, or one of no bytes or zeros, is no parent and no flag', () => {
    for (const parent of [[], [field(4)], [field(4, hex('0000000000000000'))]]) {
      expect(rowOf(...parent)).toMatchObject({ parentSpanId: '', flags: SpanFlag.TIME_OUT_OF_RANGE });
    }
  });

  test.each(['ee', 'eee19b7ec3c1b1', 'eee19b7ec3c1b17300', '00'])(
    '21: a parent id of %s is no parent and flagged',
    id => {
      const row = rowOf(field(4, hex(id)));
      expect(row.parentSpanId).toBe('');
      expect(row.flags & SpanFlag.BAD_PARENT_ID).toBe(SpanFlag.BAD_PARENT_ID);
    },
  );

  test('21: a parent id of 8 bytes is kept', () => {
    expect(rowOf(field(4, hex('00000000c3c1b173')))).toMatchObject({
      parentSpanId: '00000000c3c1b173',
      flags: SpanFlag.TIME_OUT_OF_RANGE,
    });
  });
});

describe('22: text', () => {
  test('22: invalid UTF-8 is replaced wherever it stands and flagged; NUL is kept', () => {
    const bad = hex('61ff00c3');
    const repaired = 'a\ufffd\0\ufffd';
    const row = rowOf(
      field(3, bad),
      field(5, bad),
      field(9, field(1, bad), field(2, field(1, bad))),
      field(11, field(2, bad), field(3, field(1, bad), field(2, field(1, bad)))),
      field(15, field(2, bad)),
    );
    expect(row).toMatchObject({
      traceState: repaired,
      name: repaired,
      attributes: [[repaired, repaired]],
      statusMessage: repaired,
    });
    expect(JSON.parse(row.events)).toEqual([
      { time_unix_nano: '0', name: repaired, attributes: { [repaired]: repaired } },
    ]);
    expect(row.flags).toBe(SpanFlag.INVALID_UTF8 | SpanFlag.TIME_OUT_OF_RANGE);
  });

  test('22: in a resource or scope it flags every span of theirs', () => {
    const resource = field(1, field(1, field(1, text('service.name')), field(2, field(1, hex('ff')))));
    const span = field(2, spanContent());
    const payload = concat(
      field(1, resource, field(2, span)),
      field(1, field(2, field(1, field(2, hex('fe'))), span, span)),
      requestOf(spanContent()),
    );
    const rows = readRows(payload);
    expect(rows.map(row => row.service)).toEqual(['\ufffd', 'unknown_service', 'unknown_service', 'unknown_service']);
    expect(rows.map(row => (row.flags & SpanFlag.INVALID_UTF8) !== 0)).toEqual([true, true, true, false]);
  });
});

describe('23: malformed bytes', () => {
  test.each([
    ['a varint of 11 bytes', spanContent(concat(hex('30'), hex('8080808080808080808001')))],
    ['a length beyond the span', spanContent(hex('2a05'))],
    ['a group', spanContent(hex('1b1c'))],
    ['field number 0', spanContent(hex('0200'))],
    ['a time of 7 bytes', spanContent(hex('3900000000000000'))],
    ['flags of 3 bytes', spanContent(hex('8501000000'))],
    ['a length beyond an attribute', spanContent(field(9, hex('0a05')))],
    ['a length beyond a value', spanContent(field(9, field(1, text('k')), hex('12030a0561')))],
    ['a length beyond an array', spanContent(field(9, field(2, field(5, hex('0a05')))))],
    ['a length beyond the second element of an array', spanContent(field(9, field(2, field(5, hex('0a000a05')))))],
    ['a length beyond a nested map', spanContent(field(9, field(2, field(6, field(1, hex('0a05'))))))],
    ['a length beyond an event', spanContent(field(11, hex('1205')))],
    ["a length beyond an event's attribute", spanContent(field(11, field(3, hex('0a05'))))],
    ['an event time of 4 bytes', spanContent(field(11, hex('0900000000')))],
    ['a length beyond a link', spanContent(field(13, hex('0a05')))],
    ['a length beyond a status', spanContent(field(15, hex('1205')))],
  ])('23: %s makes the payload undecodable, and nothing of it stays', (_, span) => {
    const block = createSpanBlock();
    const reader = readerOf();
    const before = requestOf(spanContent(field(9, field(1, text('a')), field(2, field(1, text('b'))))));
    reader.read(before, ORIGIN, block);
    const rows = rowsOf(block);
    const result = reader.read(concat(before, requestOf(spanContent(field(3, text('x'))), span)), ORIGIN, block);
    expect(result).toMatchObject({ spans: 0, rejected: 0 });
    expect(result.error).toMatch(/\(at byte \d+\)$/);
    expect(rowsOf(block)).toEqual(rows);
    expect(block.recordCount).toBe(1);
    expect(reader.read(before, ORIGIN, block)).toMatchObject({ error: '', spans: 1 });
    expect(rowsOf(block)).toEqual([...rows, ...rows]);
  });

  test.each([
    ['a resource', field(1, field(1, hex('0a05')))],
    ["a resource's attribute", field(1, field(1, field(1, hex('0a05'))))],
    ['a scope', field(1, field(2, field(1, hex('0a05'))))],
    ['the end of the resource spans', field(1, hex('1205'))],
    ['the end of the scope spans', field(1, field(2, hex('1205')))],
    ['the payload', hex('0a05')],
  ])('23: a length beyond %s makes the payload undecodable, also a second time', (_, payload) => {
    const reader = readerOf();
    for (let round = 0; round < 2; round++) {
      expect(reader.read(payload, ORIGIN, createSpanBlock()).error).toMatch(/beyond the end/);
    }
  });

  test('25: unknown fields are passed over, known numbers with another wire type too', () => {
    const unknown = concat(
      varintField(99, 2n ** 64n - 1n),
      field(100, hex('ff')),
      hex('a906 0000000000000000'),
      hex('ad06 00000000'),
    );
    expect(rowOf(unknown, field(5, text('n')), varintField(5, 7), unknown)).toMatchObject({ name: 'n' });
    const nested = field(9, unknown, field(1, text('k')), unknown, field(2, unknown, field(1, text('v')), unknown));
    expect(rowOf(nested).attributes).toEqual([['k', 'v']]);
  });

  test('tags and lengths may take more bytes than they need', () => {
    expect(rowOf(hex('aa8000 8100 6e')).name).toBe('n');
    expect(
      rowOf(concat(hex('ca00'), hex('8980808000'), field(1, text('k')), field(2, field(1, text('vw'))))).attributes,
    ).toEqual([['k', 'vw']]);
  });
});

describe('times', () => {
  const times = (start: bigint, end: bigint): Row => rowOf(fixed64(7, start), fixed64(8, end));
  const MAX = 2n ** 63n - 1n;

  test.each([
    [1n, 1n, 0n],
    [1n, 2n, 1n],
    [0xffff_ffffn, 0x1_0000_0000n, 1n],
    [1_544_712_660_999_999_999n, 1_544_712_661_000_000_001n, 2n],
    [1n, MAX, MAX - 1n],
    [0x1_ffff_fffen, 0x3_0000_0001n, 0x1_0000_0003n],
  ])('from %d to %d takes %d ns', (start, end, duration) => {
    expect(times(start, end)).toMatchObject({ start, end, duration, flags: 0 });
  });

  test.each([
    [2n, 1n],
    [0x1_0000_0000n, 0xffff_ffffn],
    [MAX, 1n],
  ])('an end before the start (%d, %d): duration 0, flagged, times as sent', (start, end) => {
    expect(times(start, end)).toMatchObject({ start, end, duration: 0n, flags: SpanFlag.NEGATIVE_DURATION });
  });

  test.each([
    [0n, 5n, 0n, 5n],
    [5n, 0n, 5n, 0n],
    [5n, MAX + 1n, 5n, MAX],
    [2n ** 64n - 1n, 2n ** 64n - 1n, MAX, MAX],
  ])('%d to %d is out of range: stored as %d to %d and flagged', (start, end, storedStart, storedEnd) => {
    const row = times(start, end);
    expect(row).toMatchObject({ start: storedStart, end: storedEnd });
    expect(row.flags & SpanFlag.TIME_OUT_OF_RANGE).toBe(SpanFlag.TIME_OUT_OF_RANGE);
    expect(row.duration).toBe(storedEnd > storedStart ? storedEnd - storedStart : 0n);
  });
});

describe('numbers', () => {
  test.each([
    [0, 0],
    [5, 5],
    [6, 0],
    [127, 0],
    [2n ** 64n - 1n, 0],
  ])('kind %d is stored as %d', (sent, stored) => {
    expect(rowOf(varintField(6, sent)).kind).toBe(stored);
  });

  test.each([
    [0, 0],
    [2, 2],
    [3, 0],
    [2n ** 64n - 1n, 0],
  ])('status code %d is stored as %d', (sent, stored) => {
    expect(rowOf(field(15, varintField(3, sent))).statusCode).toBe(stored);
  });

  test('flags and the count of dropped attributes use all 32 bits', () => {
    const row = rowOf(concat(hex('8501'), hex('ffffffff')), varintField(10, 2 ** 32 - 1));
    expect(row).toMatchObject({ spanFlags: 2 ** 32 - 1, droppedAttributesCount: 2 ** 32 - 1 });
  });

  test('the count of dropped attributes does not overflow', () => {
    const attribute = field(9, field(1, text('k')));
    expect(rowOf(varintField(10, 2 ** 32 - 1), attribute, attribute).droppedAttributesCount).toBe(2 ** 32 - 1);
  });

  test('of a field that comes twice the last counts', () => {
    const row = rowOf(
      field(5, text('one')),
      field(5, text('two')),
      field(15, varintField(3, 1)),
      field(15, field(2, text('m'))),
    );
    expect(row).toMatchObject({ name: 'two', statusCode: 1, statusMessage: 'm' });
  });
});
