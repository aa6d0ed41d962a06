/** Rows for the tables, written as VALUES: a test says what matters to it, the rest has defaults. */
import type { Store } from '../../../store/index.js';

export interface Revision {
  readonly traceId: string;
  /** End of the trace, epoch milliseconds. */
  readonly endMs: number;
  readonly durationMs?: number;
  readonly place?: readonly [locality: string, region: string, country: string];
  readonly service?: string;
  readonly operation?: string;
  readonly environment?: string;
  readonly error?: boolean;
  readonly hasRoot?: boolean;
  readonly complete?: boolean;
  /** Distinct spans and arrivals: what the version is made of. */
  readonly spans?: number;
  readonly arrivals?: number;
  readonly tooLate?: number;
  readonly isDeleted?: boolean;
  readonly tenant?: string;
  readonly more?: Readonly<Record<string, Literal>>;
}

type Literal = string | number | boolean | bigint | readonly Literal[];

export const NEW_YORK = ['New York', 'US-NY', 'US'] as const;
export const LONDON = ['London', 'GB-LND', 'GB'] as const;

/** The 32 hex digits of a number. */
export function traceId(number: number): string {
  return number.toString(16).padStart(32, '0');
}

export function spanId(number: number): string {
  return number.toString(16).padStart(16, '0');
}

export function literal(value: Literal): string {
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  if (Array.isArray(value)) return `[${value.map(literal).join(',')}]`;
  return String(value);
}

export interface PathSection {
  readonly kind: 'service' | 'link';
  readonly spanId?: string;
  readonly caller?: string;
  readonly service: string;
  readonly operation: string;
  readonly tier: string;
  readonly selfNs: bigint;
}

/** The columns of a critical path as `trace_revisions` keeps it. */
export function pathColumns(sections: readonly PathSection[]) {
  const own = sections.filter(({ kind }) => kind === 'service').map(({ service }) => service);
  return {
    path_sections: sections.map(({ kind, caller = '', service, operation, tier }) =>
      JSON.stringify([kind, caller, service, operation, tier]),
    ),
    path_span_id: sections.map(section => section.spanId ?? spanId(0)),
    path_self_ns: sections.map(({ selfNs }) => selfNs),
    path_services: servicesText(own),
  };
}

/** What stands in `path_services`. */
export function servicesText(services: readonly string[]): string {
  return JSON.stringify([...new Set(services)].sort());
}

async function insertValues(store: Store, table: string, rows: readonly Readonly<Record<string, string>>[]) {
  if (rows.length === 0) return;
  const columns = Object.keys(rows[0]);
  if (rows.some(row => Object.keys(row).join() !== columns.join())) throw new Error('rows of different columns');
  const values = rows.map(row => `(${Object.values(row).join(',')})`);
  await store.command(`INSERT INTO ${table} (${columns.join(',')}) VALUES ${values.join(',')}`);
}

const nanoseconds = (ms: number) => BigInt(Math.round(ms * 1e3)) * 1_000n;
const instant = (ms: number) => `fromUnixTimestamp64Nano(${nanoseconds(ms)})`;

export function versionOf(spans: number, arrivals: number): bigint {
  return (BigInt(arrivals) << 96n) | (BigInt(spans) << 64n);
}

export function insertRevisions(store: Store, revisions: readonly Revision[], receivedMs = Date.now()): Promise<void> {
  const rows = revisions.map(revision => {
    const { durationMs = 100, place = NEW_YORK, spans = 1, arrivals = spans } = revision;
    const version = versionOf(spans, arrivals) - (revision.isDeleted ? 1n : 0n);
    const more = Object.entries(revision.more ?? {}).map(([name, value]) => [name, literal(value)]);
    return {
      tenant: literal(revision.tenant ?? 'default'),
      end_minute: `toDateTime(${Math.floor(revision.endMs / 60_000) * 60})`,
      locality: literal(place[0]),
      region: literal(place[1]),
      country: literal(place[2]),
      trace_id: literal(revision.traceId),
      version: `toUInt128('${version}')`,
      is_deleted: revision.isDeleted ? '1' : '0',
      revision: String(BigInt(spans) << 32n),
      received: `fromUnixTimestamp64Milli(${Math.floor(receivedMs)})`,
      complete: String(revision.complete ?? revision.hasRoot ?? true),
      has_root: String(revision.hasRoot ?? true),
      service: literal(revision.service ?? 'web'),
      operation: literal(revision.operation ?? 'GET /'),
      environment: literal(revision.environment ?? ''),
      start: instant(revision.endMs - durationMs),
      end: instant(revision.endMs),
      duration_ns: String(BigInt(Math.round(durationMs * 1e6))),
      error: String(revision.error ?? false),
      span_count: String(spans),
      arrivals: String(arrivals),
      too_late_count: String(revision.tooLate ?? 0),
      ...Object.fromEntries(more),
    };
  });
  return insertValues(store, 'trace_revisions', rows);
}

export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind?: string;
  readonly service?: string;
  readonly tier?: string;
  readonly startMs: number;
  readonly durationMs?: number;
  readonly status?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Beside the service's name. */
  readonly resource?: Readonly<Record<string, string>>;
  readonly version?: number;
  readonly tenant?: string;
}

const map = (values: Readonly<Record<string, string>>) =>
  `map(${Object.entries(values).flat().map(literal).join(',')})`;

export function insertSpans(store: Store, spans: readonly StoredSpan[], receivedMs = Date.now()): Promise<void> {
  const rows = spans.map(span => ({
    tenant: literal(span.tenant ?? 'default'),
    trace_id: literal(span.traceId),
    span_id: literal(span.spanId),
    parent_span_id: literal(span.parentSpanId ?? ''),
    name: literal(span.name ?? 'GET /'),
    kind: literal(span.kind ?? 'SERVER'),
    service: literal(span.service ?? 'web'),
    tier: literal(span.tier ?? 'app'),
    start: instant(span.startMs),
    status: literal(span.status ?? 'UNSET'),
    attributes: map(span.attributes ?? { 'http.request.method': 'GET' }),
    resource_json: literal(JSON.stringify({ 'service.name': span.service ?? 'web', ...span.resource })),
    received: `fromUnixTimestamp64Milli(${Math.floor(receivedMs)})`,
    version: `toUInt128('${((nanoseconds(span.startMs) + BigInt(Math.round((span.durationMs ?? 10) * 1e6))) << 64n) + BigInt(span.version ?? 1)}')`,
  }));
  return insertValues(store, 'spans', rows);
}

/** One record of the log that brought `spans` spans of a trace. */
export interface Arrival {
  readonly traceId: string;
  readonly offset: number;
  readonly spans: number;
}

export function insertArrivals(store: Store, arrivals: readonly Arrival[], receivedMs = Date.now()): Promise<void> {
  const rows = arrivals.map(arrival => ({
    tenant: "'default'",
    trace_id: literal(arrival.traceId),
    partition: '0',
    offset: String(arrival.offset),
    spans: String(arrival.spans),
    received: `fromUnixTimestamp64Milli(${Math.floor(receivedMs)})`,
  }));
  return insertValues(store, 'trace_arrivals', rows);
}
