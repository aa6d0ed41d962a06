import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonToProtobuf, OtlpDecodeError, RequestScan, scanRequest } from '../../otlp/index.js';
import { concat, text } from './message-bytes.js';
import { decodeTraces, type ProtoMessage } from './trace-proto.js';

interface DecodedRequest {
  resourceSpans: { scopeSpans: { spans: (ProtoMessage & { attributes: { value: ProtoMessage }[] })[] }[] }[];
}

const HEAD = '{"resourceSpans":[{"scopeSpans":[{"spans":[{';
const TAIL = '}]}]}]}';

/** The span that has these members, given as JSON text. */
function spanWith(members: string | Uint8Array): DecodedRequest['resourceSpans'][0]['scopeSpans'][0]['spans'][0] {
  const body = concat(text(HEAD), typeof members === 'string' ? text(members) : members, text(TAIL));
  return (decodeTraces(jsonToProtobuf(body)) as unknown as DecodedRequest).resourceSpans[0].scopeSpans[0].spans[0];
}

/** The AnyValue of an attribute, given as JSON text. */
const anyValue = (json: string): ProtoMessage => spanWith(`"attributes":[{"value":${json}}]`).attributes[0].value;

function expectRefused(members: string): void {
  expect(() => spanWith(members)).toThrow(OtlpDecodeError);
}

describe('12: ids', () => {
  test.each([
    '5B8EFFF798038103D269B633813FC60C',
    '5b8efff798038103d269b633813fc60c',
    '5b8EFFf798038103d269B633813fc60c',
  ])('hex of either case: %s', id => {
    expect(spanWith(`"traceId":"${id}"`).traceId).toBe(id.toLowerCase());
  });

  test.each(['', '00', '5b8efff798038103d269b633813fc6', '5b8efff798038103d269b633813fc60c00'])(
    '20: a trace id of another length (%j) rejects its span alone',
    id => {
      const scan = new RequestScan();
      const spans = `{"traceId":"${id}","spanId":"eee19b7ec3c1b174"},{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}`;
      const body = jsonToProtobuf(text(`{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`));
      expect(scanRequest(body, scan)).toBe(true);
      expect(scan).toMatchObject({ spans: 1, rejectedInvalidTraceId: 1 });
    },
  );

  test.each(['5', '5b8', 'zz', '5B8EFFF798038103D269B633813FC60g', 'W47/95gDgQPSabYzgT/GDA==', '0x12', ' 00', 'é'])(
    'what is no hex is undecodable: %s',
    id => {
      expectRefused(`"traceId":"${id}"`);
    },
  );

  test('escapes are resolved in ids as anywhere', () => {
    expect(spanWith(String.raw`"spanId":"\u0061bcdef\u0030123456789"`).spanId).toBe('abcdef0123456789');
    expectRefused(String.raw`"spanId":"\u00e9bcdef0123456789"`);
  });

  test('an empty id does not take back another one of the same name', () => {
    expect(spanWith('"spanId":"eee19b7ec3c1b174","spanId":""').spanId).toBe('eee19b7ec3c1b174');
  });

  test('a number is no id', () => expectRefused('"spanId":12'));

  test('parent ids and the ids of links are hex too', () => {
    const span = spanWith('"parentSpanId":"EEE19B7EC3C1B173","links":[{"traceId":"AB","spanId":"cd","flags":257}]');
    expect(span.parentSpanId).toBe('eee19b7ec3c1b173');
    expect(span.links).toEqual([{ traceId: 'ab', spanId: 'cd', flags: 257 }]);
  });
});

describe('12: integers', () => {
  test('escapes are resolved in strings of numbers as anywhere', () => {
    expect(spanWith(String.raw`"startTimeUnixNano":"1\u0032\u0065\u0031"`).startTimeUnixNano).toBe('120');
    expect(anyValue(String.raw`{"doubleValue":"\u002d1.5"}`)).toEqual({ doubleValue: -1.5 });
    expectRefused(String.raw`"startTimeUnixNano":"1\u0020"`);
  });

  test.each([
    ['0', undefined],
    ['"0"', undefined],
    ['1', '1'],
    ['"1"', '1'],
    ['9007199254740993', '9007199254740993'],
    ['"9007199254740993"', '9007199254740993'],
    ['1544712660000000001', '1544712660000000001'],
    ['"1544712660000000001"', '1544712660000000001'],
    ['18446744073709551615', '18446744073709551615'],
    ['1e3', '1000'],
    ['"1.5e1"', '15'],
    ['1544712660000000001.0', '1544712660000000001'],
    ['1.8446744073709551615E+19', '18446744073709551615'],
    ['12300e-2', '123'],
    ['0e999999999', undefined],
    ['-0', undefined],
  ])('fixed64 %s is %s', (json, value) => {
    expect(spanWith(`"startTimeUnixNano":${json}`).startTimeUnixNano).toBe(value);
  });

  test.each([
    '18446744073709551616',
    '99999999999999999999999',
    '-1',
    '1.5',
    '1e-1',
    '1e20',
    '1e999999999',
    '""',
    '"x"',
    '"1x"',
    '" 1"',
    '"1 "',
    'true',
    '[]',
    '{}',
    '"0x10"',
    '"١"',
    `1${'0'.repeat(10_000)}`,
  ])('fixed64 %s is refused', json => expectRefused(`"endTimeUnixNano":${json}`));

  test.each([
    ['-1', '-1'],
    ['"-9223372036854775808"', '-9223372036854775808'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['9223372036854775807', '9223372036854775807'],
    ['-4294967296', '-4294967296'],
    ['0', '0'],
  ])('int64 %s is %s', (json, value) => {
    expect(anyValue(`{"intValue":${json}}`)).toEqual({ intValue: value });
  });

  test.each(['9223372036854775808', '-9223372036854775809', '1.25'])('int64 %s is refused', json =>
    expectRefused(`"attributes":[{"value":{"intValue":${json}}}]`),
  );

  test('every 64-bit integer keeps its value, as a number and as a string', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), value => {
        expect(anyValue(`{"intValue":${value}}`)).toEqual({ intValue: String(value) });
        expect(anyValue(`{"intValue":"${value}"}`)).toEqual({ intValue: String(value) });
      }),
    );
  });

  test.each([
    ['droppedLinksCount', '4294967295', 4294967295],
    ['droppedLinksCount', '"7"', 7],
    ['flags', '4294967295', 4294967295],
    ['flags', '"257"', 257],
    ['kind', '2147483647', 2147483647],
    ['kind', '-2147483648', -2147483648],
    ['kind', '2', 2],
  ])('%s %s is taken', (name, json, value) => {
    expect(spanWith(`"${name}":${json}`)[name]).toBe(value);
  });

  test.each([
    ['droppedLinksCount', '4294967296'],
    ['droppedLinksCount', '-1'],
    ['flags', '4294967296'],
    ['kind', '2147483648'],
    ['kind', '-2147483649'],
    ['kind', '"2"'],
    ['kind', '"SPAN_KIND_SERVER"'],
    ['kind', '2.5'],
  ])('%s %s is refused', (name, json) => expectRefused(`"${name}":${json}`));

  test('the enum of a status is an integer too', () => {
    expect(spanWith('"status":{"code":2,"message":"no"}').status).toEqual({ code: 2, message: 'no' });
    expectRefused('"status":{"code":"STATUS_CODE_ERROR"}');
  });
});

describe('12: other values', () => {
  test.each([
    ['1', 1],
    ['-1.5e3', -1500],
    ['"2.5"', 2.5],
    ['0', 0],
    ['"NaN"', Number.NaN],
    ['"Infinity"', Number.POSITIVE_INFINITY],
    ['"-Infinity"', Number.NEGATIVE_INFINITY],
    ['5e-324', 5e-324],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['-0.0', -0],
  ])('double %s', (json, value) => {
    expect(anyValue(`{"doubleValue":${json}}`)).toEqual({ doubleValue: value });
  });

  test.each(['"nan"', '"inf"', 'NaN', 'Infinity', '""', '"1,5"', '1e400', 'true', '"0x1"', '" 1"'])(
    'double %s is refused',
    json => expectRefused(`"attributes":[{"value":{"doubleValue":${json}}}]`),
  );

  test.each([
    ['', ''],
    ['AQID', '010203'],
    ['+/8=', 'fbff'],
    ['-_8=', 'fbff'],
    ['-_8', 'fbff'],
    ['/w==', 'ff'],
    ['\\/w==', 'ff'],
  ])('bytes in base64, standard and URL-safe: %s', (base64, bytes) => {
    expect(anyValue(`{"bytesValue":"${base64}"}`)).toEqual({ bytesValue: bytes });
  });

  test.each(['A', 'AQI!', 'AQ ID', 'AQID=====', 'é', '=AQI'])('bytes %s are refused', base64 =>
    expectRefused(`"attributes":[{"value":{"bytesValue":"${base64}"}}]`),
  );

  test.each(['{"stringValue":""}', '{"boolValue":false}', '{"arrayValue":{}}', '{"kvlistValue":{}}', '{}'])(
    'a value that is set to its default is set: %s',
    json => {
      expect(anyValue(json)).toEqual(JSON.parse(json));
    },
  );

  test('a member that is null is not set', () => {
    expect(anyValue('{"stringValue":null,"boolValue":true}')).toEqual({ boolValue: true });
  });

  test.each(['"true"', '1', 'tru'])('bool %s is refused', json =>
    expectRefused(`"attributes":[{"value":{"boolValue":${json}}}]`),
  );

  test('arrays and lists nest', () => {
    const json =
      '{"arrayValue":{"values":[{"intValue":"1"},{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}]}}';
    expect(anyValue(json)).toEqual(JSON.parse(json));
  });

  test('a list is not a single value, nor the other way round', () => {
    expectRefused('"attributes":{"key":"k"}');
    expectRefused('"status":[{}]');
    expectRefused('"name":["x"]');
    expectRefused('"name":1');
  });
});

describe('strings', () => {
  test('any text arrives as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), name => {
        expect(spanWith(`"name":${JSON.stringify(name)}`).name ?? '').toBe(name);
        const escaped = [...name]
          .flatMap(char => char.split(''))
          .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
        expect(spanWith(`"name":"${escaped.join('')}"`).name ?? '').toBe(name);
      }),
    );
  });

  test('all short escapes, and NUL is kept', () => {
    expect(spanWith('"name":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"').name).toBe('"\\/\b\f\n\r\t\0');
  });

  test('22: half a surrogate pair becomes U+FFFD', () => {
    expect(spanWith('"name":"a\\ud800b"').name).toBe('a\ufffdb');
  });

  test.each([
    ['a lone continuation byte', [0x80], '\ufffd'],
    ['a cut character', [0xc3], '\ufffd'],
    ['an encoded surrogate', [0xed, 0xa0, 0x80], '\ufffd\ufffd\ufffd'],
    ['0xff', [0xff], '\ufffd'],
  ])('22: invalid UTF-8 is replaced: %s', (_, bytes, replacement) => {
    const members = (more: string): Uint8Array => concat(text('"name":"é'), Uint8Array.from(bytes), text(`b${more}"`));
    expect(spanWith(members('')).name).toBe(`é${replacement}b`);
    expect(spanWith(members('\\n')).name).toBe(`é${replacement}b\n`);
  });
});
