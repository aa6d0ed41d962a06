/** All the figures of one objective at an instant, from the counts of one group (or of everything). */
import type { SloDefinition, SloObjective } from '../../../schemas/index.js';
import {
  budgetOf,
  exhaustedAt,
  isExhausted,
  projectedAllowance,
  projectedExhaustion,
  remainingRatio,
  sliOf,
} from './budget.js';
import { burnRate, burnSpan } from './burn-rate.js';
import type { CountSeries, Counts } from './counts.js';
import { type Fraction, toNumber } from './fraction.js';
import { type Units, unitsByPolicy } from './units.js';
import { elapsedMinutes, lengthMinutes, type WindowSpan, windowAt } from './windows.js';

/** What of a definition the figures depend on. */
export type SloTerms = Pick<SloDefinition, 'window' | 'budgetingMethod' | 'unknown'>;
export type ObjectiveTerms = Pick<SloObjective, 'targetPpm' | 'slices'>;

export interface StatusQuestion {
  /** Those in force at `atMinute`: they hold for the whole window. */
  readonly slo: SloTerms;
  readonly objective: ObjectiveTerms;
  /** Events up to the beginning of this minute. */
  readonly atMinute: number;
  /** Window of another time than `atMinute` is in: for reports (`windowEndingAt`). */
  readonly span?: WindowSpan;
  readonly burnMinutes: readonly number[];
}

export interface BudgetStatus {
  /** In units of the budgeting method, of those so far in the window. */
  readonly allowed: number;
  readonly consumed: number;
  readonly remainingRatio: number;
  /** If all unknown were bad, if all were good. */
  readonly remainingInterval: readonly [number, number];
  /** The minute in which it was used up; null if it is not. */
  readonly exhaustedAtMinute: number | null;
  /** Allowed in the whole window, if events keep coming as so far. */
  readonly projectedAllowed: number;
  /** When it will be used up at the present burn rate; null if it lasts, or is used up already. */
  readonly projectedExhaustionMinute: number | null;
}

export interface SloStatus extends Counts {
  readonly span: WindowSpan;
  readonly sli: number | null;
  readonly budget: BudgetStatus;
  readonly burnRates: readonly { readonly minutes: number; readonly rate: number | null }[];
}

/** The first minute whose counts `statusOf` looks at. */
export function firstMinuteNeeded({ slo, objective, atMinute, span, burnMinutes }: StatusQuestion): number {
  const window = span ?? windowAt(slo.window, atMinute);
  const longest = Math.max(presentMinutes(window), ...burnMinutes);
  const burn = burnSpan(atMinute, longest, sliceMinutesOf(objective));
  // A slice belongs to the window in which it ends, with all of its minutes.
  return Math.min(window.fromMinute - (sliceMinutesOf(objective) - 1), burn.fromMinute);
}

export function statusOf(series: CountSeries, question: StatusQuestion): SloStatus {
  const { slo, objective, atMinute, burnMinutes } = question;
  const span = question.span ?? windowAt(slo.window, atMinute);
  const toMinute = span.fromMinute + elapsedMinutes(span, atMinute);
  const { own: units, low, high } = unitsByPolicy(series, slo, objective.slices, span.fromMinute, toMinute);
  const remainingOf = (counted: Units) => {
    const { allowed, spent } = budgetOf(counted, span.fromMinute, toMinute, objective.targetPpm);
    return remainingRatio(allowed, spent);
  };
  const budget = budgetOf(units, span.fromMinute, toMinute, objective.targetPpm);
  const remaining = remainingRatio(budget.allowed, budget.spent);
  return {
    ...series.sum(span.fromMinute, toMinute),
    span,
    sli: sliOf(budget),
    budget: {
      allowed: toNumber(budget.allowed),
      consumed: toNumber(budget.spent),
      remainingRatio: remaining,
      remainingInterval: low === high ? [remaining, remaining] : [remainingOf(low), remainingOf(high)],
      exhaustedAtMinute: isExhausted(budget) ? exhaustedAt(units, span.fromMinute, toMinute, budget.allowed) : null,
      projectedAllowed: toNumber(projectedAllowance(budget.allowed, span, atMinute)),
      projectedExhaustionMinute: isExhausted(budget) ? null : whenExhausted(units, question, span, budget),
    },
    burnRates: burnMinutes.map(minutes => ({
      minutes,
      rate: burnRate(units, burnSpan(atMinute, minutes, sliceMinutesOf(objective)), objective.targetPpm),
    })),
  };
}

function whenExhausted(
  units: Units,
  { slo, objective, atMinute }: StatusQuestion,
  span: WindowSpan,
  { allowed, spent }: { allowed: Fraction; spent: Fraction },
): number | null {
  const recent = burnSpan(atMinute, presentMinutes(span), sliceMinutesOf(objective));
  const now = { spent: units.spent(recent.fromMinute, recent.toMinute), minutes: lengthMinutes(recent) };
  const horizonMinute = slo.window.kind === 'rolling' ? atMinute + slo.window.minutes : span.toMinute;
  return projectedExhaustion(spent, projectedAllowance(allowed, span, atMinute), now, horizonMinute, atMinute);
}

/** How far back "at the present rate" looks: a thirtieth of the window, a day of a month, but an hour at least. */
export function presentMinutes(span: WindowSpan): number {
  return Math.max(60, Math.floor(lengthMinutes(span) / 30));
}

export function sliceMinutesOf({ slices }: ObjectiveTerms): number {
  return slices?.minutes ?? 1;
}
