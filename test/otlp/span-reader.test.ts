import { readFileSync } from 'node:fs';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { describe, expect, test } from 'vitest';
import { createSpanBlock, jsonToProtobuf, RequestScan, SpanFlag, scanRequest, splitRequest } from '../../otlp/index.js';
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
import { naiveRows } from './naive-rows.js';
import { encodeRequest, NOWHERE, ORIGIN, type Row, readerOf, readRows, rowsOf } from './read-rows.js';
import { type JsonKeyValue, type JsonRequest, type JsonSpan, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';

const CONFORMANCE = '../shared/data/conformance';
const TRACE_HEX = Buffer.from(TRACE_ID).toString('hex');
const SPAN_HEX = Buffer.from(SPAN_ID).toString('hex');

const fixed64 = (number: number, value: bigint): Uint8Array =>
  concat(varint(number * 8 + 1), new Uint8Array(new BigUint64Array([value]).buffer));
const string = (key: string, stringValue: string): JsonKeyValue => ({ key, value: { stringValue } });

/** The only row of a span of ids and what is given. */
function rowOf(...more: readonly Uint8Array[]): Row {
  const rows = readRows(requestOf(spanContent(...more)));
  expect(rows).toHaveLength(1);
  return rows[0];
}

function rowOfJson(span: Partial<JsonSpan>, resource: JsonKeyValue[] = []): Row {
  const spans = [{ traceId: TRACE_HEX, spanId: SPAN_HEX, ...span }];
  return readRows(
    encodeRequest({ resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ spans }] }] }),
  )[0];
}

const parsed = (rows: readonly Row[]) =>
  rows.map(({ checksum, record, flags, events, links, ...rest }) => ({
    ...rest,
    events: events === '' ? undefined : JSON.parse(events),
    links: links === '' ? undefined : JSON.parse(links),
  }));

describe('whole payloads', () => {
  test("the protocol's example gives these columns", () => {
    const [row, ...others] = readRows(readFileSync(`${CONFORMANCE}/otlp-trace.pb`));
    expect(others).toEqual([]);
    expect(row).toEqual({
      traceId: '5b8efff798038103d269b633813fc60c',
      spanId: 'eee19b7ec3c1b174',
      parentSpanId: 'eee19b7ec3c1b173',
      kind: 2,
      statusCode: 0,
      start: 1544712660000000000n,
      end: 1544712661000000000n,
      duration: 1_000_000_000n,
      spanFlags: 0,
      droppedAttributesCount: 0,
      flags: 0,
      checksum: expect.any(Number),
      name: "I'm a server span",
      service: 'my.service',
      tier: 'app',
      scopeName: 'my.library',
      scopeVersion: '1.0.0',
      environment: '',
      host: '',
      peerService: '',
      place: NOWHERE,
      isDatabaseCall: false,
      statusMessage: '',
      traceState: '',
      events: '',
      links: '',
      attributes: [['my.span.attr', 'some value']],
      resource: [['service.name', 'my.service']],
      record: ORIGIN,
    });
  });

  test('empty and nested values as opentelemetry-java writes them', () => {
    const json = readFileSync(`${CONFORMANCE}/opentelemetry-java/expected-spans-wrapper.json`);
    const rows = readRows(jsonToProtobuf(json));
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      service: 'unknown_service',
      start: 100n,
      duration: 1000n,
      statusCode: 1,
      spanFlags: 257,
      scopeName: 'instrumentation',
      attributes: [
        ['animal', 'cat'],
        ['bytes', 'AQID'],
        ['empty', ''],
        ['heterogeneousArray', '["string",123]'],
        ['lives', '9'],
        ['map', '{"nested":"value"}'],
      ],
      resource: [['key', 'value']],
      events: '[{"time_unix_nano":"600","name":"somethingHappenedHere","attributes":{"important":true}}]',
      links: '',
    });
    expect(rows[1]).toMatchObject({ statusCode: 2, kind: 3, scopeVersion: '2', attributes: [], events: '' });
  });

  test.each(['opentelemetry-demo', 'onlineboutique', 'trainticket'] as const)(
    'what the official serializer wrote of %s has the columns a naive decoder finds',
    recording => {
      for (const line of recordedLines(recording, 40)) {
        const spans = readableSpans(JSON.parse(line) as JsonRequest);
        const payload = ProtobufTraceSerializer.serializeRequest(spans)!;
        const rows = readRows(payload);
        expect(rows).toHaveLength(spans.length);
        expect(parsed(rows)).toEqual(naiveRows(payload));
      }
    },
  );

  test('several records fill one block, each row naming its own', () => {
    const block = createSpanBlock();
    const reader = readerOf();
    for (let offset = 0; offset < 40; offset++) {
      const origin = {
        partition: offset % 3,
        offset: 2 ** 40 + offset,
        appendTimeMs: offset,
        tenant: `t${offset % 2}`,
      };
      expect(reader.read(requestOf(spanContent(), spanContent()), origin, block)).toMatchObject({
        error: '',
        spans: 2,
      });
    }
    expect(block.recordCount).toBe(40);
    expect(rowsOf(block)[79].record).toEqual({ partition: 0, offset: 2 ** 40 + 39, appendTimeMs: 39, tenant: 't1' });
  });

  test('a block grows past 1024 rows, 2^16 pairs and long texts, and is reused', () => {
    const attributes = Array.from({ length: 40 }, (_, i) =>
      field(9, field(1, text(`k${i}`)), field(2, field(1, text('v')))),
    );
    const span = spanContent(field(3, text('s'.repeat(300))), ...attributes);
    const payload = requestOf(...Array.from({ length: 3000 }, () => span));
    const block = createSpanBlock();
    for (let round = 0; round < 2; round++) {
      block.reset();
      expect(readerOf().read(payload, ORIGIN, block)).toMatchObject({ spans: 3000 });
      const rows = rowsOf(block);
      expect(rows[2999]).toEqual(rows[0]);
      expect(rows[2999].attributes).toHaveLength(40);
    }
  });

  test('one reader serves two blocks in turn', () => {
    const reader = readerOf();
    const blocks = [createSpanBlock(), createSpanBlock()];
    const [first, second] = recordedLines('opentelemetry-demo', 2).map(line => jsonToProtobuf(text(line)));
    for (let round = 0; round < 3; round++) {
      for (const block of blocks) {
        block.reset();
        for (const payload of round === 1 ? [second, first] : [first, second]) reader.read(payload, ORIGIN, block);
        expect(parsed(rowsOf(block))).toEqual(
          round === 1 ? [...naiveRows(second), ...naiveRows(first)] : [...naiveRows(first), ...naiveRows(second)],
        );
      }
    }
  });

  test('an empty payload has no spans, no error and no record', () => {
    const block = createSpanBlock();
    expect(readerOf().read(new Uint8Array(0), ORIGIN, block)).toEqual({ error: '', spans: 0, rejected: 0 });
    expect(block.recordCount).toBe(0);
  });

  test('resource, scope and fields may come in any order', () => {
    const resource = field(1, field(1, field(1, text('service.name')), field(2, field(1, text('shop')))));
    const attribute = field(9, field(1, text('network.peer.address')), field(2, field(1, text('10.0.0.9'))));
    const span = field(
      2,

      attribute,
      field(2, SPAN_ID),
      varintField(6, 3),
      field(1, TRACE_ID),
    );
    const payload = field(1, field(2, span, field(1, field(1, text('lib')))), resource);
    expect(readRows(payload)[0]).toMatchObject({ service: 'shop', scopeName: 'lib', peerService: '10.0.0.9' });
  });

  test('a block of another make is refused', () => {
    expect(() => readerOf().read(new Uint8Array(0), ORIGIN, { rows: 0 } as never)).toThrow(TypeError);
  });
});

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

describe('what the resource says', () => {
  test.each([
    [[], 'unknown_service'],
    [[string('service.name', '')], 'unknown_service'],
    [[string('service.name', 'shop')], 'shop'],
  ])('service of %j is %s', (resource, service) => {
    expect(rowOfJson({}, resource).service).toBe(service);
  });

  test('the environment is deployment.environment.name, else deployment.environment', () => {
    const old = string('deployment.environment', 'old');
    expect(rowOfJson({}, [old]).environment).toBe('old');
    expect(rowOfJson({}, [old, string('deployment.environment.name', 'new')]).environment).toBe('new');
    expect(rowOfJson({}, [old, string('deployment.environment.name', '')]).environment).toBe('old');
  });

  test.each([
    [[string('host.name', 'n')], 'n'],
    [
      [
        string('host.name', 'n'),
        {
          key: 'host.ip',
          value: { arrayValue: { values: [{ stringValue: '10.0.0.1' }, { stringValue: '10.0.0.2' }] } },
        },
      ],
      '10.0.0.1',
    ],
    [[string('host.name', 'n'), string('host.ip', '10.0.0.3')], '10.0.0.3'],
    [[string('host.name', 'n'), { key: 'host.ip', value: { arrayValue: {} } }], 'n'],
    [[string('host.name', 'n'), { key: 'host.ip', value: { arrayValue: { values: [{ intValue: 1 }] } } }], 'n'],
    [[string('host.ip', '10.0.0.3'), string('host.id', 'i')], 'i'],
    [[{ key: 'host.ip', value: { arrayValue: {} } }, string('other', 'x'), string('host.name', 'n')], 'n'],
    [[string('host.id', ''), string('host.name', 'n')], 'n'],
    [[], ''],
  ] as [JsonKeyValue[], string][])('host of %j is %s', (resource, host) => {
    expect(rowOfJson({}, resource).host).toBe(host);
  });

  test('thousands of resources, more than are remembered, keep their own', () => {
    const resources = Array.from({ length: 5000 }, (_, i) => `service-${i}`);
    const request = {
      resourceSpans: [...resources, ...resources].map(name => ({
        resource: { attributes: [string('service.name', name)] },
        scopeSpans: [{ spans: [{ traceId: TRACE_HEX, spanId: SPAN_HEX }] }],
      })),
    };
    expect(readRows(encodeRequest(request)).map(row => row.service)).toEqual([...resources, ...resources]);
  });
});

describe('peer service', () => {
  const all = [
    string('network.peer.address', '10.0.0.1'),
    string('server.address', 'db.local'),
    string('peer.service', 'db'),
  ];

  test.each([
    [3, all, 'db'],
    [4, all.slice(0, 2), 'db.local'],
    [3, all.slice(0, 1), '10.0.0.1'],
    [3, [...all.slice(0, 2), string('peer.service', '')], 'db.local'],
    [2, all, ''],
    [1, all, ''],
    [5, all, ''],
    [3, [], ''],
  ])('of a span of kind %d with %j is %s', (kind, attributes, peerService) => {
    expect(rowOfJson({ kind, attributes }).peerService).toBe(peerService);
  });
});

describe('checksums', () => {
  const payloads = recordedLines('opentelemetry-demo', 12).map(line => jsonToProtobuf(text(line)));
  const bySpan = (rows: readonly Row[]): Map<string, number> =>
    new Map(rows.map(({ traceId, spanId, kind, checksum }) => [`${traceId}/${spanId}/${kind}`, checksum]));

  test('are the same in any order of records, any block and after any routing', () => {
    const reader = readerOf();
    const [forwards, backwards, routed] = [createSpanBlock(), createSpanBlock(), createSpanBlock()];
    const scan = new RequestScan();
    for (const payload of payloads) reader.read(payload, ORIGIN, forwards);
    for (const payload of payloads.toReversed())
      reader.read(payload, { ...ORIGIN, partition: 7, tenant: 'x' }, backwards);
    for (const payload of payloads) {
      scanRequest(payload, scan);
      for (const record of splitRequest(payload, scan, 5)) readerOf().read(record.payload, ORIGIN, routed);
    }
    const expected = bySpan(rowsOf(forwards));
    expect(expected.size).toBeGreaterThan(100);
    expect(new Set(expected.values()).size).toBe(expected.size);
    expect(bySpan(rowsOf(backwards))).toEqual(expected);
    expect(bySpan(rowsOf(routed))).toEqual(expected);
  });

  test('change with the span, with its resource and with its scope', () => {
    const of = (resource: string, scope: string, name: string): number =>
      readRows(
        field(
          1,
          field(1, field(1, field(1, text(resource)))),
          field(2, field(1, field(1, text(scope))), field(2, spanContent(field(5, text(name))))),
        ),
      )[0].checksum;
    expect(of('a', 'b', 'c')).toBe(of('a', 'b', 'c'));
    expect(
      new Set([of('a', 'b', 'c'), of('x', 'b', 'c'), of('a', 'x', 'c'), of('a', 'b', 'x'), of('b', 'a', 'c')]).size,
    ).toBe(5);
  });
});

describe('events and links', () => {
  test('are JSON in the order sent, with ids in hex and 64-bit times', () => {
    const span = spanContent(
      field(13, field(1, TRACE_ID), field(2, SPAN_ID), field(4, field(1, text('a')), field(2, varintField(3, 1)))),
      field(11, fixed64(1, 2n ** 64n - 1n), field(2, text('"quoted"\n'))),
      field(13),
      field(11, field(3, field(1, text('k')), field(2, hex('21000000000000f87f'))), fixed64(1, 1_000_000n), field(3)),
    );
    const [row] = readRows(requestOf(span));
    expect(row.events).toBe(
      '[{"time_unix_nano":"18446744073709551615","name":"\\"quoted\\"\\n","attributes":{}},' +
        '{"time_unix_nano":"1000000","name":"","attributes":{"k":"NaN","":null}}]',
    );
    expect(row.links).toBe(
      `[{"trace_id":"${TRACE_HEX}","span_id":"${SPAN_HEX}","attributes":{"a":1}},` +
        '{"trace_id":"","span_id":"","attributes":{}}]',
    );
  });
});

describe('limits', () => {
  test('24: names, status messages and trace states are cut between characters, and flagged', () => {
    const long = text('aé💸'.repeat(10));
    const payload = requestOf(spanContent(field(3, long), field(5, long), field(15, field(2, long))));
    for (let maxValueBytes = 0; maxValueBytes < 9; maxValueBytes++) {
      const [row] = readRows(payload, { limits: { maxValueBytes } });
      const kept =
        maxValueBytes < 1
          ? ''
          : maxValueBytes < 3
            ? 'a'
            : maxValueBytes < 7
              ? 'aé'
              : maxValueBytes < 8
                ? 'aé💸'
                : 'aé💸a';
      expect(row).toMatchObject({ traceState: kept, name: kept, statusMessage: kept });
      expect(row.flags & SpanFlag.ATTRIBUTES_CUT).toBe(SpanFlag.ATTRIBUTES_CUT);
      expect(row.droppedAttributesCount).toBe(0);
    }
  });

  test('24: more events or links than the limit are dropped and flagged', () => {
    const [row] = readRows(requestOf(spanContent(field(11), field(11), field(11), field(13), field(13))), {
      limits: { maxEvents: 2 },
    });
    expect(JSON.parse(row.events)).toHaveLength(2);
    expect(JSON.parse(row.links)).toHaveLength(2);
    expect(row.flags & SpanFlag.ATTRIBUTES_CUT).toBe(SpanFlag.ATTRIBUTES_CUT);
  });

  test('a record whose resource would be repeated beyond all bounds is refused as a whole', () => {
    const resource = field(1, field(1, field(1, text('k')), field(2, field(1, text('v'.repeat(1000))))));
    const spans = Array.from({ length: 100 }, () => field(2, spanContent()));
    const block = createSpanBlock();
    const reader = readerOf({ limits: { maxRecordTextBytes: 50_000 } });
    const result = reader.read(field(1, resource, field(2, ...spans)), ORIGIN, block);
    expect(result).toMatchObject({ error: 'takes more than 50000 bytes as columns', spans: 0 });
    expect([block.rows, block.resource.pairCount, block.resource.values.byteLength]).toEqual([0, 0, 0]);
    expect(reader.read(field(1, resource, field(2, ...spans.slice(0, 40))), ORIGIN, block)).toMatchObject({
      spans: 40,
    });
    expect(reader.read(field(1, resource, field(2, ...spans.slice(0, 40))), ORIGIN, block)).toMatchObject({
      spans: 40,
    });
  });
});
