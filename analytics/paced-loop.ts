/** Repeats a pass until it is closed, and keeps it to its share of the time. A pass that fails is repeated like any other. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { RollupSettings } from './types.js';

export interface PacedLoopOptions {
  /** What a pass does, for the log: `a rollup pass`. */
  readonly name: string;
  readonly pace: Pick<RollupSettings, 'everyMs' | 'maxShare'>;
  readonly logger: Logger;
  readonly pass: () => Promise<unknown>;
  readonly onFailed: () => void;
  readonly onTook: (ms: number) => void;
}

export class PacedLoop {
  readonly #options: PacedLoopOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: PacedLoopOptions) {
    this.#options = options;
  }

  /** Aborts when the loop is closed: a long pass looks at it now and then. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits for the pass under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { name, pace, logger, pass, onFailed, onTook } = this.#options;
    while (!this.signal.aborted) {
      // Not by the clock: one that is set an hour ahead during a pass would make for hours of rest.
      const startedMs = performance.now();
      try {
        await pass();
      } catch (error) {
        onFailed();
        logger.warn({ err: error }, `${name} failed; it will be repeated`);
      }
      const tookMs = performance.now() - startedMs;
      onTook(tookMs);
      const restMs = Math.max(pace.everyMs, tookMs / pace.maxShare - tookMs);
      // An abort is the only way it rejects.
      await sleep(restMs, undefined, { signal: this.signal }).catch(() => undefined);
    }
  }
}
