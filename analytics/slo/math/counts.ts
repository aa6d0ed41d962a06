/**
 * Counts of events per minute, and their sums over any stretch of minutes.
 *
 * Counts are numbers: they are whole and stay below 2^53. What multiplies them by parts per million uses bigint.
 */
import type { UnknownPolicy } from '../../../schemas/index.js';

export interface Counts {
  /** good + bad + unknown. */
  readonly total: number;
  readonly good: number;
  readonly bad: number;
  readonly unknown: number;
}

export interface MinuteCounts extends Counts {
  /** Since the epoch; the events that ended in it. */
  readonly minute: number;
}

export const NO_COUNTS: Counts = { total: 0, good: 0, bad: 0, unknown: 0 };

/** What counts of some events under the SLO's policy for events without a verdict. */
export interface Verdicts {
  /** Good and bad ones together. */
  readonly valid: number;
  readonly bad: number;
}

export function verdictsOf({ good, bad, unknown }: Counts, policy: UnknownPolicy): Verdicts {
  switch (policy) {
    case 'excluded':
      return { valid: good + bad, bad };
    case 'bad':
      return { valid: good + bad + unknown, bad: bad + unknown };
    case 'good':
      return { valid: good + bad + unknown, bad };
  }
}

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    total: a.total + b.total,
    good: a.good + b.good,
    bad: a.bad + b.bad,
    unknown: a.unknown + b.unknown,
  };
}

/** Of several series, minute by minute: the whole of its groups. */
export function mergeCounts(series: Iterable<readonly MinuteCounts[]>): MinuteCounts[] {
  const byMinute = new Map<number, Counts>();
  for (const cells of series) {
    for (const cell of cells) byMinute.set(cell.minute, addCounts(byMinute.get(cell.minute) ?? NO_COUNTS, cell));
  }
  return [...byMinute].sort(([a], [b]) => a - b).map(([minute, counts]) => ({ minute, ...counts }));
}

/** Minutes with events, ascending. Summed once, so that the sum over any stretch costs two look-ups. */
export class CountSeries {
  readonly cells: readonly MinuteCounts[];
  readonly #minutes: Float64Array;
  readonly #goodBefore: Float64Array;
  readonly #badBefore: Float64Array;
  readonly #unknownBefore: Float64Array;

  /** Throws a RangeError if the minutes do not ascend: sums over such cells would be wrong in silence. */
  constructor(cells: readonly MinuteCounts[]) {
    const count = cells.length;
    this.cells = cells;
    this.#minutes = new Float64Array(count);
    this.#goodBefore = new Float64Array(count + 1);
    this.#badBefore = new Float64Array(count + 1);
    this.#unknownBefore = new Float64Array(count + 1);
    for (let index = 0; index < count; index++) {
      const { minute, good, bad, unknown } = cells[index];
      if (index > 0 && minute <= cells[index - 1].minute) {
        throw new RangeError(`minute ${minute} comes after minute ${cells[index - 1].minute}`);
      }
      this.#minutes[index] = minute;
      this.#goodBefore[index + 1] = this.#goodBefore[index] + good;
      this.#badBefore[index + 1] = this.#badBefore[index] + bad;
      this.#unknownBefore[index + 1] = this.#unknownBefore[index] + unknown;
    }
  }

  /** Of the minutes in [fromMinute, toMinute). */
  sum(fromMinute: number, toMinute: number): Counts {
    const from = firstAtOrAfter(this.#minutes, fromMinute);
    const to = Math.max(from, firstAtOrAfter(this.#minutes, toMinute));
    const good = this.#goodBefore[to] - this.#goodBefore[from];
    const bad = this.#badBefore[to] - this.#badBefore[from];
    const unknown = this.#unknownBefore[to] - this.#unknownBefore[from];
    return { total: good + bad + unknown, good, bad, unknown };
  }
}

/** Index of the first of the ascending values that is not below `value`; their number, if all are. */
export function firstAtOrAfter(values: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
