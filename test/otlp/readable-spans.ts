/** OTLP JSON as the spans an SDK would have handed to its exporter, so that the official serializers can encode them. */
import type { Attributes, AttributeValue, SpanContext, TraceState } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';

export interface JsonAnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number | string;
  bytesValue?: string;
  arrayValue?: { values?: JsonAnyValue[] };
  kvlistValue?: { values?: JsonKeyValue[] };
}

export interface JsonKeyValue {
  key: string;
  value?: JsonAnyValue;
}

export interface JsonSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name?: string;
  kind?: number;
  startTimeUnixNano?: string;
  endTimeUnixNano?: string;
  attributes?: JsonKeyValue[];
  events?: { timeUnixNano?: string; name?: string; attributes?: JsonKeyValue[] }[];
  links?: { traceId: string; spanId: string; attributes?: JsonKeyValue[] }[];
  status?: { code?: number; message?: string };
  flags?: number;
}

export interface JsonRequest {
  resourceSpans?: {
    resource?: { attributes?: JsonKeyValue[] };
    scopeSpans?: { scope?: { name?: string; version?: string }; spans?: JsonSpan[]; schemaUrl?: string }[];
    schemaUrl?: string;
  }[];
}

export function readableSpans(request: JsonRequest): ReadableSpan[] {
  const all: ReadableSpan[] = [];
  for (const { resource, scopeSpans, schemaUrl } of request.resourceSpans ?? []) {
    const sdkResource = { attributes: attributesOf(resource?.attributes), schemaUrl } as unknown as Resource;
    for (const { scope, spans } of scopeSpans ?? []) {
      const instrumentationScope = { name: scope?.name ?? '', ...(scope?.version ? { version: scope.version } : {}) };
      for (const span of spans ?? []) all.push(readableSpan(span, sdkResource, instrumentationScope));
    }
  }
  return all;
}

function readableSpan(span: JsonSpan, resource: Resource, scope: ReadableSpan['instrumentationScope']): ReadableSpan {
  const context = contextOf(span.traceId, span.spanId, span.traceState);
  return {
    name: span.name ?? '',
    kind: Math.max(0, (span.kind ?? 0) - 1),
    spanContext: () => context,
    ...(span.parentSpanId ? { parentSpanContext: contextOf(span.traceId, span.parentSpanId) } : {}),
    startTime: hrTime(span.startTimeUnixNano),
    endTime: hrTime(span.endTimeUnixNano),
    status: { code: span.status?.code ?? 0, ...(span.status?.message ? { message: span.status.message } : {}) },
    attributes: attributesOf(span.attributes),
    links: (span.links ?? []).map(link => ({
      context: contextOf(link.traceId, link.spanId),
      attributes: attributesOf(link.attributes),
    })),
    events: (span.events ?? []).map(event => ({
      name: event.name ?? '',
      time: hrTime(event.timeUnixNano),
      attributes: attributesOf(event.attributes),
    })),
    duration: [0, 0],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function contextOf(traceId: string, spanId: string, traceState?: string): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: 1,
    ...(traceState ? { traceState: { serialize: () => traceState } as unknown as TraceState } : {}),
  };
}

function hrTime(nanoseconds = '0'): [number, number] {
  const value = BigInt(nanoseconds);
  return [Number(value / 1_000_000_000n), Number(value % 1_000_000_000n)];
}

function attributesOf(pairs: readonly JsonKeyValue[] = []): Attributes {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue(value ?? {})])) as Attributes;
}

function plainValue(value: JsonAnyValue): unknown {
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.kvlistValue) return attributesOf(value.kvlistValue.values) as unknown as AttributeValue;
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  return value.stringValue ?? value.boolValue;
}
