import { readFileSync } from 'node:fs';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonToProtobuf, OtlpDecodeError, RequestScan, scanRequest } from '../../otlp/index.js';
import { concat, hex, text } from './message-bytes.js';
import { type JsonRequest, readableSpans } from './readable-spans.js';
import { recordedLines } from './recorded.js';
import { decodeTraces } from './trace-proto.js';

const CONFORMANCE = '../shared/data/conformance';

const convert = (json: string): Uint8Array => jsonToProtobuf(text(json));
const decoded = (json: string): unknown => decodeTraces(convert(json));

/** What is wrong with a document; fails if nothing is. */
function complaintOf(json: string | Uint8Array): string {
  try {
    jsonToProtobuf(typeof json === 'string' ? text(json) : json);
  } catch (error) {
    expect(error).toBeInstanceOf(OtlpDecodeError);
    expect(error).toMatchObject({ code: 'OTLP_UNDECODABLE', retryable: false });
    return (error as OtlpDecodeError).message;
  }
  throw new Error('it was taken');
}

/**
 * OTLP JSON as protobufjs shows the message that says the same: ids in lower case, base64 as hex, 64-bit integers as
 * strings, and nothing that has its default value outside a oneof.
 */
function canonical(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(item => canonical(item));
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([name, inner]) => [name, canonical(inner, name)]);
    return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
  }
  if (key.endsWith('Value')) {
    if (key === 'bytesValue') return Buffer.from(String(value), 'base64').toString('hex');
    return key === 'intValue' ? String(value) : value;
  }
  if (value === 0 || value === '' || value === '0') return undefined;
  return /Id$/.test(key) ? String(value).toLowerCase() : value;
}

describe('12: whole documents', () => {
  test("the protocol's example is the protocol's bytes", () => {
    const json = readFileSync(`${CONFORMANCE}/otlp-trace.json`);
    const expected = readFileSync(`${CONFORMANCE}/otlp-trace.pb`);
    expect(decodeTraces(jsonToProtobuf(json))).toEqual(decodeTraces(expected));
  });

  test('empty and nested values as opentelemetry-java writes them', () => {
    const json = readFileSync(`${CONFORMANCE}/opentelemetry-java/expected-spans-wrapper.json`, 'utf8');
    expect(decoded(json)).toEqual(canonical(JSON.parse(json)));
  });

  test('every line of the recorded demo decodes to what its JSON says', () => {
    const lines = recordedLines('opentelemetry-demo');
    expect(lines.length).toBe(41);
    for (const line of lines) expect(decoded(line)).toEqual(canonical(JSON.parse(line)));
  });

  test.each(['onlineboutique', 'onlineboutique-delays', 'trainticket'] as const)('so do lines of %s', recording => {
    for (const line of recordedLines(recording, 50)) expect(decoded(line)).toEqual(canonical(JSON.parse(line)));
  });

  test('what the official JSON serializer writes says what its protobuf serializer writes', () => {
    for (const line of recordedLines('opentelemetry-demo')) {
      const spans = readableSpans(JSON.parse(line) as JsonRequest);
      const json = JsonTraceSerializer.serializeRequest(spans)!;
      // The official protobuf writes defaults too.
      const expected = decodeTraces(ProtobufTraceSerializer.serializeRequest(spans)!);
      expect(decodeTraces(jsonToProtobuf(json))).toEqual(canonical(expected));
    }
  });

  test('19: what is converted passes the scan, and so do its ids', () => {
    const scan = new RequestScan();
    expect(scanRequest(jsonToProtobuf(readFileSync(`${CONFORMANCE}/otlp-trace.json`)), scan)).toBe(true);
    expect(scan).toMatchObject({ spans: 1, rejected: 0 });
  });

  test('white space of every kind, anywhere', () => {
    const spaced = JSON.stringify(JSON.parse(readFileSync(`${CONFORMANCE}/otlp-trace.json`, 'utf8')), null, '\t\r\n ');
    expect(decoded(` \r\n\t${spaced} \n`)).toEqual(decoded(readFileSync(`${CONFORMANCE}/otlp-trace.json`, 'utf8')));
  });

  test('5: {} is an empty request', () => {
    expect(convert('{}')).toHaveLength(0);
    expect(convert('{"resourceSpans":[]}')).toHaveLength(0);
    expect(convert('{"resourceSpans":null}')).toHaveLength(0);
  });

  test('a byte order mark is passed over', () => {
    expect(jsonToProtobuf(concat(hex('efbbbf'), text('{}')))).toHaveLength(0);
  });

  test('a body of more than the buffer that is kept, and a small one after it', () => {
    const large = JSON.stringify({ resourceSpans: [{ schemaUrl: 'x'.repeat(3_000_000) }] });
    expect(decoded(large)).toEqual(JSON.parse(large));
    expect(decoded('{"resourceSpans":[{"schemaUrl":"y"}]}')).toEqual({ resourceSpans: [{ schemaUrl: 'y' }] });
  });
});

describe('12: field names', () => {
  test('only lowerCamelCase is known; all else is ignored', () => {
    expect(convert('{"resource_spans":[{}],"ResourceSpans":[{}],"resourceSpan":1,"resourceSpanz":{}}')).toHaveLength(0);
  });

  test('a name may be written with escapes', () => {
    expect(decoded('{"resource\\u0053pans":[{"schemaUrl":"x"}]}')).toEqual({ resourceSpans: [{ schemaUrl: 'x' }] });
    expect(convert('{"resource\\u0054pans":[{"schemaUrl":"x"}]}')).toHaveLength(0);
  });

  test('unknown fields of every shape are ignored', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const request = { other: value, resourceSpans: [{ other: value, schemaUrl: 'x', another: value }] };
        expect(decoded(JSON.stringify(request))).toEqual({ resourceSpans: [{ schemaUrl: 'x' }] });
      }),
    );
  });

  test('of a name that comes twice lists are joined and of anything else the last one counts', () => {
    const twice = '{"resourceSpans":[{"schemaUrl":"a","schemaUrl":"b"}],"resourceSpans":[{"schemaUrl":"c"}]}';
    expect(decoded(twice)).toEqual({ resourceSpans: [{ schemaUrl: 'b' }, { schemaUrl: 'c' }] });
  });

  test('null is no value, of any field and in lists', () => {
    const nulls = '{"resourceSpans":[null,{"resource":null,"schemaUrl":null,"scopeSpans":[{"spans":null}]}]}';
    expect(decoded(nulls)).toEqual({ resourceSpans: [{ scopeSpans: [{}] }] });
  });
});

describe('what is no document', () => {
  test.each([
    ['nothing', '', /^an empty body/],
    ['white space', ' \n', /^an empty body/],
    ['a list', '[]', /^expected an object/],
    ['null', 'null', /^expected an object/],
    ['two documents', '{}{}', /^something follows the document \(at byte 2\)/],
    ['garbage after it', '{} x', /^something follows/],
    ['an object without an end', '{"resourceSpans":[{}]', /expected "}", found the end/],
    ['a trailing comma in an object', '{"a":1,}', /expected a string/],
    ['a trailing comma in a list', '{"resourceSpans":[{},]}', /^resourceSpans\[1\]: expected an object/],
    ['a name without quotes', '{a:1}', /expected a string/],
    ['a missing colon', '{"a" 1}', /expected ":"/],
    ['a string without an end', '{"a":"b', /a string without an end/],
    ['a raw line feed in a string', '{"a":"\n"}', /a control character/],
    ['a bad escape', '{"a":"\\x"}', /a bad escape/],
    ['a short \\u escape', '{"a":"\\u12g4"}', /a bad escape/],
    ['an escape without an end', '{"a":"\\', /a bad escape/],
    ['a leading zero', '{"a":01}', /expected "}"|expected a number/],
    ['a lone minus', '{"a":-}', /expected a number/],
    ['a fraction without digits', '{"a":1.}', /expected/],
    ['an exponent without digits', '{"a":1e+}', /expected/],
    ['a word that JSON does not know', '{"a":nul}', /expected a value/],
    ['brackets that do not match', '{"a":[{]}', /expected a string/],
    ['brackets that close the wrong one', '{"a":[1}]', /expected "\]"/],
    ['a value missing', '{"a":}', /expected a value/],
  ])('7: %s is undecodable', (_, json, complaint) => {
    expect(complaintOf(json)).toMatch(complaint);
  });

  test('7: whatever JSON.parse refuses is refused here, wherever it is cut or changed', () => {
    const json = '{"x":[1,-2.5e+3,true,null,{"y":"\\u00e9\\n"}],"resourceSpans":[{"schemaUrl":"u"}]}';
    fc.assert(
      fc.property(
        fc.nat(json.length),
        fc.nat(json.length),
        fc.constantFrom('', '"', '{', ']', ',', '0', '.', '\\'),
        (a, b, put) => {
          const broken = json.slice(0, Math.min(a, b)) + put + json.slice(Math.max(a, b));
          let isJson = true;
          try {
            JSON.parse(broken);
          } catch {
            isJson = false;
          }
          if (!isJson) complaintOf(broken);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('7: bytes of any kind end in an OtlpDecodeError or in protobuf', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        complaintOf(concat(text('{"resourceSpans":['), bytes, text('!')));
      }),
    );
  });

  test('the place is named', () => {
    const span = { traceId: '5b8efff798038103d269b633813fc60c', kind: 'SPAN_KIND_SERVER' };
    const request = { resourceSpans: [{ scopeSpans: [{}, { spans: [{}, {}, {}, span] }] }] };
    expect(complaintOf(JSON.stringify(request))).toMatch(
      /^resourceSpans\[0\]\.scopeSpans\[1\]\.spans\[3\]\.kind: expected an integer/,
    );
    expect(complaintOf('{"resourceSpans":[{"resource":{"attributes":[{"value":{"boolValue":1}}]}}]}')).toMatch(
      /^resourceSpans\[0\]\.resource\.attributes\[0\]\.value\.boolValue: expected true or false \(at byte 67\)/,
    );
  });
});

describe('nesting', () => {
  const nested = (levels: number, inner: string): string =>
    `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${'{"arrayValue":{"values":['.repeat(levels)}${inner}${']}}'.repeat(levels)}}]}}]}`;

  test('23: 32 levels of values arrive whole', () => {
    const json = nested(31, '{"stringValue":"deep"}');
    expect(JSON.stringify(decoded(json))).toBe(JSON.stringify(JSON.parse(json)));
  });

  test('23: 200,000 levels are accepted and cut, of values and of unknown fields', () => {
    const bytes = convert(nested(200_000, '{}'));
    expect(bytes.length).toBeLessThan(1000);
    expect(scanRequest(bytes, new RequestScan())).toBe(true);
    expect(convert(`{"other":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)).toHaveLength(0);
    expect(complaintOf(`{"other":${'[{"a":'.repeat(100_000)}`)).toMatch(/expected a value/);
  });
});
