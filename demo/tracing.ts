/** One service's OpenTelemetry SDK: its own provider, its own exporter, its own idea of when to send. */
import {
  type Context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';

export interface ServiceTracing {
  readonly tracer: Tracer;
  /** Sends what is left, and stops. */
  shutdown(): Promise<void>;
}

export interface ServiceDescription {
  readonly name: string;
  readonly tier: 'edge' | 'app' | 'data';
  readonly host: string;
  readonly exporter: SpanExporter;
  /** How long spans wait before they are sent. */
  readonly delayMs: number;
  /** Counted into. */
  readonly deliveries: Deliveries;
}

/** What became of the spans of all services. */
export interface Deliveries {
  delivered: number;
  lost: number;
  /** Why spans were last lost, in the exporter's words; '' if none were. */
  reason: string;
}

/** An exporter that fails says so only in the SDK's own log, which nobody reads: here it is counted. */
function counted(exporter: SpanExporter, deliveries: Deliveries): SpanExporter {
  return {
    export(spans: ReadableSpan[], done) {
      exporter.export(spans, result => {
        if (result.error === undefined && result.code === EXPORT_SUCCESS) deliveries.delivered += spans.length;
        else {
          deliveries.lost += spans.length;
          deliveries.reason = result.error?.message ?? 'the exporter does not say why';
        }
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/** `ExportResultCode.SUCCESS` of @opentelemetry/core. */
const EXPORT_SUCCESS = 0;

export function startTracing({ name, tier, host, exporter, delayMs, deliveries }: ServiceDescription): ServiceTracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': name,
        'host.name': host,
        'deployment.environment.name': 'demo',
        'throughline.tier': tier,
      }),
    ),
    spanProcessors: [
      new BatchSpanProcessor(counted(exporter, deliveries), { scheduledDelayMillis: delayMs, maxQueueSize: 65_536 }),
    ],
  });
  // The first one to register brings the W3C propagator and the context manager for all; the others only trace.
  provider.register();
  return {
    tracer: provider.getTracer('throughline-demo'),
    // Rejects where the last spans are lost, which are counted: the other services must still be stopped.
    shutdown: () => provider.shutdown().catch(() => {}),
  };
}

export interface Work {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

/** Runs `work` in a span under `parent`; what it throws fails the span and goes on to the caller. */
export async function inSpan<Result>(
  tracer: Tracer,
  parent: Context,
  { name, kind, attributes = {} }: Work,
  work: (own: Context, span: Span) => Promise<Result>,
): Promise<Result> {
  const span = tracer.startSpan(name, { kind, attributes: { ...attributes } }, parent);
  try {
    return await work(trace.setSpan(parent, span), span);
  } catch (error) {
    span.setAttribute('error.type', error instanceof Error ? error.name : '_OTHER');
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** A GET to another service of the bank, as a client span, with W3C trace context in its headers. */
export function call(
  tracer: Tracer,
  parent: Context,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { pathname, hostname, port } = new URL(url);
  const attributes = {
    'http.request.method': 'GET',
    'url.full': url,
    'server.address': hostname,
    'server.port': Number(port),
  };
  return inSpan(tracer, parent, { name: `GET ${pathname}`, kind: SpanKind.CLIENT, attributes }, async (own, span) => {
    const sent: Record<string, string> = { ...headers };
    propagation.inject(own, sent);
    const response = await fetch(url, { headers: sent });
    span.setAttribute('http.response.status_code', response.status);
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${pathname} answered ${response.status}`);
    return body;
  });
}

/** The trace that a request belongs to, by its headers. */
export function contextOf(headers: object): Context {
  return propagation.extract(ROOT_CONTEXT, headers);
}
