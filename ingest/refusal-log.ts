import type { Logger } from 'pino';
import type { IngestError } from './errors.js';

/** Overload means thousands of refusals a second; the log gets one line for all of them in this time. */
const SUMMARY_EVERY_MS = 10_000;

/** Counts refusals by code and writes a line with the counts; unexpected errors are written at once, with their cause. */
export class RefusalLog {
  private readonly logger: Logger;
  private counts = new Map<string, number>();
  private causeNoted = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  note(error: IngestError): void {
    this.counts.set(error.code, (this.counts.get(error.code) ?? 0) + 1);
    // An undecodable body's cause may quote the body, so only a transient failure's cause is logged.
    if (error.code === 'INGEST_UNAVAILABLE' && error.cause !== undefined) this.noteCause(error);
    this.timer ??= setTimeout(() => this.flush(), SUMMARY_EVERY_MS).unref();
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.causeNoted = false;
    if (this.counts.size === 0) return;
    this.logger.warn({ refused: Object.fromEntries(this.counts) }, 'requests refused');
    this.counts = new Map();
  }

  /** Once per summary: an outage repeats itself. */
  private noteCause(error: IngestError): void {
    if (this.causeNoted) return;
    this.causeNoted = true;
    this.logger.error({ err: error.cause }, error.message);
  }
}
