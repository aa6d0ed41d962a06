import { readFileSync } from 'node:fs';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Throughline } from '../support/throughline.js';

let throughline: Throughline;

beforeAll(async () => {
  throughline = await Throughline.start();
});

afterAll(() => throughline?.destroy());

describe("the JavaScript SDK's exporters deliver through the real ports", () => {
  const exporters: [string, () => SpanExporter][] = [
    ['http/protobuf', () => new ProtobufExporter({ url: `${throughline.otlpHttp}/v1/traces` })],
    ['http/json', () => new JsonExporter({ url: `${throughline.otlpHttp}/v1/traces` })],
    ['grpc', () => new GrpcExporter({ url: throughline.otlpGrpc })],
  ];

  test.each(exporters)('%s', async (protocol, createExporter) => {
    const provider = new NodeTracerProvider({
      resource: defaultResource().merge(resourceFromAttributes({ 'service.name': `shop over ${protocol}` })),
      spanProcessors: [new BatchSpanProcessor(createExporter())],
    });
    const tracer = provider.getTracer('exporters');
    const traceIds = Array.from({ length: 25 }, (_, i) => {
      const span = tracer.startSpan('checkout', { attributes: { item: i, 'geo.locality.name': 'New York' } });
      span.addEvent('paid', { amount: 12.5 });
      span.end();
      return span.spanContext().traceId;
    });
    await provider.forceFlush();
    await provider.shutdown();
    await throughline.settled();
    const rows = await throughline.sql(
      `SELECT toString(trace_id) AS id, attributes['item'] AS item, resource['telemetry.sdk.language'] AS language
       FROM spans WHERE service = 'shop over ${protocol}' ORDER BY toUInt32(item)`,
    );
    expect(rows).toEqual(traceIds.map((id, i) => ({ id, item: String(i), language: 'nodejs' })));
  });
});

test("the protocol's own example gives the same stored span as JSON and as protobuf", async () => {
  const stored = () =>
    throughline.sql(
      `SELECT * EXCEPT (received, version, checksum), checksum FROM spans WHERE trace_id = '5b8efff798038103d269b633813fc60c'`,
    );
  const send = async (contentType: string, file: string) => {
    const body = readFileSync(`../shared/data/conformance/${file}`);
    const headers = { 'content-type': contentType };
    const response = await fetch(`${throughline.otlpHttp}/v1/traces`, { method: 'POST', headers, body });
    expect(response.status).toBe(200);
    await throughline.settled();
  };
  await send('application/json', 'otlp-trace.json');
  const fromJson = await stored();
  await send('application/x-protobuf', 'otlp-trace.pb');
  expect(fromJson).toHaveLength(1);
  expect(await stored()).toEqual(fromJson);
  // Both are one span: the second was an exact copy.
  expect(await throughline.trace('5b8efff798038103d269b633813fc60c')).toMatchObject({
    span_count: 1,
    duplicate_count: 1,
  });
});
