import {
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { describe, expect, test } from 'vitest';
import {
  encodeLogsResponse,
  encodeMetricsResponse,
  encodeRetryInfo,
  encodeStatus,
  encodeTraceResponse,
} from '../../otlp/index.js';
import { decodeProto } from './trace-proto.js';

const FOUR_MEBIBYTES = 4 * 1024 * 1024;
const parse = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

const SIGNALS = [
  ['traces', encodeTraceResponse, 'rejectedSpans'],
  ['metrics', encodeMetricsResponse, 'rejectedDataPoints'],
  ['logs', encodeLogsResponse, 'rejectedLogRecords'],
] as const;

describe.each(SIGNALS)('the response for %s', (_, encode, countName) => {
  test('5: is empty when there is nothing to say', () => {
    expect(encode('protobuf', 0, '')).toHaveLength(0);
    expect(parse(encode('json', 0, ''))).toEqual({});
  });

  test('6: tells how many were rejected and why', () => {
    expect(decodeProto('ExportResponse', encode('protobuf', 3, 'because'))).toEqual({
      partialSuccess: { rejected: '3', errorMessage: 'because' },
    });
    expect(parse(encode('json', 3, 'because'))).toEqual({
      partialSuccess: { [countName]: '3', errorMessage: 'because' },
    });
  });

  test('6: may have a message and nothing rejected', () => {
    expect(decodeProto('ExportResponse', encode('protobuf', 0, 'a word'))).toEqual({
      partialSuccess: { errorMessage: 'a word' },
    });
    expect(parse(encode('json', 0, 'a word'))).toEqual({ partialSuccess: { errorMessage: 'a word' } });
  });

  test.each([127, 128, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])('counts of %i keep their value', count => {
    expect(decodeProto('ExportResponse', encode('protobuf', count, ''))).toEqual({
      partialSuccess: { rejected: String(count) },
    });
    expect(parse(encode('json', count, ''))).toEqual({ partialSuccess: { [countName]: String(count) } });
  });

  test.each(['x', 'é', '\u0000', '"', '💸'])('11: stays under 4 MiB with a message of millions of %j', unit => {
    for (const format of ['protobuf', 'json'] as const) {
      const bytes = encode(format, 1, unit.repeat(5_000_000 / unit.length));
      expect(bytes.length).toBeLessThan(FOUR_MEBIBYTES);
      const response = format === 'json' ? parse(bytes) : decodeProto('ExportResponse', bytes);
      const { errorMessage } = (response as { partialSuccess: { errorMessage: string } }).partialSuccess;
      expect(errorMessage.length).toBeGreaterThan(100_000);
      expect(errorMessage.replaceAll(unit, '')).toBe('');
    }
  });
});

describe('the official exporters', () => {
  test('read what was rejected', () => {
    const expected = { errorMessage: 'because' };
    const traces = ProtobufTraceSerializer.deserializeResponse(encodeTraceResponse('protobuf', 3, 'because'));
    expect(traces.partialSuccess).toMatchObject({ ...expected, rejectedSpans: 3 });
    const metrics = ProtobufMetricsSerializer.deserializeResponse(encodeMetricsResponse('protobuf', 4, 'because'));
    expect(metrics.partialSuccess).toMatchObject({ ...expected, rejectedDataPoints: 4 });
    const logs = ProtobufLogsSerializer.deserializeResponse(encodeLogsResponse('protobuf', 5, 'because'));
    expect(logs.partialSuccess).toMatchObject({ ...expected, rejectedLogRecords: 5 });
    const json = JsonTraceSerializer.deserializeResponse(encodeTraceResponse('json', 3, 'because'));
    expect(json.partialSuccess).toMatchObject({ ...expected, rejectedSpans: '3' });
  });
});

describe('google.rpc.Status', () => {
  test('8: has a code and a message', () => {
    expect(decodeProto('RpcStatus', encodeStatus('protobuf', 3, 'no OTLP'))).toEqual({ code: 3, message: 'no OTLP' });
    expect(parse(encodeStatus('json', 3, 'no OTLP'))).toEqual({ code: 3, message: 'no OTLP' });
  });

  test('18: carries a RetryInfo when there is a delay', () => {
    const status = decodeProto('RpcStatus', encodeStatus('protobuf', 14, 'full', 2));
    const retryInfo = Buffer.from(encodeRetryInfo(2)).toString('hex');
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: retryInfo }];
    expect(status).toEqual({ code: 14, message: 'full', details });
    expect(parse(encodeStatus('json', 14, 'full', 2))).toEqual({
      code: 14,
      message: 'full',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '2s' }],
    });
  });

  test.each([
    [0, {}, '0s'],
    [1, { seconds: '1' }, '1s'],
    [1.5, { seconds: '1', nanos: 500_000_000 }, '1.500000000s'],
    [0.25, { nanos: 250_000_000 }, '0.250000000s'],
    [1.9999999999, { seconds: '2' }, '2s'],
  ])('a delay of %d seconds', (seconds, retryDelay, json) => {
    expect(decodeProto('RetryInfo', encodeRetryInfo(seconds))).toEqual({ retryDelay });
    expect(parse(encodeStatus('json', 14, '', seconds))).toMatchObject({ details: [{ retryDelay: json }] });
  });

  test('11: stays under 4 MiB, and a character is never cut in two', () => {
    for (const format of ['protobuf', 'json'] as const) {
      const bytes = encodeStatus(format, 3, `x${'💸'.repeat(3_000_000)}`, 1);
      expect(bytes.length).toBeLessThan(FOUR_MEBIBYTES);
      const { message } = (format === 'json' ? parse(bytes) : decodeProto('RpcStatus', bytes)) as { message: string };
      expect(message.replaceAll('💸', '')).toBe('x');
    }
  });
});
