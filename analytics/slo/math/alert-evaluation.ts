/** What one condition says at one minute: a pure function of the counts and of what is known about them. */
import type { BurnCondition, SloDefinition } from '../../../schemas/index.js';
import { burnSpan, exceeds } from './burn-rate.js';
import { type CountSeries, verdictsOf } from './counts.js';
import { type ObjectiveTerms, sliceMinutesOf } from './status.js';
import { type Units, unitsOf } from './units.js';

/**
 * Why no verdict is trusted now. `watermark`: events of that time may still come in, so it is asked again when they have;
 * `completeness`: too many traces of that time are incomplete, so the minute is passed over.
 */
export type HoldReason = 'watermark' | 'completeness';

export interface AlertEvaluation {
  /** Looks at the events of the minutes before it. */
  readonly minute: number;
  /** Whether the burn rate is above the factor over the long window and over the short one. */
  readonly isBurning: boolean;
  /** Whether there are events enough to begin an alert on. */
  readonly hasMinimumEvents: boolean;
  /** Whether there is any event in the short window, in the long one. */
  readonly hasShortData: boolean;
  readonly hasLongData: boolean;
  readonly holdReasons: readonly HoldReason[];
}

export interface AlertTerms {
  readonly slo: Pick<SloDefinition, 'budgetingMethod' | 'unknown'>;
  readonly objective: ObjectiveTerms;
  readonly condition: BurnCondition;
}

export type Evaluate = (minute: number) => AlertEvaluation;

/** Whether the minute's data are fit to be judged; the caller knows about watermarks and incomplete traces. */
export type HoldReasonsAt = (minute: number) => readonly HoldReason[];

export function evaluator(series: CountSeries, terms: AlertTerms, holdReasonsAt: HoldReasonsAt): Evaluate {
  const { slo, objective } = terms;
  const units = unitsOf(series, slo.budgetingMethod, objective.slices, slo.unknown);
  return minute => ({ ...verdictAt(series, units, terms, minute), holdReasons: holdReasonsAt(minute) });
}

function verdictAt(
  series: CountSeries,
  units: Units,
  { slo, objective, condition }: AlertTerms,
  minute: number,
): Omit<AlertEvaluation, 'holdReasons'> {
  const sliceMinutes = sliceMinutesOf(objective);
  const long = burnSpan(minute, condition.longMinutes, sliceMinutes);
  const short = burnSpan(minute, condition.shortMinutes, sliceMinutes);
  const longCounts = series.sum(long.fromMinute, long.toMinute);
  return {
    minute,
    isBurning:
      exceeds(units, short, objective.targetPpm, condition) && exceeds(units, long, objective.targetPpm, condition),
    hasMinimumEvents: verdictsOf(longCounts, slo.unknown).valid >= condition.minimumEvents,
    hasShortData: series.sum(short.fromMinute, short.toMinute).total > 0,
    hasLongData: longCounts.total > 0,
  };
}

/** The first minute whose counts an evaluation at `minute` looks at. */
export function firstMinuteEvaluated({ objective, condition }: AlertTerms, minute: number): number {
  const longest = Math.max(condition.longMinutes, condition.shortMinutes);
  return burnSpan(minute, longest, sliceMinutesOf(objective)).fromMinute;
}
