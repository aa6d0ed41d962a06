/** OTLP messages built and read by protobufjs, from the .proto text: nothing of the code under test is in it. */
import { parse, type Type } from 'protobufjs';

const { root } = parse(`
  syntax = "proto3";
  message TracesData { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; } }
  message ScopeSpans { repeated Span spans = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  }
  message ExportTraceServiceResponse { TracePartialSuccess partial_success = 1; }
  message TracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
  message ExportMetricsServiceResponse { MetricsPartialSuccess partial_success = 1; }
  message MetricsPartialSuccess { int64 rejected_data_points = 1; string error_message = 2; }
  message ExportLogsServiceResponse { LogsPartialSuccess partial_success = 1; }
  message LogsPartialSuccess { int64 rejected_log_records = 1; string error_message = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message MetricsData { repeated ResourceMetrics resource_metrics = 1; }
  message ResourceMetrics { repeated ScopeMetrics scope_metrics = 2; }
  message ScopeMetrics { repeated Metric metrics = 2; }
  message Metric { string name = 1; Points gauge = 5; Points sum = 7; Points histogram = 9; }
  message Points { repeated Point data_points = 1; }
  message Point { fixed64 time_unix_nano = 3; }
  message LogsData { repeated ResourceLogs resource_logs = 1; }
  message ResourceLogs { repeated ScopeLogs scope_logs = 2; }
  message ScopeLogs { repeated LogRecord log_records = 2; }
  message LogRecord { fixed64 time_unix_nano = 1; int32 severity_number = 2; }
`);

export type MessageName =
  | 'TracesData'
  | 'MetricsData'
  | 'LogsData'
  | 'ExportTraceServiceResponse'
  | 'ExportMetricsServiceResponse'
  | 'ExportLogsServiceResponse'
  | 'Status'
  | 'RetryInfo';

function typeOf(name: MessageName): Type {
  return root.lookupType(name);
}

export function encodeMessage(name: MessageName, json: object): Buffer {
  const type = typeOf(name);
  return Buffer.from(type.encode(type.fromObject(json)).finish());
}

/** Plain objects; bytes are Buffers, 64-bit integers strings; what is unset is absent. */
export function decodeMessage(name: MessageName, bytes: Uint8Array): Record<string, unknown> {
  const type = typeOf(name);
  return type.toObject(type.decode(bytes), { longs: String });
}

export interface SentSpan {
  /** Hex, of any length. */
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
}

/** Valid ones of different traces, `first` and on. */
export function someSpans(count: number, first = 1, nameBytes = 0): SentSpan[] {
  return Array.from({ length: count }, (_, index) => {
    const number = (first + index).toString(16);
    const name = `span ${number}`.padEnd(nameBytes, '.');
    return { traceId: number.padStart(32, 'a'), spanId: number.padStart(16, 'b'), name };
  });
}

const START_NANOS = '1764000000000000001';
const END_NANOS = '1764000000250000003';
const RESOURCE = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };

export function protobufRequest(spans: readonly SentSpan[]): Buffer {
  return encodeMessage(
    'TracesData',
    requestOf(spans, hex => Buffer.from(hex, 'hex')),
  );
}

export function jsonRequest(spans: readonly SentSpan[]): Buffer {
  return Buffer.from(JSON.stringify(requestOf(spans, hex => hex)));
}

function requestOf(spans: readonly SentSpan[], id: (hex: string) => unknown): object {
  const messages = spans.map(({ traceId, spanId, name }) => ({
    traceId: id(traceId),
    spanId: id(spanId),
    name,
    kind: 2,
    startTimeUnixNano: START_NANOS,
    endTimeUnixNano: END_NANOS,
  }));
  return { resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ spans: messages }] }] };
}

interface DecodedRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: object;
    readonly scopeSpans?: readonly { readonly spans?: readonly DecodedSpan[] }[];
  }[];
}

export interface DecodedSpan {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly name?: string;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
}

export function spansIn(payload: Uint8Array): DecodedSpan[] {
  const { resourceSpans = [] } = decodeMessage('TracesData', payload) as DecodedRequest;
  return resourceSpans.flatMap(({ scopeSpans = [] }) => scopeSpans.flatMap(({ spans = [] }) => spans));
}
