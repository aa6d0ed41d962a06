import { Metadata } from '@grpc/grpc-js';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { CompressionAlgorithm } from '@opentelemetry/otlp-exporter-base';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BusError } from '../../bus/index.js';
import { FaultyBus } from './support/faulty-bus.js';
import { spansIn } from './support/otlp-messages.js';
import { Receivers } from './support/receivers.js';

let bus: FaultyBus;
let receivers: Receivers;

beforeAll(async () => {
  receivers = await Receivers.start({
    auth: { tokens: [{ token: 'edge-token', tenant: 'bank', tier: 'edge' }] },
    wrapBus: real => {
      bus = new FaultyBus(real);
      return bus;
    },
  });
});

afterAll(() => receivers?.close());

const { GZIP, NONE } = CompressionAlgorithm;
const authorization = 'Bearer edge-token';

function httpOptions(compression: CompressionAlgorithm) {
  return { url: `${receivers.httpUrl}/v1/traces`, headers: { authorization }, compression };
}

function grpcOptions(compression: CompressionAlgorithm) {
  const metadata = new Metadata();
  metadata.set('authorization', authorization);
  return { url: `http://${receivers.grpcAddress}`, metadata, compression };
}

const EXPORTERS: [string, () => SpanExporter][] = [
  ['http/protobuf', () => new ProtobufExporter(httpOptions(NONE))],
  ['http/protobuf with gzip', () => new ProtobufExporter(httpOptions(GZIP))],
  ['http/json', () => new JsonExporter(httpOptions(NONE))],
  ['http/json with gzip', () => new JsonExporter(httpOptions(GZIP))],
  ['grpc', () => new GrpcExporter(grpcOptions(NONE))],
  ['grpc with gzip', () => new GrpcExporter(grpcOptions(GZIP))],
];

/** Makes spans with the SDK, exports them, and answers their ids, sorted. */
async function exportSpans(exporter: SpanExporter, count: number): Promise<string[]> {
  const provider = new NodeTracerProvider({
    spanProcessors: [new BatchSpanProcessor(exporter, { maxExportBatchSize: 100 })],
  });
  const tracer = provider.getTracer('exporters');
  const ids = Array.from({ length: count }, (_, index) => {
    const span = tracer.startSpan(`checkout ${index}`, { attributes: { index, 'user.name': 'Zoë' } });
    span.addEvent('paid', { amount: 12.5 });
    span.end();
    const { traceId, spanId } = span.spanContext();
    return `${traceId} ${spanId} checkout ${index}`;
  });
  await provider.forceFlush();
  await provider.shutdown();
  return ids.sort();
}

async function newSpanIds(): Promise<string[]> {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const records = await receivers.newRecords();
  expect(records.every(({ tenant }) => tenant === 'bank')).toBe(true);
  return records
    .flatMap(({ payload }) => spansIn(payload).map(span => `${hex(span.traceId)} ${hex(span.spanId)} ${span.name}`))
    .sort();
}

test.each(EXPORTERS)('the real exporter over %s delivers every span once', async (_protocol, create) => {
  const sent = await exportSpans(create(), 250);
  expect(await newSpanIds()).toEqual(sent);
});

test.each(EXPORTERS.slice(0, 3))(
  '9: the real exporter over %s comes again after a 503, and delivers',
  async (_p, create) => {
    let refusals = 0;
    bus.breakWith(async publish => {
      if (refusals++ === 0) throw new BusError('BUS_FULL', 'full');
      await publish();
    });
    const sent = await exportSpans(create(), 10);
    bus.breakWith(undefined);
    expect(refusals).toBe(2);
    expect(await newSpanIds()).toEqual(sent);
  },
);
