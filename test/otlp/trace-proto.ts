/**
 * The messages of opentelemetry-proto v1 (traces) and of the answers to exporters, for protobufjs: an encoder and a
 * decoder that nobody here wrote.
 */
import protobuf from 'protobufjs';

export type ProtoMessage = Record<string, unknown>;

const TRACES = `
syntax = "proto3";
message TracesData { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource {
  repeated KeyValue attributes = 1;
  uint32 dropped_attributes_count = 2;
  repeated EntityRef entity_refs = 3;
}
message EntityRef {
  string schema_url = 1;
  string type = 2;
  repeated string id_keys = 3;
  repeated string description_keys = 4;
}
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message InstrumentationScope {
  string name = 1;
  string version = 2;
  repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4;
}
message Span {
  bytes trace_id = 1;
  bytes span_id = 2;
  string trace_state = 3;
  bytes parent_span_id = 4;
  string name = 5;
  int32 kind = 6;
  fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10;
  repeated Event events = 11;
  uint32 dropped_events_count = 12;
  repeated Link links = 13;
  uint32 dropped_links_count = 14;
  Status status = 15;
  fixed32 flags = 16;
}
message Event {
  fixed64 time_unix_nano = 1;
  string name = 2;
  repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4;
}
message Link {
  bytes trace_id = 1;
  bytes span_id = 2;
  string trace_state = 3;
  repeated KeyValue attributes = 4;
  uint32 dropped_attributes_count = 5;
  fixed32 flags = 6;
}
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    ArrayValue array_value = 5;
    KeyValueList kvlist_value = 6;
    bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
`;

const RESPONSES = `
syntax = "proto3";
message ExportResponse { PartialSuccess partial_success = 1; }
message PartialSuccess { int64 rejected = 1; string error_message = 2; }
message RpcStatus { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`;

const traces = protobuf.parse(TRACES).root;
const responses = protobuf.parse(RESPONSES).root;
export const tracesData = traces.lookupType('TracesData');
/** The same fields, but nothing is said about what strings contain. */
const tracesStructure = protobuf.parse(TRACES.replace(/\bstring /g, 'bytes ')).root.lookupType('TracesData');

/** Fields in lowerCamelCase; ids and other bytes as bytes. */
export function encodeTraces(message: ProtoMessage): Uint8Array {
  return new Uint8Array(tracesData.encode(tracesData.fromObject(message)).finish());
}

/** Only what is there: no defaults. Bytes (ids too) are hex, 64-bit integers are strings. */
export function decodeTraces(bytes: Uint8Array): ProtoMessage {
  return plain(tracesData, bytes);
}

/** A message of the answers: `ExportResponse` of any signal, `RpcStatus`, `RetryInfo`. */
export function decodeProto(name: 'ExportResponse' | 'RpcStatus' | 'RetryInfo', bytes: Uint8Array): ProtoMessage {
  return plain(responses.lookupType(name), bytes);
}

/** Throws if the bytes are not a TracesData, whatever its strings contain. */
export function checkStructure(bytes: Uint8Array): void {
  tracesStructure.decode(bytes);
}

/** Trace id and span id of every span, in hex, in order; throws as `checkStructure` does. */
export function idsInStructure(bytes: Uint8Array): [traceId: string, spanId: string][] {
  const hex = (id: Uint8Array | undefined): string => Buffer.from(id ?? []).toString('hex');
  return (tracesStructure.decode(bytes) as unknown as StructuredTraces).resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId }): [string, string] => [hex(traceId), hex(spanId)]),
    ),
  );
}

interface StructuredTraces {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { traceId: Uint8Array; spanId: Uint8Array }[] }[];
  }[];
}

function plain(type: protobuf.Type, bytes: Uint8Array): ProtoMessage {
  const message = type.toObject(type.decode(bytes), { longs: String });
  return withHex(message) as ProtoMessage;
}

function withHex(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(withHex);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withHex(inner)]));
}
