/** Traces by hand: spans in a few words, each its own record. */
import { computeTraces, DEFAULT_ORACLE_RULES, type OracleRecord, type OracleRules, type OracleTrace } from './index.js';
import { KIND_INTERNAL } from './types.js';

export interface SpanSketch {
  /** Up to 16 hex digits; the upper ones are filled with zeros. */
  readonly id: string;
  readonly parent?: string;
  /** INTERNAL unless said otherwise. */
  readonly kind?: number;
  readonly name?: string;
  /** Nanoseconds from SKETCH_EPOCH_NS. */
  readonly start?: number;
  readonly end?: number;
  readonly service?: string;
  /** `host.name`. */
  readonly host?: string;
  readonly status?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly resource?: Readonly<Record<string, string>>;
  /** Append time of its record. */
  readonly receivedMs?: number;
  /** Laid over the finished JSON span. */
  readonly raw?: Readonly<Record<string, unknown>>;
}

export const SKETCH_TRACE_ID = '000000000000000000000000000000aa';
export const SKETCH_EPOCH_NS = 1_700_000_000_000_000_000n;

export function sketchId(id: string): string {
  return id.padStart(16, '0');
}

export function sketchRecords(sketches: readonly SpanSketch[]): OracleRecord[] {
  return sketches.map((sketch, offset) => ({
    partition: 0,
    offset,
    appendTimeMs: sketch.receivedMs ?? 0,
    request: requestOf(sketch),
  }));
}

/** The one trace that the sketches make. */
export function sketchTrace(sketches: readonly SpanSketch[], rules: Partial<OracleRules> = {}): OracleTrace {
  const traces = computeTraces(sketchRecords(sketches), { ...DEFAULT_ORACLE_RULES, ...rules });
  return traces.get(SKETCH_TRACE_ID)!;
}

/** A path in short: [span id without zeros, offset, length], links with "caller → callee" behind. */
export function shortPath(trace: OracleTrace): (string | number)[][] {
  return trace.path.map(section => [
    section.spanId.replace(/^0+/, ''),
    Number(section.offsetNs),
    Number(section.selfNs),
    ...(section.kind === 'link' ? [`${section.caller} → ${section.service}`] : []),
  ]);
}

function requestOf(sketch: SpanSketch): unknown {
  const { service = 'shop', host, start = 0, end = start } = sketch;
  const resource = {
    'service.name': service,
    ...(host === undefined ? {} : { 'host.name': host }),
    ...sketch.resource,
  };
  const span = {
    traceId: SKETCH_TRACE_ID,
    spanId: sketchId(sketch.id),
    parentSpanId: sketch.parent === undefined ? '' : sketchId(sketch.parent),
    name: sketch.name ?? `span ${sketch.id}`,
    kind: sketch.kind ?? KIND_INTERNAL,
    startTimeUnixNano: String(SKETCH_EPOCH_NS + BigInt(start)),
    endTimeUnixNano: String(SKETCH_EPOCH_NS + BigInt(end)),
    attributes: keyValues(sketch.attributes ?? {}),
    status: sketch.status === undefined ? {} : { code: sketch.status },
    ...sketch.raw,
  };
  return { resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans: [{ spans: [span] }] }] };
}

function keyValues(attributes: Readonly<Record<string, string>>) {
  return Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}
