/**
 * The burn-down of a window's budget: how much was left at the end of each step. What is measured against is the budget
 * as it stands at the end of the series, so the line only ever falls and its last point is the status.
 */
import type { UnknownPolicy } from '../../../schemas/index.js';
import { budgetOf, remainingRatio } from './budget.js';
import type { CountSeries, Counts } from './counts.js';
import { add, ZERO } from './fraction.js';
import type { StatusQuestion } from './status.js';
import { unitsOf } from './units.js';
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
  const { slo, atMinute } = question;
  const span = question.span ?? windowAt(slo.window, atMinute);
  const { fromMinute } = span;
  const toMinute = fromMinute + elapsedMinutes(span, atMinute);
  const [own, low, high] = [slo.unknown, 'bad' as const, 'good' as const].map(policy =>
    remainingAfterStep(series, question, policy, fromMinute, toMinute),
  );
  const points: BurnDownPoint[] = [];
  for (let start = fromMinute; start < toMinute; start += stepMinutes) {
    const minute = Math.min(start + stepMinutes, toMinute);
    const counts = series.sum(start, minute);
    points.push({
      minute,
      ...counts,
      remainingRatio: own(start, minute),
      remainingInterval: [low(start, minute), high(start, minute)],
    });
  }
  return points;
}

/** To be asked for one step after the other: adding a step to a sum is cheaper than summing anew. */
function remainingAfterStep(
  series: CountSeries,
  { slo, objective }: Pick<StatusQuestion, 'slo' | 'objective'>,
  policy: UnknownPolicy,
  fromMinute: number,
  toMinute: number,
): (startMinute: number, endMinute: number) => number {
  const units = unitsOf(series, slo.budgetingMethod, objective.slices, policy);
  const { allowed } = budgetOf(units, fromMinute, toMinute, objective.targetPpm);
  let spent = ZERO;
  return (startMinute, endMinute) => {
    spent = add(spent, units.spent(startMinute, endMinute));
    return remainingRatio(allowed, spent);
  };
}
