import { type Bus, BusError, type RecordToPublish, type Tallies } from '../bus/index.js';
import {
  jsonToProtobuf,
  OtlpDecodeError,
  type OtlpFormat,
  RequestScan,
  scanRequest,
  splitRequest,
} from '../otlp/index.js';
import { crashPoint } from '../schemas/index.js';
import type { Sender } from './auth.js';
import { overloaded } from './body.js';
import { countItems, type OtherSignal } from './count-items.js';
import { IngestError } from './errors.js';
import type { Lease } from './in-flight.js';
import type { IngestMetrics } from './metrics.js';

export type Signal = 'traces' | OtherSignal;

/** What the exporter of a request that was taken is told. */
export interface Answer {
  /** Spans, data points or log records that were refused. */
  readonly rejectedItems: number;
  /** '' or why they were. */
  readonly message: string;
}

/** Why a span is rejected: the key is the name in the ledger (`rejected.<reason>`), the text is for the exporter. */
const REJECTIONS = {
  invalid_trace_id: () => 'a trace id that is not 16 bytes or all zero',
  invalid_span_id: () => 'a span id that is not 8 bytes or all zero',
  too_large: (maxRecordBytes: number) =>
    `attributes, resource or scope too large for the log's records of ${maxRecordBytes} bytes: ` +
    "send smaller ones, or raise bus.kafka.maxRecordBytes and the topic's max.message.bytes",
} as const;

type Reason = keyof typeof REJECTIONS;

const REASONS = Object.keys(REJECTIONS) as Reason[];
const NO_TALLIES: Tallies = {};
const ALL_ACCEPTED: Answer = { rejectedItems: 0, message: '' };

/** A request that is ready for the log. Holds on to the body only where the body is the record. */
interface Routed {
  readonly records: readonly RecordToPublish[];
  /** In the records. */
  readonly spans: number;
  readonly rejected: Readonly<Record<Reason, number>>;
}

/** What becomes of a body, whichever way it came: scanned, split by partition, published, answered. */
export class Acceptor {
  private readonly bus: Bus;
  private readonly metrics: IngestMetrics;
  private readonly publishTimeoutMs: number;
  private readonly scan = new RequestScan();

  constructor(bus: Bus, metrics: IngestMetrics, publishTimeoutMs: number) {
    this.bus = bus;
    this.metrics = metrics;
    this.publishTimeoutMs = publishTimeoutMs;
  }

  /**
   * Resolves once every accepted span is durable, and the count of the rejected ones with it. Throws or rejects with an
   * IngestError: undecodable (nothing of the body was taken, nor counted), overloaded, or the log did not take it.
   * `body` is inflated and on the lease; the lease stays the caller's, and the bus holds it too until its publish has
   * settled, however late.
   *
   * Not an async function: those keep their parameters, so a body would stay in memory while its records are published.
   */
  accept(signal: Signal, body: Buffer, format: OtlpFormat, sender: Sender, lease: Lease): Promise<Answer> {
    this.metrics.bodyRead(body.length);
    sender.quota.takeBytes(body.length);
    if (signal !== 'traces') return Promise.resolve(rejectAll(signal, body, format));
    const routed = this.route(toProtobuf(body, format, lease), sender, lease);
    return this.publish(routed, sender, lease);
  }

  private route(bytes: Uint8Array, sender: Sender, lease: Lease): Routed {
    const { scan, bus } = this;
    if (!scanRequest(bytes, scan)) {
      throw new IngestError('INGEST_UNDECODABLE', `the body is not an OTLP trace request: ${scan.error}`);
    }
    sender.quota.takeSpans(scan.spans);
    const records: RecordToPublish[] = [];
    let payloadBytes = 0;
    let spans = 0;
    for (const { partition, itemCount, payload } of splitRequest(bytes, scan, bus.partitionCount, bus.maxRecordBytes)) {
      records.push({ partition, tenant: sender.tenant, tier: sender.tier, itemCount, payload });
      payloadBytes += payload.length;
      spans += itemCount;
    }
    // From here on the records are held instead of the body; a resource copied into many of them may make them larger.
    if (payloadBytes > bytes.length && !lease.tryGrow(payloadBytes - bytes.length)) throw overloaded();
    lease.resize(payloadBytes);
    const rejected = {
      invalid_trace_id: scan.rejectedInvalidTraceId,
      invalid_span_id: scan.rejectedInvalidSpanId,
      too_large: scan.spans - spans,
    };
    return { records, spans, rejected };
  }

  private async publish({ records, spans, rejected }: Routed, sender: Sender, lease: Lease): Promise<Answer> {
    const reasons = REASONS.filter(reason => rejected[reason] > 0);
    if (records.length > 0 || reasons.length > 0) {
      const publishing = this.publishHolding(records, talliesOf(rejected, reasons), lease);
      await withinTime(publishing, this.publishTimeoutMs);
    }
    this.metrics.accepted(spans, sender);
    if (reasons.length === 0) return ALL_ACCEPTED;
    let rejectedItems = 0;
    for (const reason of reasons) {
      rejectedItems += rejected[reason];
      this.metrics.rejected(reason, rejected[reason]);
    }
    return { rejectedItems, message: describeRejections(rejected, reasons, this.bus.maxRecordBytes) };
  }

  /** Settles with the bus. The payloads are the bus's until then, so their bytes stay on the lease. */
  private async publishHolding(records: readonly RecordToPublish[], tallies: Tallies, lease: Lease): Promise<void> {
    lease.hold();
    const startMs = performance.now();
    try {
      await this.bus.publish(records, tallies);
      crashPoint('after-append');
    } catch (error) {
      throw refusalOfBus(error);
    } finally {
      this.metrics.published((performance.now() - startMs) / 1000);
      lease.release();
    }
  }
}

function toProtobuf(body: Buffer, format: OtlpFormat, lease: Lease): Uint8Array {
  if (format === 'protobuf') return body;
  // Both are held while one becomes the other, and protobuf is the shorter one.
  if (!lease.tryGrow(body.length)) throw overloaded();
  try {
    const bytes = jsonToProtobuf(body);
    lease.resize(bytes.length);
    return bytes;
  } catch (error) {
    if (!(error instanceof OtlpDecodeError)) throw error;
    throw new IngestError(
      'INGEST_UNDECODABLE',
      `the body is not an OTLP trace request in JSON: ${error.message}`,
      error,
    );
  }
}

function talliesOf(rejected: Routed['rejected'], reasons: readonly Reason[]): Tallies {
  if (reasons.length === 0) return NO_TALLIES;
  return Object.fromEntries(reasons.map(reason => [`rejected.${reason}`, rejected[reason]]));
}

function describeRejections(rejected: Routed['rejected'], reasons: readonly Reason[], maxRecordBytes: number): string {
  const parts = reasons.map(reason => `${rejected[reason]} with ${REJECTIONS[reason](maxRecordBytes)}`);
  return `spans rejected: ${parts.join('; ')}`;
}

/** Metrics and logs are not taken yet; their exporters are told so in a way that does not make them fail (checklist 15). */
function rejectAll(signal: OtherSignal, body: Buffer, format: OtlpFormat): Answer {
  const rejectedItems = countItems(signal, body, format);
  return {
    rejectedItems,
    message: `${signal} are not taken here, only traces: point the ${signal} exporter elsewhere`,
  };
}

async function withinTime(publishing: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new IngestError('INGEST_UNAVAILABLE', 'the log has not answered in time; try again'));
    }, timeoutMs);
  });
  try {
    await Promise.race([publishing, late]);
  } finally {
    clearTimeout(timer);
  }
}

function refusalOfBus(error: unknown): IngestError {
  if (!(error instanceof BusError) || error.code !== 'BUS_FULL') {
    return new IngestError('INGEST_UNAVAILABLE', 'the log cannot take the request now; try again', error);
  }
  if (error.retryable) return new IngestError('INGEST_UNAVAILABLE', 'the log is full; try again', error);
  return new IngestError(
    'INGEST_BODY_TOO_LARGE',
    'the log can never hold a request this large; send smaller batches',
    error,
  );
}
