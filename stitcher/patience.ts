/** What to do when the store or the log is away for a while: wait, and try again, without giving up what is in memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BusError } from '../bus/index.js';
import { StoreError } from '../store/index.js';

const PAUSE_MS = 1_000;

export class Patience {
  readonly #logger: Logger;
  readonly #signal: AbortSignal;

  constructor(logger: Logger, signal: AbortSignal) {
    this.#logger = logger;
    this.#signal = signal;
  }

  /** Work that comes round again by itself: a failure that passes is logged, and `onFailure` puts back what it held. */
  async attempt(name: string, work: Promise<void>, onFailure: () => void = () => {}): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#logger.warn({ reason: error.message, code: error.code }, `${name}: not now; comes round again`);
      onFailure();
      await this.#pause();
    }
  }

  /** Work that the next step needs: repeated until it is done. */
  async insist<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isPassing(error) || this.#signal.aborted) throw error;
        this.#logger.warn({ reason: error.message, code: error.code }, 'waiting to take over partitions');
        await this.#pause();
      }
    }
  }

  async #pause(): Promise<void> {
    await sleep(PAUSE_MS, undefined, { signal: this.#signal }).catch(() => {});
  }
}

function isPassing(error: unknown): error is StoreError | BusError {
  return (error instanceof StoreError || error instanceof BusError) && error.retryable;
}
