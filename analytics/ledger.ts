/**
 * GET /api/v1/ledger: where every span received has ended. By construction
 * received = stored + duplicate + Σ rejected + dead_letter + in_flight.
 *
 * The log is read after the store: whatever has arrived in the store was appended before, so `in_flight` (appended, less
 * what has arrived or is dead) cannot come out negative because of traffic. Spans are stored shortly before their
 * arrivals are: until then, and if a stitcher dies between the two, they count as in flight, not as stored.
 */
import type { LedgerAnswer } from '../schemas/index.js';
import { arrivalsInStore, distinctSpans, tooLateSpans } from '../store/index.js';
import { readLog } from './log.js';
import type { Parts } from './settings.js';

type LedgerParts = Pick<Parts, 'store' | 'log'>;

interface StoredCounts {
  readonly arrivals: number;
  readonly stored: number;
}

export class Ledger {
  readonly #parts: LedgerParts;
  /** Arrivals grow with every record stored, so while they are the same, so are the spans. */
  #known: StoredCounts | undefined;
  /** Counting is costly, so it is done for one answer after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  async answer(): Promise<LedgerAnswer> {
    const tooLate = await tooLateSpans(this.#parts.store);
    const { arrivals, stored } = await this.#inTurn(() => this.#storedCounts());
    const log = await readLog(this.#parts);
    const rejectedItems = Object.values(log.rejected).reduce((sum, count) => sum + count, 0);
    const notYetSeen = log.appendedItems - (log.rejectedInLogItems ?? 0) - log.deadLetterItems - arrivals;
    // Negative: the store holds more than this log ever counted (it took another's place). That was received, too.
    const inFlight = Math.max(0, notYetSeen);
    return {
      received: arrivals + rejectedItems + log.deadLetterItems + inFlight,
      rejected: { ...log.rejected },
      duplicate: arrivals - stored,
      stored,
      in_flight: inFlight,
      too_late: tooLate,
      dead_letter: log.deadLetterItems,
      ...(log.isEstimate && inFlight > 0 && { estimated: ['received', 'in_flight'] as const }),
    };
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #storedCounts(): Promise<StoredCounts> {
    const { store } = this.#parts;
    const before = await arrivalsInStore(store);
    if (this.#known?.arrivals === before) return this.#known;
    const spans = await distinctSpans(store);
    const arrivals = await arrivalsInStore(store);
    const counts = { arrivals, stored: Math.min(spans, arrivals) };
    if (arrivals === before && spans <= arrivals) this.#known = counts;
    return counts;
  }
}
