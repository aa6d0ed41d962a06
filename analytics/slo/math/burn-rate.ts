/**
 * Burn rates: spent / allowed over a stretch of time. 1 spends exactly the budget if it lasts for the SLO's window. As
 * the last minutes before an instant; for slices, as the last whole slices that together are at least as long.
 */
import type { BurnCondition } from '../../../schemas/index.js';
import { allowance } from './budget.js';
import { divide, type Fraction, multiply, toNumber, ZERO } from './fraction.js';
import type { Units } from './units.js';
import type { WindowSpan } from './windows.js';

/** `sliceMinutes` is 1 where the budget is counted in events. */
export function burnSpan(atMinute: number, minutes: number, sliceMinutes: number): WindowSpan {
  const toMinute = Math.floor(atMinute / sliceMinutes) * sliceMinutes;
  return { fromMinute: toMinute - Math.ceil(minutes / sliceMinutes) * sliceMinutes, toMinute };
}

/** null where there is none: no units, or bad ones of which none is allowed. */
export function burnRate(units: Units, { fromMinute, toMinute }: WindowSpan, targetPpm: number): number | null {
  const valid = units.valid(fromMinute, toMinute);
  if (valid === 0) return null;
  const spent = units.spent(fromMinute, toMinute);
  if (spent.numerator === 0n) return 0;
  const allowed = allowance(valid, targetPpm);
  return allowed.numerator === 0n ? null : toNumber(divide(spent, allowed));
}

/**
 * Whether the burn rate is above the condition's factor (or at it, for `gte`). Without a bad unit nothing burns, whatever
 * the factor; where nothing is allowed a single one is above every factor.
 */
export function exceeds(
  units: Units,
  { fromMinute, toMinute }: WindowSpan,
  targetPpm: number,
  { factorPerMille, op }: Pick<BurnCondition, 'factorPerMille' | 'op'>,
): boolean {
  if (units.compareSpent(fromMinute, toMinute, ZERO) <= 0) return false;
  const factor: Fraction = { numerator: BigInt(factorPerMille), denominator: 1000n };
  const bound = multiply(factor, allowance(units.valid(fromMinute, toMinute), targetPpm));
  const sign = units.compareSpent(fromMinute, toMinute, bound);
  return op === 'gt' ? sign > 0 : sign >= 0;
}
