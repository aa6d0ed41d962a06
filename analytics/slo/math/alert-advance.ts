/** Brings an alert up to a minute, through every minute that was missed: what fired and was over meanwhile is told, too. */
import type { AlertRule } from '../../../schemas/index.js';
import type { Evaluate } from './alert-evaluation.js';
import { type AlertIdentity, type AlertState, type AlertTransition, stepAlert } from './alert-state.js';

/** A day. After a longer outage the minutes before are passed over. */
export const MAX_MISSED_MINUTES = 1440;

export interface AlertAdvance {
  readonly state: AlertState;
  /** In the order in which they happened; a crash before they are stored yields the same again. */
  readonly transitions: readonly AlertTransition[];
  /** How many minutes were left out because there were too many. */
  readonly skippedMinutes: number;
}

export interface AlertToAdvance {
  readonly identity: AlertIdentity;
  readonly pendingMinutes: number;
  readonly state: AlertState;
}

export function advanceAlert(
  { identity, pendingMinutes, state: before }: AlertToAdvance,
  toMinute: number,
  evaluate: Evaluate,
  maxMissedMinutes: number = MAX_MISSED_MINUTES,
): AlertAdvance {
  const dueMinute = before.lastMinute === null ? toMinute : before.lastMinute + 1;
  const firstMinute = Math.max(dueMinute, toMinute - maxMissedMinutes + 1);
  const skippedMinutes = firstMinute - Math.min(dueMinute, firstMinute);
  const transitions: AlertTransition[] = [];
  let state: AlertState = { ...before, passedOverMinutes: before.passedOverMinutes + skippedMinutes };
  for (let minute = firstMinute; minute <= toMinute; minute++) {
    const { lastJudgedMinute } = state;
    const wasBurning = () => lastJudgedMinute !== null && evaluate(lastJudgedMinute).isBurning;
    const step = stepAlert(identity, pendingMinutes, state, evaluate(minute), wasBurning);
    state = step.state;
    transitions.push(...step.transitions);
    // Held for its events to come: so are the minutes after it.
    if (state.lastMinute !== minute) break;
  }
  return { state, transitions, skippedMinutes };
}

export type NotificationKind = 'firing' | 'resolved' | 'no_data' | 'data';

export interface AlertNotification {
  readonly kind: NotificationKind;
  readonly alertId: string;
  readonly minute: number;
}

/** What the rule wants said of the transitions. Id and kind identify a notification: said twice, it is the same one. */
export function notificationsOf(
  { notifyNoData, notifyResolved }: Pick<AlertRule, 'notifyNoData' | 'notifyResolved'>,
  transitions: readonly AlertTransition[],
): AlertNotification[] {
  const wanted: Partial<Record<AlertTransition['kind'], boolean>> = {
    firing: true,
    resolved: notifyResolved,
    no_data: notifyNoData,
    data: notifyNoData && notifyResolved,
  };
  return transitions
    .filter(({ kind }) => wanted[kind] === true)
    .map(({ kind, alertId, minute }) => ({ kind: kind as NotificationKind, alertId: alertId!, minute }));
}
