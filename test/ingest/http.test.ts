import { readFileSync } from 'node:fs';
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  jsonRequest,
  protobufRequest,
  someSpans,
  spansIn,
} from './support/otlp-messages.js';
import { RawConnection, requestHead } from './support/raw-http.js';
import { Receivers } from './support/receivers.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' };

let receivers: Receivers;

beforeAll(async () => {
  receivers = await Receivers.start();
});

afterAll(() => receivers?.close());

async function protobufBody(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

describe('1: POST /v1/traces takes protobuf and JSON', () => {
  test.each([
    ['application/x-protobuf', protobufRequest],
    ['application/x-protobuf; charset=utf-8', protobufRequest],
    ['application/json', jsonRequest],
    ['application/json;charset=utf-8', jsonRequest],
    ['Application/JSON ; charset="utf-8"', jsonRequest],
  ])('%s is taken and its spans are in the log', async (contentType, encode) => {
    const response = await receivers.post(encode(someSpans(3)), { 'content-type': contentType });
    expect(response.status).toBe(200);
    expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2', 'span 3']);
  });

  test.each(['text/plain', 'application/protobuf', 'application/jsonp', 'nonsense', ''])(
    'any other type (%j) is 415',
    async contentType => {
      const connection = await RawConnection.open(receivers.ingest.httpPort);
      connection.write(`${requestHead({ 'content-type': contentType, 'content-length': '2' })}{}`);
      expect((await connection.answer())?.status).toBe(415);
      connection.destroy();
    },
  );

  test('no type at all is 415', async () => {
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    connection.write('POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}');
    expect((await connection.answer())?.status).toBe(415);
    connection.destroy();
  });

  test.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])(
    '%s is 405 and says what is allowed',
    async method => {
      const response = await fetch(`${receivers.httpUrl}/v1/traces`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
    },
  );

  test('another path is 404', async () => {
    expect((await receivers.post('', PROTOBUF_TYPE, '/v1/profiles')).status).toBe(404);
  });
});

describe("2: the response's Content-Type equals the request's", () => {
  test.each([
    'application/x-protobuf',
    'application/x-protobuf; charset=utf-8',
    'application/json',
    'application/json; charset=utf-8',
  ])('%s, for a success and for an error', async contentType => {
    const good = contentType.startsWith('application/json') ? '{}' : '';
    const success = await receivers.post(good, { 'content-type': contentType });
    expect(success.status).toBe(200);
    expect(success.headers.get('content-type')).toBe(contentType);
    const error = await receivers.post('\x01', { 'content-type': contentType });
    expect(error.status).toBe(400);
    expect(error.headers.get('content-type')).toBe(contentType);
  });

  test('what is no media type is never echoed', async () => {
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    connection.write(requestHead({ 'content-type': 'application/json; <script>', 'content-length': '0' }));
    const answer = await connection.answer();
    expect(answer?.status).toBeGreaterThanOrEqual(400);
    expect(answer?.headers['content-type']).toBe('application/json');
    connection.destroy();
  });
});

describe('3: content encodings', () => {
  test.each([
    ['identity', (body: Buffer) => body],
    ['gzip', (body: Buffer) => gzipSync(body)],
    ['GZIP', (body: Buffer) => gzipSync(body)],
    ['deflate', (body: Buffer) => deflateSync(body)],
  ])('%s works for protobuf and for JSON', async (encoding, compress) => {
    const headers = { 'content-encoding': encoding };
    const protobuf = await receivers.post(compress(protobufRequest(someSpans(2))), { ...PROTOBUF_TYPE, ...headers });
    expect(protobuf.status).toBe(200);
    const json = await receivers.post(compress(jsonRequest(someSpans(1, 3))), { ...JSON_TYPE, ...headers });
    expect(json.status).toBe(200);
    expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2', 'span 3']);
  });

  const zipped = gzipSync(protobufRequest(someSpans(50)));
  test.each([
    ['unknown', 'snappy', zipped],
    ['two of them', 'gzip, gzip', zipped],
    ['none, but it says gzip', 'gzip', protobufRequest(someSpans(2))],
    ['cut short', 'gzip', zipped.subarray(0, zipped.length - 9)],
    ['corrupt', 'gzip', Buffer.concat([zipped.subarray(0, 40), Buffer.alloc(40, 0x55), zipped.subarray(80)])],
  ])('%s: 400, and the next good request succeeds', async (_what, encoding, body) => {
    const response = await receivers.post(body, { 'content-encoding': encoding });
    expect(response.status).toBe(400);
    expect(decodeMessage('Status', await protobufBody(response))).toMatchObject({ code: 3 });
    expect((await receivers.post(zipped, { 'content-encoding': 'gzip' })).status).toBe(200);
    expect(await receivers.newSpanNames()).toHaveLength(50);
  });
});

describe('5: success', () => {
  test('is 200 with partial_success unset, in protobuf', async () => {
    const response = await receivers.post(protobufRequest(someSpans(1)));
    expect(response.status).toBe(200);
    expect(decodeMessage('ExportTraceServiceResponse', await protobufBody(response))).toEqual({});
    expect(await receivers.newSpanNames()).toEqual(['span 1']);
  });

  test('is 200 with partial_success unset, in JSON', async () => {
    const response = await receivers.post(jsonRequest(someSpans(1)), JSON_TYPE);
    expect(await response.json()).toEqual({});
    expect(await receivers.newSpanNames()).toEqual(['span 1']);
  });

  test.each([
    ['no bytes', PROTOBUF_TYPE, ''],
    ['a resource without spans', PROTOBUF_TYPE, protobufRequest([])],
    ['an empty object', JSON_TYPE, '{}'],
    ['an empty list', JSON_TYPE, '{"resourceSpans":[]}'],
  ])('an empty request is one: %s', async (_what, type, body) => {
    expect((await receivers.post(body, type)).status).toBe(200);
    expect(await receivers.newRecords()).toEqual([]);
  });

  test('with one record per partition that has spans, each counted', async () => {
    await receivers.post(protobufRequest(someSpans(40)));
    const records = await receivers.newRecords();
    expect(new Set(records.map(record => record.partition)).size).toBe(records.length);
    expect(records.length).toBeGreaterThan(1);
    for (const { payload, itemCount, tenant } of records) {
      expect(spansIn(payload)).toHaveLength(itemCount);
      expect(tenant).toBe('default');
    }
    expect(records.reduce((sum, record) => sum + record.itemCount, 0)).toBe(40);
  });

  test('with one partition the body is the record, byte for byte', async () => {
    const single = await Receivers.start({ partitionCount: 1 });
    const body = protobufRequest(someSpans(5));
    await single.post(body);
    const [record] = await single.newRecords();
    expect(Buffer.from(record.payload)).toEqual(body);
    await single.close();
  });
});

describe('6: some spans refused', () => {
  const good = someSpans(3);
  const mixed = [
    ...good,
    { ...good[0], traceId: '0'.repeat(32) },
    { ...good[0], traceId: 'abcd' },
    { ...good[0], spanId: '0'.repeat(16) },
  ];

  test.each([
    ['protobuf', PROTOBUF_TYPE, protobufRequest],
    ['JSON', JSON_TYPE, jsonRequest],
  ])('%s: 200 with the exact rejected_spans and why; the rest is taken', async (_format, type, encode) => {
    const before = await receivers.counters();
    const response = await receivers.post(encode(mixed), type);
    expect(response.status).toBe(200);
    const { partialSuccess } = (
      type === JSON_TYPE
        ? await response.json()
        : decodeMessage('ExportTraceServiceResponse', await protobufBody(response))
    ) as { partialSuccess: { rejectedSpans: string; errorMessage: string } };
    expect(partialSuccess.rejectedSpans).toBe('3');
    expect(partialSuccess.errorMessage).toMatch(/2 with a trace id that.*1 with a span id that/);
    expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2', 'span 3']);
    const after = await receivers.counters();
    expect(after['rejected.invalid_trace_id'] - (before['rejected.invalid_trace_id'] ?? 0)).toBe(2);
    expect(after['rejected.invalid_span_id'] - (before['rejected.invalid_span_id'] ?? 0)).toBe(1);
  });

  test('all of them: still 200, still counted, nothing in the log', async () => {
    const before = await receivers.counters();
    const response = await receivers.post(protobufRequest([{ ...good[0], spanId: '' }]));
    expect(response.status).toBe(200);
    expect(decodeMessage('ExportTraceServiceResponse', await protobufBody(response))).toMatchObject({
      partialSuccess: { rejectedSpans: '1' },
    });
    expect(await receivers.newRecords()).toEqual([]);
    const after = await receivers.counters();
    expect(after['rejected.invalid_span_id']).toBe((before['rejected.invalid_span_id'] ?? 0) + 1);
  });
});

describe('7: a body that cannot be decoded is 400', () => {
  const request = protobufRequest(someSpans(2));
  test.each([
    ['a length beyond the end', PROTOBUF_TYPE, request.subarray(0, request.length - 1)],
    ['a group', PROTOBUF_TYPE, Buffer.from([0x0b, 0x0c])],
    ['a varint without end', PROTOBUF_TYPE, Buffer.alloc(20, 0xff)],
    ['a span inside that is cut short', PROTOBUF_TYPE, Buffer.from([0x0a, 0x05, 0x12, 0x03, 0x12, 0x01, 0x0a])],
    ['JSON as protobuf', PROTOBUF_TYPE, jsonRequest(someSpans(1))],
    ['protobuf as JSON', JSON_TYPE, request],
    ['JSON cut short', JSON_TYPE, jsonRequest(someSpans(1)).subarray(0, 50)],
    ['JSON of another shape', JSON_TYPE, Buffer.from('{"resourceSpans":{"scopeSpans":7}}')],
    ['a JSON list', JSON_TYPE, Buffer.from('[]')],
    ['no JSON at all', JSON_TYPE, Buffer.alloc(0)],
    ['JSON nested a hundred thousand deep', JSON_TYPE, Buffer.from(`{"resourceSpans":${'['.repeat(100_000)}`)],
  ])('%s; nothing is counted and the next good request succeeds', async (_what, type, body) => {
    const before = await receivers.counters();
    const response = await receivers.post(body, type);
    expect(response.status).toBe(400);
    const status = type === JSON_TYPE ? await response.json() : decodeMessage('Status', await protobufBody(response));
    expect(status).toMatchObject({ code: 3, message: expect.stringContaining('OTLP') });
    expect(await receivers.counters()).toEqual(before);
    expect((await receivers.post(request)).status).toBe(200);
    expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2']);
  });
});

test('7: whatever strangers make of a good request is taken or refused as 400, and the next good one succeeds', async () => {
  const good = { protobuf: protobufRequest(someSpans(3)), json: jsonRequest(someSpans(3)) };
  const mutation = fc.record({
    format: fc.constantFrom('protobuf' as const, 'json' as const),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(4),
    insert: fc.uint8Array({ maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(mutation, async ({ format, at, cut, insert }) => {
      const body = good[format];
      const position = Math.floor(at * body.length);
      const mutant = Buffer.concat([body.subarray(0, position), insert, body.subarray(position + cut)]);
      const response = await receivers.post(mutant, format === 'json' ? JSON_TYPE : PROTOBUF_TYPE);
      expect([200, 400]).toContain(response.status);
    }),
    { numRuns: 300 },
  );
  await receivers.newRecords();
  expect((await receivers.post(good.protobuf)).status).toBe(200);
  expect(await receivers.newSpanNames()).toEqual(['span 1', 'span 2', 'span 3']);
});

describe("8: every 4xx body is a google.rpc.Status in the request's encoding", () => {
  test.each([
    [400, '/v1/traces', 'POST', {}],
    [400, '/v1/traces', 'POST', { 'content-encoding': 'br' }],
    [404, '/v1/else', 'POST', {}],
    [404, '/v1/%ff', 'POST', {}],
    [405, '/v1/traces', 'PUT', {}],
    [413, '/v1/traces', 'POST', { 'content-length': String(5 << 20) }],
  ])('%i for %s', async (status, path, method, headers) => {
    for (const contentType of ['application/x-protobuf', 'application/json']) {
      const connection = await RawConnection.open(receivers.ingest.httpPort);
      const all = { 'content-type': contentType, 'content-length': '1', ...headers };
      connection.write(`${requestHead(all, path, method)}\x01`);
      const answer = await connection.answer();
      expect(answer?.status).toBe(status);
      expect(answer?.headers['content-type']).toBe(contentType);
      const body = answer?.body ?? Buffer.alloc(0);
      const decoded = contentType === 'application/json' ? JSON.parse(body.toString()) : decodeMessage('Status', body);
      expect(decoded).toEqual({ code: expect.any(Number), message: expect.stringMatching(/\w/) });
      connection.destroy();
    }
  });

  test('where there is no encoding to answer in, in JSON', async () => {
    const response = await receivers.post('x', { 'content-type': 'text/plain' });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: 3 });
    const connection = await RawConnection.open(receivers.ingest.httpPort);
    connection.write('this is not HTTP\r\n\r\n');
    const answer = await connection.answer();
    expect(answer?.status).toBe(400);
    expect(JSON.parse(answer?.body.toString() ?? '')).toMatchObject({ code: 3 });
    await connection.closed();
  });
});

test('11: a response stays below 4 MiB, whatever was wrong with the request', async () => {
  const spans = someSpans(20_000).map(span => ({ ...span, spanId: '' }));
  const rejected = await receivers.post(protobufRequest(spans));
  expect((await rejected.arrayBuffer()).byteLength).toBeLessThan(1024);
  const strange = await receivers.post(JSON.stringify({ resourceSpans: 'x'.repeat(3 << 20) }), JSON_TYPE);
  expect(strange.status).toBe(400);
  expect((await strange.arrayBuffer()).byteLength).toBeLessThan(64 << 10);
});

describe('12: JSON', () => {
  test('ids are hex in either case, 64-bit integers strings or numbers, unknown fields ignored', async () => {
    const traceId = 'ABCDEFabcdef01230123456789ABCDEF';
    const span = { traceId, spanId: 'AbCdEf0123456789', name: 'mixed', ofTomorrow: { deep: [1, null] } };
    const times = [
      { startTimeUnixNano: '1764000000000000001', endTimeUnixNano: '9007199254740993' },
      { startTimeUnixNano: 1764000000, endTimeUnixNano: '18446744073709551615' },
    ];
    const spans = times.map(time => ({ ...span, ...time }));
    // Larger than a double holds: as text, so that it is not rounded on the way here.
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }).replace(
      '"9007199254740993"',
      '9007199254740993',
    );
    expect((await receivers.post(body, JSON_TYPE)).status).toBe(200);
    const stored = (await receivers.newRecords()).flatMap(record => spansIn(record.payload));
    expect(stored.map(({ startTimeUnixNano, endTimeUnixNano }) => [startTimeUnixNano, endTimeUnixNano])).toEqual([
      ['1764000000000000001', '9007199254740993'],
      ['1764000000', '18446744073709551615'],
    ]);
    expect(Buffer.from(stored[0].traceId).toString('hex')).toBe(traceId.toLowerCase());
    expect(Buffer.from(stored[0].spanId).toString('hex')).toBe('abcdef0123456789');
  });

  test("the protocol's own example gives the same record as JSON and as protobuf", async () => {
    const send = async (file: string, type: Record<string, string>) => {
      expect((await receivers.post(readFileSync(`../shared/data/conformance/${file}`), type)).status).toBe(200);
      return (await receivers.newRecords()).map(record => decodeMessage('TracesData', record.payload));
    };
    const fromJson = await send('otlp-trace.json', JSON_TYPE);
    expect(fromJson).toHaveLength(1);
    expect(await send('otlp-trace.pb', PROTOBUF_TYPE)).toEqual(fromJson);
  });
});

describe('14: CORS', () => {
  const preflight = { origin: 'https://shop.example', 'access-control-request-method': 'POST' };

  test('without configured origins no CORS header is sent', async () => {
    const response = await receivers.post('', { origin: 'https://shop.example' });
    expect(response.status).toBe(200);
    expect([...response.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([]);
  });

  test('a configured origin gets its preflight and its answers; another origin does not', async () => {
    const open = await Receivers.start({ http: { corsOrigins: ['https://shop.example'] } });
    const url = `${open.httpUrl}/v1/traces`;
    const headers = { ...preflight, 'access-control-request-headers': 'content-type, x-own' };
    const allowed = await fetch(url, { method: 'OPTIONS', headers });
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(allowed.headers.get('access-control-allow-methods')).toBe('POST');
    expect(allowed.headers.get('access-control-allow-headers')).toBe('content-type, x-own');
    const sent = await open.post('', { origin: 'https://shop.example' });
    expect(sent.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(sent.headers.get('vary')).toBe('origin');
    const refused = await open.post('\x01', { origin: 'https://shop.example' });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    const other = await fetch(url, { method: 'OPTIONS', headers: { ...headers, origin: 'https://shop.example.evil' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
    expect(other.headers.get('access-control-allow-headers')).toBeNull();
    await open.close();
  });
});

describe('15: metrics and logs are answered with a rejection of everything, so that their exporters do not fail', () => {
  const metrics = {
    resourceMetrics: [
      {
        scopeMetrics: [
          { metrics: [{ name: 'a {[', gauge: { dataPoints: [{}, { timeUnixNano: '1' }] } }, { name: 'b' }] },
          { metrics: [{ name: 'c', sum: { dataPoints: [{ timeUnixNano: '2' }] } }] },
        ],
      },
    ],
  };
  const logs = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityNumber: 9 }, {}] }] }, { scopeLogs: [{}] }] };

  test.each([
    ['metrics', metrics, 'MetricsData', 'ExportMetricsServiceResponse', 'rejectedDataPoints', '3'],
    ['logs', logs, 'LogsData', 'ExportLogsServiceResponse', 'rejectedLogRecords', '2'],
  ] as const)('%s', async (signal, request, requestName, responseName, countName, count) => {
    const partialSuccess = { [countName]: count, errorMessage: expect.stringContaining(`${signal} are not taken`) };
    const path = `/v1/${signal}`;
    const json = await receivers.post(JSON.stringify(request, null, 1), JSON_TYPE, path);
    expect(json.status).toBe(200);
    expect(await json.json()).toEqual({ partialSuccess });
    const protobuf = await receivers.post(encodeMessage(requestName, request), PROTOBUF_TYPE, path);
    expect(protobuf.status).toBe(200);
    expect(decodeMessage(responseName, await protobufBody(protobuf))).toEqual({ partialSuccess });
    expect(await receivers.newRecords()).toEqual([]);
  });

  test.each([
    ['protobuf', PROTOBUF_TYPE, Buffer.from([0x0a, 0x05, 0x12])],
    ['protobuf with a group', PROTOBUF_TYPE, Buffer.from([0x0b])],
    ['JSON cut short', JSON_TYPE, Buffer.from('{"resourceLogs":[{"scopeLogs":[')],
    ['JSON in a string', JSON_TYPE, Buffer.from('{"resourceLogs":"[')],
    ['JSON that goes on', JSON_TYPE, Buffer.from('{} {}')],
    ['JSON without a comma', JSON_TYPE, Buffer.from('{"resourceLogs":[{}{}]}')],
  ])('what is no request at all is 400: %s', async (_what, type, body) => {
    expect((await receivers.post(body, type, '/v1/logs')).status).toBe(400);
  });
});

test('requests, spans and bytes are counted as metrics', async () => {
  const labels = { transport: 'http', code: '200' };
  const requests = await receivers.metric('throughline_ingest_requests_total', labels);
  const spans = await receivers.metric('throughline_ingest_spans_total', { outcome: 'accepted' });
  const bytes = await receivers.metric('throughline_ingest_bytes_total');
  const body = protobufRequest(someSpans(7));
  await receivers.post(gzipSync(body), { 'content-encoding': 'gzip' });
  expect(await receivers.metric('throughline_ingest_requests_total', labels)).toBe(requests + 1);
  expect(await receivers.metric('throughline_ingest_spans_total', { outcome: 'accepted' })).toBe(spans + 7);
  expect(await receivers.metric('throughline_ingest_bytes_total')).toBe(bytes + body.length);
  expect(await receivers.metric('throughline_ingest_in_flight_bytes')).toBe(0);
});
