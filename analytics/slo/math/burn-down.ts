/**
 * The burn-down of a window's budget: how much was left at the end of each step. What is measured against is the budget
 * as it stands at the end of the series, so the line only ever falls and its last point is the status.
 */
import { budgetOf, remainingRatio } from './budget.js';
import type { CountSeries, Counts } from './counts.js';
import { add, ZERO } from './fraction.js';
import type { StatusQuestion } from './status.js';
import { type Units, unitsByPolicy } from './units.js';
import { elapsedMinutes, windowAt } from './windows.js';

export interface BurnDownPoint extends Counts {
  /** End of the step. The counts are those of the step. */
  readonly minute: number;
  readonly remainingRatio: number;
  readonly remainingInterval: readonly [number, number];
}

/** Steps count from the window's beginning; the last one is cut at `atMinute`. */
export function burnDown(
  series: CountSeries,
  question: Omit<StatusQuestion, 'burnMinutes'>,
  stepMinutes: number,
): BurnDownPoint[] {
  const { atMinute, objective, slo } = question;
  const span = question.span ?? windowAt(slo.window, atMinute);
  const { fromMinute } = span;
  const toMinute = fromMinute + elapsedMinutes(span, atMinute);
  const units = unitsByPolicy(series, slo, objective.slices, fromMinute, toMinute);
  const afterStep = (counted: Units) => remainingAfterStep(counted, objective.targetPpm, fromMinute, toMinute);
  const own = afterStep(units.own);
  const interval = units.low === units.high ? null : [afterStep(units.low), afterStep(units.high)];
  const points: BurnDownPoint[] = [];
  for (let start = fromMinute; start < toMinute; start += stepMinutes) {
    const minute = Math.min(start + stepMinutes, toMinute);
    const counts = series.sum(start, minute);
    const ratio = own(start, minute);
    const [low, high] = interval?.map(each => each(start, minute)) ?? [ratio, ratio];
    points.push({ minute, ...counts, remainingRatio: ratio, remainingInterval: [low, high] });
  }
  return points;
}

/** To be asked for one step after the other: adding a step to a sum is cheaper than summing anew. */
function remainingAfterStep(
  units: Units,
  targetPpm: number,
  fromMinute: number,
  toMinute: number,
): (startMinute: number, endMinute: number) => number {
  const { allowed } = budgetOf(units, fromMinute, toMinute, targetPpm);
  let spent = ZERO;
  return (startMinute, endMinute) => {
    spent = add(spent, units.spent(startMinute, endMinute));
    return remainingRatio(allowed, spent);
  };
}
