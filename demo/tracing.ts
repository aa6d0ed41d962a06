/** One service's OpenTelemetry SDK: its own provider, its own exporter, its own idea of when to send. */
import {
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
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
}

export function startTracing({ name, tier, host, exporter, delayMs }: ServiceDescription): ServiceTracing {
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({
        'service.name': name,
        'host.name': host,
        'deployment.environment.name': 'demo',
        'throughline.tier': tier,
      }),
    ),
    spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: delayMs, maxQueueSize: 65_536 })],
  });
  // The first one to register brings the W3C propagator and the context manager for all; the others only trace.
  provider.register();
  return { tracer: provider.getTracer('throughline-demo'), shutdown: () => provider.shutdown() };
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
  const { pathname, host } = new URL(url);
  const attributes = { 'http.request.method': 'GET', 'url.path': pathname, 'server.address': host };
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
  return propagation.extract(context.active(), headers);
}
