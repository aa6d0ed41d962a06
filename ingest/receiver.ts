import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Bus } from '../bus/index.js';
import { Acceptor } from './accept.js';
import { Senders } from './auth.js';
import { asIngestError, IngestError } from './errors.js';
import { InFlightBytes } from './in-flight.js';
import { IngestMetrics, type Transport } from './metrics.js';
import type { IngestAuth, IngestLimits } from './options.js';
import { RefusalLog } from './refusal-log.js';

export interface ReceiverOptions {
  readonly bus: Bus;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly limits: IngestLimits;
  readonly auth: IngestAuth;
}

/** How long a client may take, at closing, to read an answer that has been sent. */
export const LAST_ANSWERS_MS = 1_000;

/** What the two transports share: who may send, how much is in flight, what becomes of a body, and the bookkeeping. */
export class Receiver {
  readonly limits: IngestLimits;
  readonly logger: Logger;
  readonly senders: Senders;
  readonly inFlight: InFlightBytes;
  readonly metrics: IngestMetrics;
  readonly acceptor: Acceptor;
  private readonly refusals: RefusalLog;
  private closing = false;
  private nextDelaySeconds: 1 | 2 = 1;

  constructor(options: ReceiverOptions) {
    this.limits = options.limits;
    this.logger = options.logger;
    this.senders = new Senders(options.auth.tokens);
    this.inFlight = new InFlightBytes(options.limits.maxInFlightBytes);
    this.metrics = new IngestMetrics(options.registry, this.inFlight);
    this.acceptor = new Acceptor(options.bus, this.metrics, options.limits.publishTimeoutMs);
    this.refusals = new RefusalLog(options.logger);
  }

  /** Requests that come after this are told to come again; those under way go on. */
  startClosing(): void {
    this.closing = true;
  }

  /** After this long no request can still be under way, unless its client does not read the answer. */
  get drainTimeoutMs(): number {
    return this.limits.bodyTimeoutMs + this.limits.publishTimeoutMs + LAST_ANSWERS_MS;
  }

  get isClosing(): boolean {
    return this.closing;
  }

  flushLog(): void {
    this.refusals.flush();
  }

  /** 1 and 2 by turns, so that exporters refused together do not come back together; more makes them give up. */
  retryDelaySeconds(): 1 | 2 {
    this.nextDelaySeconds = this.nextDelaySeconds === 1 ? 2 : 1;
    return this.nextDelaySeconds;
  }

  throwIfClosing(): void {
    if (this.closing) throw new IngestError('INGEST_UNAVAILABLE', 'the receiver is stopping; try again');
  }

  answered(transport: Transport, code: string): void {
    this.metrics.answered(transport, code);
  }

  /** Counts and logs a refusal; returns what to tell the exporter. */
  refused(transport: Transport, thrown: unknown): IngestError {
    const error = asIngestError(thrown);
    const { httpStatus, rpc } = error.verdict;
    const gone = error.code === 'INGEST_CLIENT_GONE';
    this.metrics.answered(transport, gone ? 'client_gone' : transport === 'http' ? String(httpStatus) : rpc);
    this.refusals.note(error);
    return error;
  }
}
