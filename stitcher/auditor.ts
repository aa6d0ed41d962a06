/**
 * Makes promise 2 true: compares what is stored of each recently touched trace (its arrivals) with its current revision,
 * and puts up for restitching what does not agree. Everything else in the stitcher is an optimisation for speed. It needs
 * no leader and is idempotent; its position is kept in the store, so after a crash it starts where memory was lost.
 */
import type { TraceStore } from '../store/index.js';
import type { OpenTraces } from './open-traces.js';

export interface AuditorOptions {
  readonly everyMs: number;
  /** Rows become visible after their insertion time: each pass looks back this far behind the last one's start. */
  readonly overlapMs: number;
  /** A trace is left alone until it has been quiet for this long: it may be open in another stitcher. */
  readonly quietMs: number;
}

/** Findings handled in one pass; the rest come with the next. */
const MAX_FINDINGS = 5_000;
/** While traces are open at most one part in this many of the time goes into auditing. */
const DUTY = 20;

export class Auditor {
  readonly #store: TraceStore;
  readonly #open: OpenTraces;
  readonly #options: AuditorOptions;
  /** By partition that is ours. */
  readonly #sinceMs = new Map<number, number>();
  #cleanSequence = -1;
  #nextAtMs = 0;
  #quietAtMs = 0;
  #running = false;
  /** Findings put up for restitching by the newest pass. */
  lastFindings = 0;
  totalFindings = 0;

  constructor(store: TraceStore, open: OpenTraces, options: AuditorOptions) {
    this.#store = store;
    this.#open = open;
    this.#options = options;
  }

  /** Takes over partitions, each from a position on the store's clock, epoch milliseconds. */
  gain(positionsMs: ReadonlyMap<number, number>): void {
    for (const [partition, sinceMs] of positionsMs) this.#sinceMs.set(partition, sinceMs);
  }

  lose(partitions: ReadonlySet<number>): void {
    for (const partition of partitions) this.#sinceMs.delete(partition);
  }

  /** By partition, where the next owner may start. */
  get auditedThroughMs(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#sinceMs);
  }

  /** Whether a pass that began after write number `sequence` was finished found nothing wrong. */
  isClean(sequence: number): boolean {
    return this.#sinceMs.size === 0 || this.#cleanSequence >= sequence;
  }

  /**
   * `isQuiet`: no trace is open or about to be written. Then somebody waits for the last word (`settled`), and what is
   * spent on it takes nothing from spans.
   */
  isDue(nowMs: number, sequence: number, isQuiet: boolean): boolean {
    if (this.#running || this.isClean(sequence)) return false;
    return nowMs >= (isQuiet ? this.#quietAtMs : this.#nextAtMs);
  }

  /**
   * One pass. `sequence` numbers the last finished write of this stitcher (or partition it gained); `watermarkMs` says by
   * the log's clock who is quiet. `ticks` measures how long it takes: a clock that is set meanwhile would stop auditing.
   */
  async run(sequence: number, watermarkMs: number, ticks: () => number): Promise<void> {
    this.#running = true;
    const startedMs = ticks();
    const partitions = new Set(this.#sinceMs.keys());
    try {
      const sinceMs = Math.min(...this.#sinceMs.values());
      const { findings, serverNowMs, untilMs } = await this.#store.audit(sinceMs, MAX_FINDINGS);
      let isClean = findings.length < MAX_FINDINGS;
      this.lastFindings = 0;
      for (const { tenant, traceId, partitions: from, lastReceivedMs } of findings) {
        if (!from.some(partition => partitions.has(partition))) continue;
        isClean = false;
        if (lastReceivedMs + this.#options.quietMs >= watermarkMs || this.#open.isOpen(tenant, traceId)) continue;
        // One that was lost meanwhile is another's: here nobody would look at the trace again.
        const own = from.find(partition => this.#sinceMs.has(partition));
        if (own === undefined) continue;
        this.#open.markForRestitch(tenant, traceId, own, lastReceivedMs);
        this.lastFindings++;
      }
      this.totalFindings += this.lastFindings;
      if (isClean) this.#cleanSequence = sequence;
      // Under load some traces are always open: what lies before all that was found is done with.
      const throughMs = (isClean ? serverNowMs : untilMs) - this.#options.overlapMs;
      for (const partition of partitions) {
        const ownMs = this.#sinceMs.get(partition);
        // One that was lost and came back meanwhile has a position of its own; this one is as true.
        if (ownMs === undefined) continue;
        // What was found goes on being found from where it was; and a position that is yet to come is none.
        const isAhead = !isClean && ownMs > throughMs && ownMs <= serverNowMs;
        if (!isAhead) this.#sinceMs.set(partition, throughMs);
      }
    } finally {
      const nowMs = ticks();
      this.#quietAtMs = nowMs + this.#options.everyMs;
      this.#nextAtMs = Math.max(this.#quietAtMs, nowMs + (nowMs - startedMs) * DUTY);
      this.#running = false;
    }
  }
}
