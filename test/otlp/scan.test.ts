import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { describe, expect, test } from 'vitest';
import { RequestScan, scanRequest } from '../../otlp/index.js';
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
import { type JsonRequest, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';
import { decodeTraces } from './trace-proto.js';

const NESTED_GROUP = hex('0b0c');

function scanOf(bytes: Uint8Array): RequestScan {
  const scan = new RequestScan();
  expect(scanRequest(bytes, scan)).toBe(scan.error === '');
  return scan;
}

const errorOf = (bytes: Uint8Array): string => scanOf(bytes).error;

/** An AnyValue inside this many arrays, around the given content. */
function nestedArrays(levels: number, innermost: Uint8Array): Uint8Array {
  const headers: Uint8Array[] = [];
  let byteCount = innermost.length;
  for (let level = 0; level < levels; level++) {
    for (const tag of ['0a', '2a']) {
      const header = concat(hex(tag), varint(byteCount));
      headers.push(header);
      byteCount += header.length;
    }
  }
  return concat(...headers.reverse(), innermost);
}

const attribute = (value: Uint8Array): Uint8Array => field(9, field(1, text('key')), field(2, value));

describe('what is found', () => {
  test('5: an empty request is a success without spans', () => {
    expect(scanOf(new Uint8Array(0))).toMatchObject({ spans: 0, rejected: 0, error: '' });
  });

  test.each(['opentelemetry-demo', 'onlineboutique', 'trainticket'] as const)(
    'every span that the official serializer wrote of %s is found where it is',
    recording => {
      const scan = new RequestScan();
      for (const line of recordedLines(recording, 60)) {
        const spans = readableSpans(JSON.parse(line) as JsonRequest);
        const body = ProtobufTraceSerializer.serializeRequest(spans)!;
        expect(scanRequest(body, scan)).toBe(true);
        expect(scan.rejected).toBe(0);
        const found = Array.from({ length: scan.spans }, (_, row) => {
          const bytes = body.subarray(scan.spanStart.values[row], scan.spanEnd.values[row]);
          const wrapped = decodeTraces(field(1, field(2, bytes))) as unknown as JsonRequest;
          return wrapped.resourceSpans![0].scopeSpans![0].spans![0].spanId;
        });
        expect(found.sort()).toEqual(spans.map(span => span.spanContext().spanId).sort());
      }
    },
  );

  test('what an earlier scan found is gone', () => {
    const scan = new RequestScan();
    scanRequest(requestOf(spanContent(), spanContent()), scan);
    expect(scanRequest(hex('ff'), scan)).toBe(false);
    expect(scan.spans).toBe(0);
    expect(scanRequest(requestOf(spanContent()), scan)).toBe(true);
    expect(scan).toMatchObject({ spans: 1, rejected: 0, error: '' });
  });

  test('more spans than any column had room for', () => {
    const scan = scanOf(requestOf(...Array.from({ length: 1000 }, () => spanContent())));
    expect(scan.spans).toBe(1000);
  });
});

describe('ids', () => {
  const good = spanContent();
  const withIds = (traceId: string, spanId: string): Uint8Array =>
    concat(field(1, hex(traceId)), field(2, hex(spanId)));
  const traceId = Buffer.from(TRACE_ID).toString('hex');
  const spanId = Buffer.from(SPAN_ID).toString('hex');

  test.each([
    ['is missing', field(2, SPAN_ID)],
    ['is empty', withIds('', spanId)],
    ['has 15 bytes', withIds(traceId.slice(2), spanId)],
    ['has 17 bytes', withIds(`${traceId}00`, spanId)],
    ['is all zero', withIds('00'.repeat(16), spanId)],
    ['is bad and so is the span id', withIds('', '')],
  ])('20: a span whose trace id %s is rejected alone', (_, bad) => {
    const scan = scanOf(requestOf(good, bad, good));
    expect(scan).toMatchObject({ spans: 2, rejectedInvalidTraceId: 1, rejectedInvalidSpanId: 0, rejected: 1 });
  });

  test.each([
    ['is missing', field(1, TRACE_ID)],
    ['has 7 bytes', withIds(traceId, spanId.slice(2))],
    ['has 9 bytes', withIds(traceId, `${spanId}00`)],
    ['is all zero', withIds(traceId, '00'.repeat(8))],
  ])('20: a span whose own id %s is rejected alone', (_, bad) => {
    const scan = scanOf(requestOf(good, bad, good));
    expect(scan).toMatchObject({ spans: 2, rejectedInvalidTraceId: 0, rejectedInvalidSpanId: 1, rejected: 1 });
  });

  test.each([
    ['only the last byte', `${'00'.repeat(15)}01`],
    ['only the first byte', `01${'00'.repeat(15)}`],
    ['a zero upper half', `${'00'.repeat(8)}${traceId.slice(16)}`],
  ])('20: a trace id with %s set is valid', (_, id) => {
    expect(scanOf(requestOf(withIds(id, spanId)))).toMatchObject({ spans: 1, rejected: 0 });
  });

  test('21: a parent id of any length does not matter', () => {
    expect(scanOf(requestOf(spanContent(field(4, hex('010203')))))).toMatchObject({ spans: 1, rejected: 0 });
  });

  test('of two trace ids the last one counts', () => {
    expect(scanOf(requestOf(spanContent(field(1, hex('01')))))).toMatchObject({ spans: 0, rejectedInvalidTraceId: 1 });
    const lastIsGood = concat(field(1, hex('01')), spanContent());
    const scan = scanOf(requestOf(lastIsGood));
    expect(scan).toMatchObject({ spans: 1, rejected: 0 });
    expect(scan.spanHash.values[0]).toBe(scanOf(requestOf(good)).spanHash.values[0]);
  });

  test('ids may have lengths in more bytes than they need', () => {
    const padded = concat(hex('0a 9000'), TRACE_ID, hex('12 888000'), SPAN_ID);
    expect(scanOf(requestOf(padded))).toMatchObject({ spans: 1, rejected: 0 });
  });
});

/** Where a message can be, as the request that has `content` there. */
const PLACES: readonly [string, (content: Uint8Array) => Uint8Array][] = [
  ['the request', content => content],
  ['ResourceSpans', content => field(1, content)],
  ['Resource', content => field(1, field(1, content))],
  ['EntityRef', content => field(1, field(1, field(3, content)))],
  ['ScopeSpans', content => field(1, field(2, content))],
  ['InstrumentationScope', content => field(1, field(2, field(1, content)))],
  ['Span', content => requestOf(spanContent(content))],
  ['Event', content => requestOf(spanContent(field(11, content)))],
  ['Link', content => requestOf(spanContent(field(13, content)))],
  ['Status', content => requestOf(spanContent(field(15, content)))],
  ['KeyValue', content => requestOf(spanContent(field(9, content)))],
  ['AnyValue', content => requestOf(spanContent(attribute(content)))],
  ['ArrayValue', content => requestOf(spanContent(attribute(field(5, content))))],
  ['KeyValueList', content => requestOf(spanContent(attribute(field(6, content))))],
];

describe.each(PLACES)('in %s', (_, placed) => {
  const unknown = (content: string): Uint8Array => placed(hex(content));

  test('25: unknown fields of every wire type are fine, up to the highest number', () => {
    const content = concat(
      hex('b806 8080808080808080807f'),
      hex('b906 0000000000000000'),
      hex('ba06 02ffff'),
      hex('bd06 00000000'),
    );
    expect(errorOf(placed(content))).toBe('');
    expect(errorOf(placed(varintField(2 ** 28, 1)))).toBe('');
    expect(errorOf(placed(concat(varint(2 ** 32 - 8), hex('01'))))).toBe('');
  });

  test.each([
    ['a varint of 11 bytes', 'b806 8080808080808080808001', /a varint takes more than 10 bytes/],
    ['a varint without an end', 'b806 80', /beyond the end/],
    ['7 bytes of fixed64', 'b906 00000000000000', /beyond the end/],
    ['3 bytes of fixed32', 'bd06 000000', /beyond the end/],
    ['a length one too long', 'ba06 0300ff', /a length reaches beyond/],
    ['a length of 2^32', 'ba06 8080808010', /a length reaches beyond/],
    ['a tag without a value', 'b806', /beyond the end/],
    ['a group', 'bb06 bc06', /a group/],
    ['the end of a group', 'bc06', /a group/],
    ['wire type 6', 'be06', /wire type that does not exist/],
    ['wire type 7', 'bf06', /wire type that does not exist/],
    ['field number 0', '00 00', /field number 0/],
    ['field number 0 with a length', '02 00', /field number 0/],
    ['field number 0 in two bytes', '8000 00', /field number 0/],
    ['a tag of 33 bits', '8880808010 00', /more than 32 bits/],
  ])('23: %s is refused', (_, content, reason) => {
    expect(errorOf(unknown(content))).toMatch(reason);
    expect(errorOf(unknown(content))).toMatch(/\(at byte \d+\)$/);
  });
});

describe('known fields', () => {
  test.each([
    ['resource_spans', varintField(1, 1)],
    ['scope_spans', field(1, varintField(2, 1))],
    ['spans', field(1, field(2, varintField(2, 1)))],
    ['trace_id', requestOf(varintField(1, 1))],
    ['name', requestOf(spanContent(varintField(5, 1)))],
    ['kind', requestOf(spanContent(field(6)))],
    ['start_time_unix_nano', requestOf(spanContent(varintField(7, 1)))],
    ['flags (field 16)', requestOf(spanContent(varintField(16, 1)))],
    ['double_value', requestOf(spanContent(attribute(varintField(4, 1))))],
    ['string_value', requestOf(spanContent(attribute(varintField(1, 1))))],
  ])('23: %s of another wire type than its own is refused', (_, body) => {
    expect(errorOf(body)).toMatch(/a known field has the wrong wire type/);
  });

  test('22: invalid UTF-8 and NUL in strings are nothing to the scan', () => {
    expect(errorOf(requestOf(spanContent(field(5, hex('ff00c0')))))).toBe('');
  });

  test('23: the byte where it went wrong is named', () => {
    const body = requestOf(spanContent(hex('2a05 61')));
    expect(errorOf(body)).toBe(`a length reaches beyond the end of its message (at byte ${body.length - 2})`);
  });
});

describe('nesting', () => {
  const spanWith = (value: Uint8Array): Uint8Array => requestOf(spanContent(attribute(value)));

  test('23: values nested 32 levels deep are still checked', () => {
    expect(errorOf(spanWith(nestedArrays(31, field(1, text('deep')))))).toBe('');
    expect(errorOf(spanWith(nestedArrays(31, NESTED_GROUP)))).toMatch(/group/);
    let lists = NESTED_GROUP;
    for (let level = 0; level < 31; level++) lists = field(6, field(1, field(1, text('key')), field(2, lists)));
    expect(errorOf(spanWith(lists))).toMatch(/group/);
  });

  test('23: values nested 20,000 levels deep are opaque and harmless', () => {
    expect(scanOf(spanWith(nestedArrays(20_000, NESTED_GROUP)))).toMatchObject({ spans: 1, error: '' });
  });
});
