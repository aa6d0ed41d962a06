import { IngestError } from './errors.js';

export interface QuotaLimits {
  readonly maxSpansPerSecond?: number | undefined;
  /** Of inflated bodies. */
  readonly maxBytesPerSecond?: number | undefined;
}

/**
 * A bucket that holds one second's worth and refills steadily. What is taken may be more than is left, since the size of
 * a request is known only once it is read: then the bucket owes, and gives nothing until that is paid. So over any
 * longer time the rate holds exactly, and a request larger than a second's worth is late, not impossible.
 */
class Bucket {
  private readonly perSecond: number;
  private readonly what: string;
  private left: number;
  private atMs: number;

  constructor(perSecond: number, what: string, nowMs: number) {
    this.perSecond = perSecond;
    this.what = what;
    this.left = perSecond;
    this.atMs = nowMs;
  }

  /** Throws INGEST_RATE_LIMITED where nothing is left. */
  requireSome(nowMs: number): void {
    this.refill(nowMs);
    if (this.left > 0) return;
    throw new IngestError(
      'INGEST_RATE_LIMITED',
      `the token may send ${this.perSecond} ${this.what} per second and has sent more; try again`,
    );
  }

  /** Throws INGEST_RATE_LIMITED where nothing is left: then nothing is taken. */
  take(amount: number, nowMs: number): void {
    this.requireSome(nowMs);
    this.left -= amount;
  }

  private refill(nowMs: number): void {
    // A clock that went backwards gives nothing, and takes nothing.
    const elapsedMs = Math.max(0, nowMs - this.atMs);
    this.left = Math.min(this.perSecond, this.left + (elapsedMs / 1_000) * this.perSecond);
    this.atMs = nowMs;
  }
}

/** What one token may send in this process, over both transports together. */
export class Quota {
  private readonly spans: Bucket | undefined;
  private readonly bytes: Bucket | undefined;
  private readonly clock: () => number;

  constructor(limits: QuotaLimits, clock: () => number) {
    const { maxSpansPerSecond, maxBytesPerSecond } = limits;
    this.clock = clock;
    this.spans = maxSpansPerSecond === undefined ? undefined : new Bucket(maxSpansPerSecond, 'spans', clock());
    this.bytes = maxBytesPerSecond === undefined ? undefined : new Bucket(maxBytesPerSecond, 'bytes', clock());
  }

  /** Before a body is read: whoever is over the limit costs nothing more. Throws INGEST_RATE_LIMITED. */
  admit(): void {
    const nowMs = this.clock();
    this.bytes?.requireSome(nowMs);
    this.spans?.requireSome(nowMs);
  }

  /** Once the body is read, whatever it holds: of those read side by side only who finds something left goes on. */
  takeBytes(bytes: number): void {
    this.bytes?.take(bytes, this.clock());
  }

  /** Before they are published. */
  takeSpans(spans: number): void {
    this.spans?.take(spans, this.clock());
  }
}
