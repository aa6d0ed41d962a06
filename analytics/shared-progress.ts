/**
 * What `progress` holds, read once for the answers of a moment: the panels of a page are asked for together, and reading
 * it takes the engine half as long as a city's latencies. Stitchers write it every second, so an answer hardly knows less.
 */
import { type ProgressRow, readProgress, type Store } from '../store/index.js';

export interface ProgressReading {
  readonly rows: readonly ProgressRow[];
  /** The server's clock by now. */
  readonly serverNowMs: number;
  /** By the server's clock: whatever was stored before is in the rows. */
  readonly beganServerMs: number;
}

interface Read {
  readonly rows: readonly ProgressRow[];
  readonly serverMs: number;
  /** Of this process's monotonic clock: when it was asked for, and answered. */
  readonly beganMs: number;
  readonly endedMs: number;
}

export class SharedProgress {
  readonly #store: Store;
  readonly #maxAgeMs: number;
  #under: { readonly beganMs: number; readonly read: Promise<Read> } | undefined;
  #last: Read | undefined;

  constructor(store: Store, maxAgeMs: number) {
    this.#store = store;
    this.#maxAgeMs = maxAgeMs;
  }

  /**
   * Less than `maxAgeMs` old, or read now. Where `isOfBefore`, all of it was stored before `sinceMs()`; else it is for the
   * caller to compare `beganServerMs`, which is never later than that.
   */
  async read(): Promise<ProgressReading & { readonly isOfBefore: boolean }> {
    const last = this.#fresh();
    if (last !== undefined) return { ...readingOf(last), isOfBefore: true };
    this.#under ??= this.#readAnew();
    return { ...readingOf(await this.#under.read), isOfBefore: false };
  }

  /** When what `read` would give now was read, or began to be: by `performance.now()`, never later than now. */
  sinceMs(): number {
    return this.#fresh()?.endedMs ?? this.#under?.beganMs ?? performance.now();
  }

  #fresh(): Read | undefined {
    const last = this.#last;
    return last !== undefined && performance.now() - last.endedMs < this.#maxAgeMs ? last : undefined;
  }

  #readAnew() {
    const beganMs = performance.now();
    const read = async () => {
      try {
        const { rows, serverNowMs: serverMs } = await readProgress(this.#store);
        this.#last = { rows, serverMs, beganMs, endedMs: performance.now() };
        return this.#last;
      } finally {
        this.#under = undefined;
      }
    };
    return { beganMs, read: read() };
  }
}

const MILLISECOND = 1;

/** The server's clock was read between the two ends. */
function readingOf({ rows, serverMs, beganMs, endedMs }: Read): ProgressReading {
  return {
    rows,
    serverNowMs: serverMs + Math.floor(performance.now() - endedMs),
    beganServerMs: serverMs - Math.ceil(endedMs - beganMs) - MILLISECOND,
  };
}
