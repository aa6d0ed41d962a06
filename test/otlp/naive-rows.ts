/** What SpanReader must yield, computed the plain way from what protobufjs decoded. Valid ids and times only. */
import { classifyTier, locate } from '../oracle/classification.js';
import type { Row } from './read-rows.js';
import { decodeTraces } from './trace-proto.js';

interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly bytesValue?: string;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
}

interface KeyValue {
  readonly key?: string;
  readonly value?: AnyValue;
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly attributes?: readonly KeyValue[];
  readonly droppedAttributesCount?: number;
  readonly events?: readonly { timeUnixNano?: string; name?: string; attributes?: readonly KeyValue[] }[];
  readonly links?: readonly { traceId?: string; spanId?: string; attributes?: readonly KeyValue[] }[];
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly flags?: number;
}

interface Traces {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name?: string; readonly version?: string };
      readonly spans?: readonly Span[];
    }[];
  }[];
}

export type NaiveRow = Omit<Row, 'checksum' | 'record' | 'flags' | 'events' | 'links'> & {
  /** Parsed; undefined for none. */
  readonly events: unknown;
  readonly links: unknown;
};

/** Rows without what only SpanReader knows, JSON parsed. */
export function comparable(rows: readonly Row[]): NaiveRow[] {
  return rows.map(({ checksum, record, flags, events, links, ...rest }) => ({
    ...rest,
    events: events === '' ? undefined : JSON.parse(events),
    links: links === '' ? undefined : JSON.parse(links),
  }));
}

export function naiveRows(payload: Uint8Array): NaiveRow[] {
  const { resourceSpans = [] } = decodeTraces(payload) as Traces;
  return resourceSpans.flatMap(({ resource = {}, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope = {}, spans = [] }) =>
      spans.map(span => rowOf(span, scope, resource.attributes ?? [])),
    ),
  );
}

function rowOf(
  span: Span,
  scope: { readonly name?: string; readonly version?: string },
  resourceList: readonly KeyValue[],
): NaiveRow {
  const attributes = mapOf(span.attributes);
  const resource = mapOf(resourceList);
  const start = BigInt(span.startTimeUnixNano ?? 0);
  const end = BigInt(span.endTimeUnixNano ?? 0);
  const kind = span.kind ?? 0;
  const place = locate(attributes, resource);
  const repeated = (span.attributes ?? []).length - attributes.size + resourceList.length - resource.size;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    kind,
    statusCode: span.status?.code ?? 0,
    start,
    end,
    duration: end > start ? end - start : 0n,
    spanFlags: span.flags ?? 0,
    droppedAttributesCount: (span.droppedAttributesCount ?? 0) + repeated,
    name: span.name ?? '',
    service: resource.get('service.name') || 'unknown_service',
    tier: classifyTier(attributes, resource),
    scopeName: scope.name ?? '',
    scopeVersion: scope.version ?? '',
    environment: resource.get('deployment.environment.name') || resource.get('deployment.environment') || '',
    host: resource.get('host.id') || firstIp(resourceList) || resource.get('host.name') || '',
    peerService:
      kind === 3 || kind === 4
        ? attributes.get('peer.service') ||
          attributes.get('server.address') ||
          attributes.get('network.peer.address') ||
          ''
        : '',
    place: [place.rank, place.locality, place.region, place.country],
    isDatabaseCall: attributes.has('db.system.name') || attributes.has('db.system'),
    statusMessage: span.status?.message ?? '',
    traceState: span.traceState ?? '',
    events: span.events?.map(event => ({
      time_unix_nano: event.timeUnixNano ?? '0',
      name: event.name ?? '',
      attributes: objectOf(event.attributes),
    })),
    links: span.links?.map(link => ({
      trace_id: link.traceId ?? '',
      span_id: link.spanId ?? '',
      attributes: objectOf(link.attributes),
    })),
    attributes: [...attributes],
    resource: Object.fromEntries(resource),
  };
}

function mapOf(list: readonly KeyValue[] = []): Map<string, string> {
  const map = new Map<string, string>();
  for (const { key = '', value = {} } of list) if (!map.has(key)) map.set(key, textOf(value));
  return map;
}

const objectOf = (list: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key = '', value = {} }) => [key, jsonOf(value)]));

function textOf(value: AnyValue): string {
  if (value.arrayValue !== undefined || value.kvlistValue !== undefined) return JSON.stringify(jsonOf(value));
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, 'hex').toString('base64');
  return String(value.stringValue ?? value.boolValue ?? value.intValue ?? value.doubleValue ?? '');
}

/** Integers must be small enough for a double. */
function jsonOf(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(jsonOf);
  if (value.kvlistValue !== undefined) return objectOf(value.kvlistValue.values);
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, 'hex').toString('base64');
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined && !Number.isFinite(value.doubleValue)) return String(value.doubleValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? null;
}

function firstIp(list: readonly KeyValue[]): string {
  const value = list.find(({ key }) => key === 'host.ip')?.value ?? {};
  return value.arrayValue === undefined ? textOf(value) : (value.arrayValue.values?.[0]?.stringValue ?? '');
}
