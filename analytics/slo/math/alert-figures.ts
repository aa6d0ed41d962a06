/** What an alert tells people beside that it fires: its burn rates, and the counts of its long window. */
import type { AlertTerms } from './alert-evaluation.js';
import { burnRate, burnSpan } from './burn-rate.js';
import type { CountSeries, Counts } from './counts.js';
import { sliceMinutesOf } from './status.js';
import { unitsOf } from './units.js';

export interface AlertFigures extends Counts {
  readonly longMinutes: number;
  readonly shortMinutes: number;
  /** null: nothing is allowed, or there were no events. */
  readonly longRate: number | null;
  readonly shortRate: number | null;
}

export function alertFigures(series: CountSeries, terms: AlertTerms, minute: number): AlertFigures {
  const { slo, objective, condition } = terms;
  const units = unitsOf(series, slo.budgetingMethod, objective.slices, slo.unknown);
  const sliceMinutes = sliceMinutesOf(objective);
  const long = burnSpan(minute, condition.longMinutes, sliceMinutes);
  const short = burnSpan(minute, condition.shortMinutes, sliceMinutes);
  return {
    longMinutes: condition.longMinutes,
    shortMinutes: condition.shortMinutes,
    longRate: burnRate(units, long, objective.targetPpm),
    shortRate: burnRate(units, short, objective.targetPpm),
    ...series.sum(long.fromMinute, long.toMinute),
  };
}
