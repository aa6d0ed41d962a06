/**
 * Fault 14: the real exporters of the JavaScript SDK against each answer that is not a plain success (200 and 503 are in
 * exporters.test.ts): what comes again, what does not, and what is in the log in the end.
 */
import { Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Receivers } from './support/receivers.js';

const MAX_REQUEST_BYTES = 80_000;
const SPANS_PER_SECOND = 40;
let receivers: Receivers;

beforeAll(async () => {
  receivers = await Receivers.start({
    limits: { maxRequestBytes: MAX_REQUEST_BYTES },
    auth: {
      tokens: [
        { token: 'good', tenant: 'bank' },
        ...['http-protobuf', 'http-json', 'grpc'].map(protocol => ({
          token: `slow-${protocol}`,
          tenant: 'bank',
          maxSpansPerSecond: SPANS_PER_SECOND,
        })),
      ],
    },
  });
});
afterAll(() => receivers?.close());

type Create = (token: string) => SpanExporter;

const httpOptions = (token: string) => ({
  url: `${receivers.httpUrl}/v1/traces`,
  headers: { authorization: `Bearer ${token}` },
});

const EXPORTERS: [string, Create][] = [
  ['http/protobuf', token => new ProtobufExporter(httpOptions(token))],
  ['http/json', token => new JsonExporter(httpOptions(token))],
  [
    'grpc',
    token => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token}`);
      return new GrpcExporter({ url: `http://${receivers.grpcAddress}`, metadata });
    },
  ],
];

/** Exports so many spans in one request; whether the exporter says that it succeeded. */
async function exportOnce(exporter: SpanExporter, count: number, bytesEach = 0): Promise<boolean> {
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  for (let at = 0; at < count; at++)
    provider
      .getTracer('refused')
      .startSpan('checkout', { attributes: { pad: 'x'.repeat(bytesEach) } })
      .end();
  const result = await new Promise<number>(done =>
    exporter.export(memory.getFinishedSpans(), ({ code }) => done(code)),
  );
  await exporter.shutdown();
  await provider.shutdown();
  // ExportResultCode.SUCCESS
  return result === 0;
}

async function spansInLog(): Promise<number> {
  const records = await receivers.newRecords();
  return records.reduce((sum, { itemCount }) => sum + itemCount, 0);
}

/** Requests answered so far, by code. */
async function answers(): Promise<Map<string, number>> {
  const metric = await receivers.registry.getSingleMetric('throughline_ingest_requests_total')!.get();
  return new Map(metric.values.map(({ labels, value }) => [String(labels.code), value]));
}

/** How many more there were of each code since. */
async function answersSince(before: ReadonlyMap<string, number>): Promise<Record<string, number>> {
  const now = [...(await answers())].map(([code, count]) => [code, count - (before.get(code) ?? 0)] as const);
  return Object.fromEntries(now.filter(([, count]) => count > 0));
}

describe.each(EXPORTERS)('the real exporter over %s', (protocol, create) => {
  const slow = `slow-${protocol.replace('/', '-')}`;

  test('with a token that nobody has is told so once, and does not come again', async () => {
    const before = await answers();
    expect(await exportOnce(create('stranger'), 3)).toBe(false);
    expect(await answersSince(before)).toEqual({ [protocol === 'grpc' ? 'UNAUTHENTICATED' : '401']: 1 });
    expect(await spansInLog()).toBe(0);
  });

  test('with a request that is too large is told so once, and does not come again', async () => {
    const before = await answers();
    expect(await exportOnce(create('good'), 2, MAX_REQUEST_BYTES)).toBe(false);
    expect(await answersSince(before)).toEqual({ [protocol === 'grpc' ? 'RESOURCE_EXHAUSTED' : '413']: 1 });
    expect(await spansInLog()).toBe(0);
  });

  test('above its rate is told to come later, and over HTTP does, once', async () => {
    // The bucket owes three seconds then: whatever comes meanwhile is 429.
    expect(await exportOnce(create(slow), SPANS_PER_SECOND * 3)).toBe(true);
    expect(await spansInLog()).toBe(SPANS_PER_SECOND * 3);
    const before = await answers();
    const isDelivered = await exportOnce(create(slow), 5);
    const codes = await answersSince(before);
    if (protocol === 'grpc') {
      // It retries nothing: what it drops was never acknowledged.
      expect([isDelivered, codes]).toEqual([false, { UNAVAILABLE: 1 }]);
      expect(await spansInLog()).toBe(0);
    } else {
      expect(codes['429']).toBeGreaterThan(0);
      expect([isDelivered, codes['200']]).toEqual([true, 1]);
      expect(await spansInLog()).toBe(5);
    }
  });
});
