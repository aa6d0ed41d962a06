import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Sender } from './auth.js';
import type { InFlightBytes } from './in-flight.js';

export type Transport = 'http' | 'grpc';

/** 1 ms to 10 s: an fsync is a few milliseconds, a publish gives up after seconds. */
const PUBLISH_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class IngestMetrics {
  private readonly requests: Counter;
  private readonly spans: Counter;
  private readonly senderSpans: Counter;
  private readonly bytes: Counter;
  private readonly publishSeconds: Histogram;

  constructor(registry: Registry, inFlight: InFlightBytes) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'throughline_ingest_requests_total',
      help: 'Export requests answered, by transport and status code (HTTP number or gRPC name).',
      labelNames: ['transport', 'code'],
      registers,
    });
    this.spans = new Counter({
      name: 'throughline_ingest_spans_total',
      help: 'Spans in answered requests: accepted (durable in the log) or refused, by reason.',
      labelNames: ['outcome'],
      registers,
    });
    this.senderSpans = new Counter({
      name: 'throughline_ingest_sender_spans_total',
      help: 'Accepted spans by the tenant and tier of the token they came with.',
      labelNames: ['tenant', 'tier'],
      registers,
    });
    this.bytes = new Counter({
      name: 'throughline_ingest_bytes_total',
      help: 'Inflated bytes of request bodies read to the end.',
      registers,
    });
    this.publishSeconds = new Histogram({
      name: 'throughline_ingest_publish_seconds',
      help: 'Time from handing a request to the log until it was durable or refused.',
      buckets: PUBLISH_BUCKETS_SECONDS,
      registers,
    });
    new Gauge({
      name: 'throughline_ingest_in_flight_bytes',
      help: 'Bytes of request bodies held right now, compressed and inflated.',
      registers,
      collect() {
        this.set(inFlight.heldBytes);
      },
    });
  }

  answered(transport: Transport, code: string): void {
    this.requests.inc({ transport, code });
  }

  bodyRead(bytes: number): void {
    this.bytes.inc(bytes);
  }

  accepted(spanCount: number, sender: Sender): void {
    this.spans.inc({ outcome: 'accepted' }, spanCount);
    this.senderSpans.inc({ tenant: sender.tenant, tier: sender.tier }, spanCount);
  }

  rejected(reason: string, spanCount: number): void {
    this.spans.inc({ outcome: reason }, spanCount);
  }

  published(seconds: number): void {
    this.publishSeconds.observe(seconds);
  }
}
