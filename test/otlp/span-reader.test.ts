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
import { comparable, naiveRows } from './naive-rows.js';
import { NOWHERE, ORIGIN, type Row, readerOf, readRows, rowsOf } from './read-rows.js';
import { type JsonRequest, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';

const CONFORMANCE = '../shared/data/conformance';
const TRACE_HEX = Buffer.from(TRACE_ID).toString('hex');
const SPAN_HEX = Buffer.from(SPAN_ID).toString('hex');

const fixed64 = (number: number, value: bigint): Uint8Array =>
  concat(varint(number * 8 + 1), new Uint8Array(new BigUint64Array([value]).buffer));
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
      resource: { 'service.name': 'my.service' },
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
      resource: { key: 'value' },
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
        expect(comparable(rows)).toEqual(naiveRows(payload));
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

  test("a record's tier is that of all its spans, whatever their resource says, and of no other record's", () => {
    const block = createSpanBlock();
    const reader = readerOf();
    const says = (tier: string) =>
      field(1, field(1, field(1, text('throughline.tier')), field(2, field(1, text(tier)))));
    const payload = field(1, says('data'), field(2, field(2, spanContent()), field(2, spanContent())));
    for (const tier of [undefined, 'edge', '']) reader.read(payload, { ...ORIGIN, tier }, block);
    expect(rowsOf(block).map(row => row.tier)).toEqual(['data', 'data', 'edge', 'edge', 'data', 'data']);
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
        expect(comparable(rowsOf(block))).toEqual(
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
      for (const record of splitRequest(payload, scan, 5, 1 << 20)) readerOf().read(record.payload, ORIGIN, routed);
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

  test('a record whose texts take more than the limit is refused as a whole', () => {
    const resource = field(1, field(1, field(1, text('k')), field(2, field(1, text('v')))));
    const attribute = field(9, field(1, text('k')), field(2, field(1, text('v'.repeat(1000)))));
    const spans = Array.from({ length: 100 }, () => field(2, concat(spanContent(), attribute)));
    const block = createSpanBlock();
    const reader = readerOf({ limits: { maxRecordTextBytes: 50_000 } });
    const result = reader.read(field(1, resource, field(2, ...spans)), ORIGIN, block);
    expect(result).toMatchObject({ error: 'takes more than 50000 bytes as columns', spans: 0 });
    expect([block.rows, block.attributes.pairCount, block.attributes.values.byteLength]).toEqual([0, 0, 0]);
    expect(reader.read(field(1, resource, field(2, ...spans.slice(0, 40))), ORIGIN, block)).toMatchObject({
      spans: 40,
    });
    expect(reader.read(field(1, resource, field(2, ...spans.slice(0, 40))), ORIGIN, block)).toMatchObject({
      spans: 40,
    });
  });
});
