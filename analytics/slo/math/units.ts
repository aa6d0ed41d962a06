/**
 * What a budget is counted in, by budgeting method: events (Occurrences), slices of time that are good or bad
 * (Timeslices), or slices that are bad in part (RatioTimeslices). A unit counts at the minute in which it ends.
 *
 * Slices lie on a grid of whole multiples of their length since the epoch, so that a slice is the same one from wherever
 * it is looked at. A slice without events, or with none that count, is no unit: nothing was measured.
 */
import type { BudgetingMethod, SloDefinition, SloObjective, UnknownPolicy } from '../../../schemas/index.js';
import { type CountSeries, firstAtOrAfter, verdictsOf } from './counts.js';
import { exactSum } from './exact-sum.js';
import { compare, type Fraction, fraction } from './fraction.js';

export interface Units {
  /** Number of units that end in [fromMinute, toMinute). */
  valid(fromMinute: number, toMinute: number): number;
  /** What they spend: 1 for each bad one. */
  spent(fromMinute: number, toMinute: number): Fraction;
  /** Below, at or above zero, as `spent` is to `amount`; exact, and cheaper than `spent`. */
  compareSpent(fromMinute: number, toMinute: number, amount: Fraction): number;
}

export function unitsOf(
  series: CountSeries,
  method: BudgetingMethod,
  slices: SloObjective['slices'],
  policy: UnknownPolicy,
): Units {
  if (method === 'Occurrences') return new EventUnits(series, policy);
  if (slices === null) throw new RangeError(`an objective by ${method} has no slices`);
  const table = sliceTable(series, slices.minutes, policy);
  return method === 'Timeslices' ? sliceUnits(table, slices.targetPpm) : new RatioUnits(table);
}

export interface UnitsByPolicy {
  /** As the SLO counts. */
  readonly own: Units;
  /** As if all unknown were bad, as if all were good. */
  readonly low: Units;
  readonly high: Units;
}

/** For [fromMinute, toMinute): where nothing is unknown the three are one and the same. */
export function unitsByPolicy(
  series: CountSeries,
  { budgetingMethod, unknown }: Pick<SloDefinition, 'budgetingMethod' | 'unknown'>,
  slices: SloObjective['slices'],
  fromMinute: number,
  toMinute: number,
): UnitsByPolicy {
  const own = unitsOf(series, budgetingMethod, slices, unknown);
  const sliceMinutes = slices?.minutes ?? 1;
  if (series.sum(fromMinute - sliceMinutes + 1, toMinute).unknown === 0) return { own, low: own, high: own };
  const as = (policy: UnknownPolicy) => (policy === unknown ? own : unitsOf(series, budgetingMethod, slices, policy));
  return { own, low: as('bad'), high: as('good') };
}

class EventUnits implements Units {
  readonly #series: CountSeries;
  readonly #policy: UnknownPolicy;

  constructor(series: CountSeries, policy: UnknownPolicy) {
    this.#series = series;
    this.#policy = policy;
  }

  valid(fromMinute: number, toMinute: number): number {
    return verdictsOf(this.#series.sum(fromMinute, toMinute), this.#policy).valid;
  }

  spent(fromMinute: number, toMinute: number): Fraction {
    return fraction(verdictsOf(this.#series.sum(fromMinute, toMinute), this.#policy).bad, 1);
  }

  compareSpent(fromMinute: number, toMinute: number, amount: Fraction): number {
    return compare(this.spent(fromMinute, toMinute), amount);
  }
}

/** Slices with events that count, ascending. */
interface SliceTable {
  /** The last minute of each. */
  readonly minutes: readonly number[];
  readonly valid: readonly number[];
  readonly bad: readonly number[];
}

function sliceTable(series: CountSeries, sliceMinutes: number, policy: UnknownPolicy): SliceTable {
  const table = { minutes: [] as number[], valid: [] as number[], bad: [] as number[] };
  let last = -1;
  for (const cell of series.cells) {
    const { bad, valid } = verdictsOf(cell, policy);
    if (valid === 0) continue;
    const lastMinute = (Math.floor(cell.minute / sliceMinutes) + 1) * sliceMinutes - 1;
    if (last < 0 || table.minutes[last] !== lastMinute) {
      last = table.minutes.push(lastMinute) - 1;
      table.valid.push(0);
      table.bad.push(0);
    }
    table.valid[last] += valid;
    table.bad[last] += bad;
  }
  return table;
}

function sliceUnits({ minutes, valid, bad }: SliceTable, targetPpm: number): Units {
  const isBad = minutes.map((_, index) => (isBelow(valid[index] - bad[index], valid[index], targetPpm) ? 1 : 0));
  return new SliceUnits(minutes, isBad);
}

/** Up to here a count times a million is exact as a number. */
const EXACT_TIMES_MILLION = Math.floor(Number.MAX_SAFE_INTEGER / 1_000_000);

function isBelow(good: number, valid: number, targetPpm: number): boolean {
  if (valid <= EXACT_TIMES_MILLION) return good * 1_000_000 < targetPpm * valid;
  return BigInt(good) * 1_000_000n < BigInt(targetPpm) * BigInt(valid);
}

class SliceUnits implements Units {
  readonly #minutes: readonly number[];
  readonly #badBefore: Float64Array;

  constructor(minutes: readonly number[], isBad: readonly number[]) {
    this.#minutes = minutes;
    this.#badBefore = new Float64Array(minutes.length + 1);
    for (const [index, bad] of isBad.entries()) this.#badBefore[index + 1] = this.#badBefore[index] + bad;
  }

  valid(fromMinute: number, toMinute: number): number {
    const [from, to] = indexRange(this.#minutes, fromMinute, toMinute);
    return to - from;
  }

  spent(fromMinute: number, toMinute: number): Fraction {
    const [from, to] = indexRange(this.#minutes, fromMinute, toMinute);
    return fraction(this.#badBefore[to] - this.#badBefore[from], 1);
  }

  compareSpent(fromMinute: number, toMinute: number, amount: Fraction): number {
    return compare(this.spent(fromMinute, toMinute), amount);
  }
}

/** Bits after the point of the running sums; what each slice adds is cut there. */
const FIXED_BITS = 64n;
const FIXED_ONE = 1n << FIXED_BITS;

class RatioUnits implements Units {
  readonly #table: SliceTable;
  /** Sums of bad/valid cut to FIXED_BITS: too low by less than one unit of the last bit per slice. */
  readonly #fixedBefore: bigint[] = [0n];

  constructor(table: SliceTable) {
    this.#table = table;
    let sum = 0n;
    for (const [index, bad] of table.bad.entries()) {
      if (bad > 0) sum += (BigInt(bad) << FIXED_BITS) / BigInt(table.valid[index]);
      this.#fixedBefore.push(sum);
    }
  }

  valid(fromMinute: number, toMinute: number): number {
    const [from, to] = indexRange(this.#table.minutes, fromMinute, toMinute);
    return to - from;
  }

  spent(fromMinute: number, toMinute: number): Fraction {
    const [from, to] = indexRange(this.#table.minutes, fromMinute, toMinute);
    return exactSum(this.#table.bad.slice(from, to), this.#table.valid.slice(from, to));
  }

  /** The running sums decide unless the amount lies within their error; the exact sum is long. */
  compareSpent(fromMinute: number, toMinute: number, amount: Fraction): number {
    const [from, to] = indexRange(this.#table.minutes, fromMinute, toMinute);
    const low = this.#fixedBefore[to] - this.#fixedBefore[from] - BigInt(to - from);
    const high = this.#fixedBefore[to] - this.#fixedBefore[from] + BigInt(to - from);
    if (compare({ numerator: low, denominator: FIXED_ONE }, amount) > 0) return 1;
    if (compare({ numerator: high, denominator: FIXED_ONE }, amount) < 0) return -1;
    return compare(this.spent(fromMinute, toMinute), amount);
  }
}

function indexRange(minutes: readonly number[], fromMinute: number, toMinute: number): [number, number] {
  const from = firstAtOrAfter(minutes, fromMinute);
  return [from, Math.max(from, firstAtOrAfter(minutes, toMinute))];
}
