/**
 * Sums the counts of SLOs by whole hours, once a minute. Nothing waits for it: where an hour is not summed yet its minutes
 * are read. Any number of jobs may run, without a leader (store/queries/slo/hours.ts, docs/adr/041).
 */
import { type DirtyHour, dirtySloHours, saveSloHoursPosition, writeSloHours } from '../../store/index.js';
import { PacedLoop } from '../paced-loop.js';
import type { Parts } from '../settings.js';
import { ROWS_AT_ONCE } from './chunks.js';
import { createHoursMetrics, type HoursMetrics } from './hours-metrics.js';

/** An hour goes on changing until it is over: more often would be work for nobody. */
const EVERY_MS = 60_000;
const HOURS_AT_ONCE = 2_000;

type HoursJobParts = Pick<Parts, 'store' | 'logger' | 'registry' | 'rollup'>;

export class SloHoursJob {
  readonly #parts: HoursJobParts;
  readonly #metrics: HoursMetrics;
  readonly #loop: PacedLoop;

  constructor(parts: HoursJobParts) {
    this.#parts = parts;
    this.#metrics = createHoursMetrics(parts.registry);
    this.#loop = new PacedLoop({
      name: 'a pass of summing hours of SLOs',
      pace: { everyMs: EVERY_MS, maxShare: parts.rollup.maxShare },
      logger: parts.logger,
      pass: () => this.pass(),
      onFailed: () => this.#metrics.failed(),
      onTook: ms => this.#metrics.took(ms),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Waits for the pass under way. */
  close(): Promise<void> {
    return this.#loop.close();
  }

  /** Sums every hour that cells have come to. Returns how many. */
  async pass(): Promise<number> {
    const { store, rollup } = this.#parts;
    const { hours, serverNowMs } = await dirtySloHours(store);
    for (const some of atOnce(hours)) {
      // What is summed stays so; the position stays where it was.
      if (this.#loop.signal.aborted) return 0;
      await writeSloHours(store, some);
      this.#metrics.summed(some.length);
    }
    // Cells become visible late: those of the last seconds may not have been there to see.
    await saveSloHoursPosition(store, serverNowMs - rollup.overlapMs);
    return hours.length;
  }
}

/** An hour with more rows than that is summed by itself. */
function atOnce(hours: readonly DirtyHour[]): DirtyHour[][] {
  const parts: DirtyHour[][] = [];
  let rows = 0;
  for (const hour of hours) {
    rows += hour.rows;
    const last = parts.at(-1);
    if (last === undefined || rows > ROWS_AT_ONCE || last.length === HOURS_AT_ONCE) {
      parts.push([hour]);
      rows = hour.rows;
    } else {
      last.push(hour);
    }
  }
  return parts;
}
