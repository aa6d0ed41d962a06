/**
 * The mathematics of SLOs: windows, counts, budgets, burn rates, the life of alerts. What it all means is in docs/slo.md.
 *
 * In: a definition (schemas/slo/definition.ts), counts per minute, an instant as a minute since the epoch. Out: figures
 * and states. It does no I/O and knows no clock and no chance; whole numbers and fractions are divided last.
 */
export {
  type AlertAdvance,
  type AlertNotification,
  type AlertToAdvance,
  advanceAlert,
  MAX_MISSED_MINUTES,
  type NotificationKind,
  notificationsOf,
} from './alert-advance.js';
export {
  type AlertEvaluation,
  type AlertTerms,
  type Evaluate,
  evaluator,
  firstMinuteEvaluated,
  type HoldReason,
  type HoldReasonsAt,
} from './alert-evaluation.js';
export { type AlertFigures, alertFigures } from './alert-figures.js';
export {
  type AlertIdentity,
  type AlertState,
  type AlertStatus,
  type AlertTransition,
  alertIdOf,
  NEW_ALERT,
  type ResolveCause,
  stepAlert,
  type TransitionKind,
} from './alert-state.js';
export { type BurnDownPoint, burnDown } from './burn-down.js';
export { addCounts, CountSeries, type Counts, type MinuteCounts, mergeCounts, NO_COUNTS } from './counts.js';
export {
  type BudgetStatus,
  firstMinuteNeeded,
  type ObjectiveTerms,
  presentMinutes,
  type SloStatus,
  type SloTerms,
  type StatusQuestion,
  sliceMinutesOf,
  statusOf,
} from './status.js';
export { elapsedMinutes, inForceAt, lengthMinutes, type WindowSpan, windowAt, windowEndingAt } from './windows.js';
