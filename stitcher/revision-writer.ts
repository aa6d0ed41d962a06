/** Stores trace rows in the background, one block after the other, and knows how many are still on their way. */
import { crashPoint } from '../schemas/index.js';
import type { TraceStore } from '../store/index.js';
import type { TraceRows } from './trace-rows.js';

export class RevisionWriter {
  /** Blocks taken and not yet stored. */
  pending = 0;
  /** When the newest row of its partitions was stored, whoever stored it. */
  lastStoredMs: number;
  readonly #store: TraceStore;
  readonly #rows: TraceRows;
  readonly #signal: AbortSignal;
  readonly #clock: () => number;
  readonly #ticks: () => number;
  #lastStoredTick: number;
  #last: Promise<void> = Promise.resolve();

  constructor(store: TraceStore, rows: TraceRows, signal: AbortSignal, clock: () => number, ticks: () => number) {
    this.#store = store;
    this.#rows = rows;
    this.#signal = signal;
    this.#clock = clock;
    this.#ticks = ticks;
    this.lastStoredMs = clock();
    this.#lastStoredTick = ticks();
  }

  /** How long ago that was. Clocks of two machines, or of one that is set, disagree; durations do not. */
  get lastStoredAgeMs(): number {
    return Math.max(0, Math.floor(this.#ticks() - this.#lastStoredTick));
  }

  /** What a former owner stored may be as new as this moment. */
  takeOver(): void {
    this.#stored();
  }

  get hasRows(): boolean {
    return this.#rows.rows > 0;
  }

  /** Takes the rows so far; resolves when they, and all taken before, are stored. */
  flush(): Promise<void> {
    if (this.#rows.rows === 0) return this.#last;
    const { columns, rows } = this.#rows.take();
    this.pending++;
    const previous = this.#last;
    this.#last = (async () => {
      await previous;
      crashPoint('before-revisions');
      await this.#store.insert('trace_revisions', columns, rows, this.#signal);
      crashPoint('after-revisions');
      this.#stored();
      this.pending--;
    })();
    return this.#last;
  }

  #stored(): void {
    this.lastStoredMs = this.#clock();
    this.#lastStoredTick = this.#ticks();
  }
}
