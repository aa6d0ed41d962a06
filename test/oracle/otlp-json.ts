/** OTLP JSON as the oracle reads it: objects in, OracleSpans out. Spans without valid ids are left out (checklist 20). */
import { classifyTier, locate } from './classification.js';
import type { OracleRecord, OracleSpan } from './types.js';

interface JsonAnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string | number;
  readonly doubleValue?: string | number;
  readonly arrayValue?: { readonly values?: readonly JsonAnyValue[] };
}

interface JsonKeyValue {
  readonly key?: string;
  readonly value?: JsonAnyValue;
}

interface JsonSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string | number;
  readonly endTimeUnixNano?: string | number;
  readonly attributes?: readonly JsonKeyValue[];
  readonly status?: { readonly code?: number };
}

interface JsonResource {
  readonly attributes?: readonly JsonKeyValue[];
}

interface JsonResourceSpans {
  readonly resource?: JsonResource;
  readonly scopeSpans?: readonly { readonly scope?: unknown; readonly spans?: readonly JsonSpan[] }[];
}

/** DateTime64(9) is a signed number of nanoseconds: it ends on 2262-04-11. */
const MAX_TIME_NS = 2n ** 63n - 1n;

/** What a span takes from its surroundings. */
interface Surroundings {
  readonly resource: ReadonlyMap<string, string>;
  readonly service: string;
  readonly environment: string;
  readonly host: string;
  /** Of resource and scope. */
  readonly content: string;
  readonly receivedMs: number;
}

/** Every span of a record, in order. */
export function spansOfRecord({ request, appendTimeMs }: OracleRecord): OracleSpan[] {
  const { resourceSpans = [] } = request as { readonly resourceSpans?: readonly JsonResourceSpans[] };
  return resourceSpans.flatMap(({ resource = {}, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope = {}, spans = [] }) => {
      const surroundings = readSurroundings(resource, scope, appendTimeMs);
      return spans.filter(hasValidIds).map(span => readSpan(span, surroundings));
    }),
  );
}

function readSurroundings(resource: JsonResource, scope: unknown, receivedMs: number): Surroundings {
  const attributes = attributesOf(resource.attributes);
  return {
    resource: attributes,
    service: attributes.get('service.name') || 'unknown_service',
    environment: attributes.get('deployment.environment.name') || attributes.get('deployment.environment') || '',
    host: attributes.get('host.id') || firstHostIp(resource.attributes) || attributes.get('host.name') || '',
    content: canonicalJson([resource, scope]),
    receivedMs,
  };
}

function readSpan(span: JsonSpan, surroundings: Surroundings): OracleSpan {
  const { resource, service, environment, host, receivedMs } = surroundings;
  const attributes = attributesOf(span.attributes);
  const traceId = span.traceId!.toLowerCase();
  const spanId = span.spanId!.toLowerCase();
  const parentSpanId = span.parentSpanId?.toLowerCase() ?? '';
  const start = BigInt(span.startTimeUnixNano ?? 0);
  const end = BigInt(span.endTimeUnixNano ?? 0);
  const kind = span.kind ?? 0;
  return {
    traceId,
    spanId,
    parentSpanId: isId(parentSpanId, 16) ? parentSpanId : '',
    kind: [0, 1, 2, 3, 4, 5].includes(kind) ? kind : 0,
    name: span.name ?? '',
    status: span.status?.code ?? 0,
    startNs: clamp(start),
    endNs: clamp(end),
    service,
    environment,
    host,
    tier: classifyTier(attributes, resource),
    place: locate(attributes, resource),
    isDatabaseCall: attributes.has('db.system.name') || attributes.has('db.system'),
    hasBadParentId: parentSpanId !== '' && !/^[0-9a-f]{16}$/.test(parentSpanId),
    hasTimeOutOfRange: isOutOfRange(start) || isOutOfRange(end),
    content: surroundings.content + canonicalJson({ ...span, traceId, spanId, parentSpanId }),
    receivedMs,
  };
}

function hasValidIds(span: JsonSpan): boolean {
  return isId(span.traceId, 32) && isId(span.spanId, 16);
}

/** Whether `hex` is that many digits and not all zeros. */
function isId(hex: string | undefined, digits: number): boolean {
  return hex !== undefined && hex.length === digits && /^[0-9a-f]+$/i.test(hex) && !/^0+$/.test(hex);
}

/** Values in their text form; of equal keys the first counts. */
function attributesOf(list: readonly JsonKeyValue[] = []): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const { key = '', value = {} } of list) {
    if (!attributes.has(key)) attributes.set(key, textOf(value));
  }
  return attributes;
}

function textOf(value: JsonAnyValue): string {
  if (value.arrayValue !== undefined) return JSON.stringify((value.arrayValue.values ?? []).map(textOf));
  return String(value.stringValue ?? value.boolValue ?? value.intValue ?? value.doubleValue ?? '');
}

/** `host.ip` is a list of addresses; a single string is taken as such. */
function firstHostIp(list: readonly JsonKeyValue[] = []): string {
  const value = list.find(attribute => attribute.key === 'host.ip')?.value ?? {};
  return textOf(value.arrayValue === undefined ? value : (value.arrayValue.values?.[0] ?? {}));
}

function clamp(timeNs: bigint): bigint {
  if (timeNs < 0n) return 0n;
  return timeNs > MAX_TIME_NS ? MAX_TIME_NS : timeNs;
}

function isOutOfRange(timeNs: bigint): boolean {
  return timeNs <= 0n || timeNs > MAX_TIME_NS;
}

/** JSON text that does not depend on the order of keys. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
