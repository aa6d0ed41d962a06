/**
 * The fields of OTLP traces, by message: opentelemetry-proto v1 (trace.proto, resource.proto, common.proto). A field is
 * its JSON name, its number and its type; `repeated` where it is. What is not listed here is an unknown field: kept in
 * protobuf, ignored in JSON.
 *
 * TracesData and ExportTraceServiceRequest are the same bytes.
 */

import { WireType } from './wire.js';

/** `id`: bytes that are hex in JSON. `enum`: an int32. */
export type ScalarType =
  | 'string'
  | 'bytes'
  | 'id'
  | 'bool'
  | 'enum'
  | 'uint32'
  | 'int64'
  | 'fixed32'
  | 'fixed64'
  | 'double';

type FieldRow = readonly [number: number, type: string, label?: 'repeated'];

const MESSAGES = {
  TracesData: { resourceSpans: [1, 'ResourceSpans', 'repeated'] },
  ResourceSpans: {
    resource: [1, 'Resource'],
    scopeSpans: [2, 'ScopeSpans', 'repeated'],
    schemaUrl: [3, 'string'],
  },
  Resource: {
    attributes: [1, 'KeyValue', 'repeated'],
    droppedAttributesCount: [2, 'uint32'],
    entityRefs: [3, 'EntityRef', 'repeated'],
  },
  EntityRef: {
    schemaUrl: [1, 'string'],
    type: [2, 'string'],
    idKeys: [3, 'string', 'repeated'],
    descriptionKeys: [4, 'string', 'repeated'],
  },
  ScopeSpans: {
    scope: [1, 'InstrumentationScope'],
    spans: [2, 'Span', 'repeated'],
    schemaUrl: [3, 'string'],
  },
  InstrumentationScope: {
    name: [1, 'string'],
    version: [2, 'string'],
    attributes: [3, 'KeyValue', 'repeated'],
    droppedAttributesCount: [4, 'uint32'],
  },
  Span: {
    traceId: [1, 'id'],
    spanId: [2, 'id'],
    traceState: [3, 'string'],
    parentSpanId: [4, 'id'],
    name: [5, 'string'],
    kind: [6, 'enum'],
    startTimeUnixNano: [7, 'fixed64'],
    endTimeUnixNano: [8, 'fixed64'],
    attributes: [9, 'KeyValue', 'repeated'],
    droppedAttributesCount: [10, 'uint32'],
    events: [11, 'Event', 'repeated'],
    droppedEventsCount: [12, 'uint32'],
    links: [13, 'Link', 'repeated'],
    droppedLinksCount: [14, 'uint32'],
    status: [15, 'Status'],
    flags: [16, 'fixed32'],
  },
  Event: {
    timeUnixNano: [1, 'fixed64'],
    name: [2, 'string'],
    attributes: [3, 'KeyValue', 'repeated'],
    droppedAttributesCount: [4, 'uint32'],
  },
  Link: {
    traceId: [1, 'id'],
    spanId: [2, 'id'],
    traceState: [3, 'string'],
    attributes: [4, 'KeyValue', 'repeated'],
    droppedAttributesCount: [5, 'uint32'],
    flags: [6, 'fixed32'],
  },
  Status: { message: [2, 'string'], code: [3, 'enum'] },
  KeyValue: { key: [1, 'string'], value: [2, 'AnyValue'] },
  AnyValue: {
    stringValue: [1, 'string'],
    boolValue: [2, 'bool'],
    intValue: [3, 'int64'],
    doubleValue: [4, 'double'],
    arrayValue: [5, 'ArrayValue'],
    kvlistValue: [6, 'KeyValueList'],
    bytesValue: [7, 'bytes'],
  },
  ArrayValue: { values: [1, 'AnyValue', 'repeated'] },
  KeyValueList: { values: [1, 'KeyValue', 'repeated'] },
} as const satisfies Record<string, Record<string, FieldRow>>;

export type MessageName = keyof typeof MESSAGES;

export interface Field {
  readonly name: string;
  readonly number: number;
  readonly type: ScalarType | MessageSchema;
  readonly isRepeated: boolean;
}

export interface MessageSchema {
  readonly name: MessageName;
  /** Position in `MESSAGE_SCHEMAS`. */
  readonly index: number;
  /** Exactly one member is set (AnyValue): one that is set to its default value is not the same as none. */
  readonly isOneof: boolean;
  readonly fields: readonly Field[];
}

const MESSAGE_NAMES = Object.keys(MESSAGES) as MessageName[];

export const MESSAGE_SCHEMAS: readonly MessageSchema[] = linkSchemas();

export function schemaOf(name: MessageName): MessageSchema {
  return MESSAGE_SCHEMAS[MESSAGE_NAMES.indexOf(name)];
}

/** Messages refer to each other, also in circles: all are made before their fields. */
function linkSchemas(): MessageSchema[] {
  const schemas = MESSAGE_NAMES.map((name, index) => ({
    name,
    index,
    isOneof: name === 'AnyValue',
    fields: [] as Field[],
  }));
  for (const schema of schemas) {
    const rows: Record<string, FieldRow> = MESSAGES[schema.name];
    for (const [name, [number, type, label]] of Object.entries(rows)) {
      const message = schemas.find(other => other.name === type);
      schema.fields.push({ name, number, type: message ?? (type as ScalarType), isRepeated: label === 'repeated' });
    }
  }
  return schemas;
}

/** Of one value: repeated numbers would be packed, but OTLP traces have none. */
export function wireTypeOf(field: Field): number {
  switch (field.type) {
    case 'bool':
    case 'enum':
    case 'uint32':
    case 'int64':
      return WireType.VARINT;
    case 'fixed64':
    case 'double':
      return WireType.FIXED64;
    case 'fixed32':
      return WireType.FIXED32;
    default:
      return WireType.LENGTH;
  }
}
