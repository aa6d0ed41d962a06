/**
 * Random traces for simulations: everything docs/stitching.md has a rule for, in small. A pure function of the random
 * numbers given, so that a seed tells the whole story of a failure.
 *
 * What it keeps clear of, because docs/stitching.md or JSON leaves it open: different copies of one span that end
 * together. What it may yield that needs care: an envelope from a zero time to the present, or to 2262, without a root,
 * is longer than 2^53 ns, so it is exact only in 64 bits. (A root never lasts that long.)
 */
import { deform } from './generate-anomalies.js';
import { type Draw, drawFrom } from './random.js';
import { KIND_CLIENT, KIND_CONSUMER, KIND_INTERNAL, KIND_PRODUCER, KIND_SERVER, STATUS_ERROR } from './types.js';

export { mulberry32 } from './random.js';

/** One arrival of a span with its surroundings, all as OTLP JSON. */
export interface GeneratedSpan {
  readonly traceId: string;
  readonly resource: object;
  readonly scope: object;
  readonly span: object;
}

export interface GeneratedTrace {
  readonly traceId: string;
  /** In the order in which the spans started, copies last; to be sent in any order and grouping. */
  readonly spans: readonly GeneratedSpan[];
}

export interface GenerateOptions {
  /** Start of the first trace; each next one starts 10 ms later. */
  readonly startNs?: bigint;
  readonly maxSpans?: number;
  /** 0: plain trees only; 1: every second trace or so has something odd about it. */
  readonly anomalies?: number;
}

/** A span while it is being made up; anomalies change it before it becomes JSON. */
export interface DraftSpan {
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startNs: bigint;
  endNs: bigint;
  status: number;
  readonly attributes: Record<string, string>;
  host: DraftHost;
}

/** A process: where a span ran, and by how much the clock there is wrong. */
export interface DraftHost {
  readonly service: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly skewNs: bigint;
}

export const GENERATED_EPOCH_NS = 1_700_000_000_000_000_000n;

const MS = 1_000_000n;
const SERVICES = ['web', 'gateway', 'cart', 'payment', 'ledger', 'mailer'];
const PLACES = [
  { 'geo.locality.name': 'New York', 'geo.region.iso_code': 'US-NY', 'geo.country.iso_code': 'US' },
  { 'geo.locality.name': 'São Paulo', 'geo.region.iso_code': 'BR-SP', 'geo.country.iso_code': 'BR' },
  { 'geo.country.iso_code': 'DE' },
];

/** `index` makes the trace id: the same index is always the same trace id, two are never one. */
export function generateTrace(random: () => number, index: number, options: GenerateOptions = {}): GeneratedTrace {
  const { startNs = GENERATED_EPOCH_NS, maxSpans = 24, anomalies = 1 } = options;
  const draw = drawFrom(random);
  const traceId = `${draw.hex(16)}${(index + 1).toString(16).padStart(16, '0')}`;
  const spans = growTree(draw, startNs + BigInt(index) * 10n * MS, maxSpans);
  placeSpans(draw, spans);
  for (const span of spans) {
    span.startNs += span.host.skewNs;
    span.endNs += span.host.skewNs;
  }
  const copies = deform(draw, spans, anomalies);
  return { traceId, spans: [...spans, ...copies].map(span => toGenerated(traceId, span)) };
}

/** Groups spans as an ExportTraceServiceRequest in OTLP JSON: by resource, then by scope, in order of appearance. */
export function toRequest(spans: readonly GeneratedSpan[]): { resourceSpans: object[] } {
  const resources = new Map<
    string,
    { resource: object; scopeSpans: Map<string, { scope: object; spans: object[] }> }
  >();
  for (const { resource, scope, span } of spans) {
    const resourceKey = JSON.stringify(resource);
    const group = resources.get(resourceKey) ?? { resource, scopeSpans: new Map() };
    resources.set(resourceKey, group);
    const scopeKey = JSON.stringify(scope);
    const scopeSpans = group.scopeSpans.get(scopeKey) ?? { scope, spans: [] };
    group.scopeSpans.set(scopeKey, scopeSpans);
    scopeSpans.spans.push(span);
  }
  return {
    resourceSpans: [...resources.values()].map(group => ({
      resource: group.resource,
      scopeSpans: [...group.scopeSpans.values()],
    })),
  };
}

/** A tree as calls make it: parents before children. Deep, wide or in between. */
function growTree(draw: Draw, startNs: bigint, maxSpans: number): DraftSpan[] {
  const count = draw.integer(1, maxSpans);
  const reach = draw.pick([1, 3, count]);
  const hosts = makeHosts(draw);
  const root = makeRoot(draw, draw.pick(hosts), startNs);
  const spans = [root];
  while (spans.length < count) {
    // Deep chains grow from the last span, wide fans from any.
    const parent = spans[spans.length - 1 - draw.integer(0, Math.min(reach, spans.length) - 1)];
    spans.push(makeChild(draw, parent, hosts));
  }
  return spans;
}

/** Some services run on two hosts, some share one, some do not say where they run. */
function makeHosts(draw: Draw): DraftHost[] {
  return SERVICES.flatMap(service => {
    const machines = draw.pick([1, 1, 2]);
    return Array.from({ length: machines }, () => ({
      service,
      resource: resourceOf(draw, service),
      skewNs: draw.chance(0.3) ? BigInt(draw.integer(-80, 80)) * MS : 0n,
    }));
  });
}

function resourceOf(draw: Draw, service: string): Record<string, string> {
  const machine = `node-${draw.integer(1, 4)}`;
  return {
    'service.name': service,
    'deployment.environment.name': draw.pick(['production', 'production', 'staging']),
    ...draw.pick([{ 'host.name': machine }, { 'host.id': machine, 'host.name': 'same' }, { 'host.ip': machine }, {}]),
    ...draw.pick<Record<string, string>>([
      {},
      {},
      {},
      { 'cloud.region': 'eu-central-1' },
      { 'throughline.tier': 'core' },
    ]),
    ...(service === 'web' && draw.chance(0.5) ? { 'telemetry.sdk.language': 'webjs' } : {}),
  };
}

function makeRoot(draw: Draw, host: DraftHost, startNs: bigint): DraftSpan {
  return {
    spanId: draw.hex(16),
    parentSpanId: '',
    name: draw.pick(['GET /', 'POST /pay', 'GET /cart']),
    kind: draw.pick([KIND_SERVER, KIND_SERVER, KIND_CLIENT, KIND_INTERNAL, KIND_PRODUCER]),
    startNs,
    endNs: startNs + BigInt(draw.integer(0, 500_000)) * 1_000n,
    status: draw.chance(0.2) ? STATUS_ERROR : 0,
    attributes: {},
    host,
  };
}

function makeChild(draw: Draw, parent: DraftSpan, hosts: readonly DraftHost[]): DraftSpan {
  const isCalled = parent.kind === KIND_CLIENT || parent.kind === KIND_PRODUCER;
  const kind = isCalled
    ? draw.pick([KIND_SERVER, KIND_CONSUMER, KIND_INTERNAL])
    : draw.pick([KIND_CLIENT, KIND_CLIENT, KIND_INTERNAL, KIND_PRODUCER, 0]);
  const host = isCalled || draw.chance(0.1) ? draw.pick(hosts) : parent.host;
  const [startNs, endNs] = childWindow(draw, parent);
  return {
    spanId: draw.hex(16),
    parentSpanId: parent.spanId,
    name: draw.pick(['call', 'query', 'render', 'send']),
    kind,
    startNs,
    endNs,
    status: draw.pick([0, 0, 0, 1, STATUS_ERROR]),
    attributes: kind === KIND_CLIENT && draw.chance(0.3) ? { 'db.system.name': 'postgresql' } : {},
    host,
  };
}

/** Mostly inside the parent; sometimes over its edges, after it, or on round times, so that spans touch. */
function childWindow(draw: Draw, parent: DraftSpan): [bigint, bigint] {
  const length = Number(parent.endNs - parent.startNs);
  const from = draw.chance(0.1) ? draw.integer(-length, length * 2) : draw.integer(0, length);
  const to = draw.chance(0.1) ? from + draw.integer(0, length * 2) : draw.integer(Math.min(from, length), length);
  const unit = draw.pick([1, 1, 1_000_000]);
  const start = Math.round(from / unit) * unit;
  return [parent.startNs + BigInt(start), parent.startNs + BigInt(Math.max(start, Math.round(to / unit) * unit))];
}

function placeSpans(draw: Draw, spans: readonly DraftSpan[]): void {
  for (const span of spans) {
    if (draw.chance(span.parentSpanId === '' ? 0.6 : 0.1)) Object.assign(span.attributes, draw.pick(PLACES));
  }
}

function toGenerated(traceId: string, draft: DraftSpan): GeneratedSpan {
  return {
    traceId,
    resource: { attributes: keyValues(draft.host.resource) },
    scope: { name: `instrumentation of ${draft.host.service}`, version: '1' },
    span: {
      traceId,
      spanId: draft.spanId,
      parentSpanId: draft.parentSpanId,
      name: draft.name,
      kind: draft.kind,
      startTimeUnixNano: String(draft.startNs),
      endTimeUnixNano: String(draft.endNs),
      attributes: keyValues(draft.attributes),
      status: draft.status === 0 ? {} : { code: draft.status },
    },
  };
}

function keyValues(attributes: Readonly<Record<string, string>>): object[] {
  return Object.entries(attributes).map(([key, stringValue]) =>
    key === 'host.ip'
      ? { key, value: { arrayValue: { values: [{ stringValue }, { stringValue: '::1' }] } } }
      : { key, value: { stringValue } },
  );
}
