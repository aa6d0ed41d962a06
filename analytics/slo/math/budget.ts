/**
 * Error budgets. `allowed` is what the objective permits of the units so far in the window: units × (1 − target). So it
 * grows while a calendar window goes on; what it comes to by the window's end at the traffic so far is the projection.
 */
import { ceiling, compare, divide, type Fraction, fraction, multiply, subtract, toNumber, ZERO } from './fraction.js';
import type { Units } from './units.js';
import { elapsedMinutes, lengthMinutes, type WindowSpan } from './windows.js';

const MILLION = 1_000_000;

export interface Budget {
  /** Units in the window so far that have a verdict. */
  readonly valid: number;
  readonly allowed: Fraction;
  readonly spent: Fraction;
}

/** `units` × (1 − target). */
export function allowance(units: number, targetPpm: number): Fraction {
  return { numerator: BigInt(units) * BigInt(MILLION - targetPpm), denominator: BigInt(MILLION) };
}

export function budgetOf(units: Units, fromMinute: number, toMinute: number, targetPpm: number): Budget {
  const valid = units.valid(fromMinute, toMinute);
  return { valid, allowed: allowance(valid, targetPpm), spent: units.spent(fromMinute, toMinute) };
}

/** Share of good units; null if there are none. */
export function sliOf({ valid, spent }: Budget): number | null {
  if (valid === 0) return null;
  const all = fraction(valid, 1);
  return toNumber(divide(subtract(all, spent), all));
}

/**
 * 1 untouched, 0 used up, negative overspent. Where nothing is allowed (an objective of 100 %) it is 1 or 0: by how much
 * nothing was overspent no ratio can say.
 */
export function remainingRatio(allowed: Fraction, spent: Fraction): number {
  if (spent.numerator === 0n) return 1;
  if (allowed.numerator === 0n) return 0;
  return toNumber(divide(subtract(allowed, spent), allowed));
}

export function isExhausted({ allowed, spent }: Budget): boolean {
  return spent.numerator > 0n && compare(spent, allowed) >= 0;
}

/** The minute in which the units from `fromMinute` on had spent `allowed`; null if those before `toMinute` have not. */
export function exhaustedAt(units: Units, fromMinute: number, toMinute: number, allowed: Fraction): number | null {
  const isSpentBy = (endMinute: number) =>
    units.compareSpent(fromMinute, endMinute, allowed) >= 0 && units.compareSpent(fromMinute, endMinute, ZERO) > 0;
  if (!isSpentBy(toMinute)) return null;
  let low = fromMinute;
  let high = toMinute;
  // Spent by `high`, not by `low`.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isSpentBy(middle)) high = middle;
    else low = middle;
  }
  return high - 1;
}

/** What will be allowed in the whole window if events keep coming as they did so far. */
export function projectedAllowance(allowed: Fraction, span: WindowSpan, atMinute: number): Fraction {
  const elapsed = elapsedMinutes(span, atMinute);
  return elapsed === 0 ? ZERO : multiply(allowed, fraction(lengthMinutes(span), elapsed));
}

export interface BurningNow {
  /** What was spent in the last `minutes`. */
  readonly spent: Fraction;
  readonly minutes: number;
}

/**
 * When the budget of the whole window (`projected`) will be used up, if spending goes on as now; null if it then lasts:
 * a calendar window to its end, a rolling one until all that was spent before has left it.
 */
export function projectedExhaustion(
  spentSoFar: Fraction,
  projected: Fraction,
  now: BurningNow,
  horizonMinute: number,
  atMinute: number,
): number | null {
  if (now.spent.numerator === 0n) return null;
  const left = subtract(projected, spentSoFar);
  if (left.numerator <= 0n) return null;
  const minutes = Number(ceiling(divide(multiply(left, fraction(now.minutes, 1)), now.spent)));
  return atMinute + minutes <= horizonMinute ? atMinute + minutes : null;
}
