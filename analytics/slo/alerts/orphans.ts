/** Alerts of what is no longer promised: another definition is a restatement (docs/slo.md), so they are over. */
import type { AlertChange, CountedSlo } from '../../../store/index.js';
import type { AlertState } from '../math/index.js';
import { conditionsOf } from './evaluate.js';
import { changeOf, type KeptAlert, type OutboxItem } from './kept-alert.js';
import { groupOf } from './wording.js';

/** Pending and firing ones whose SLO, objective, rule, condition or dimensions are gone, closed at that minute. */
export function closeOrphans(
  alerts: readonly KeptAlert[],
  slos: readonly CountedSlo[],
  atMinute: number,
  isTold: (item: OutboxItem, alert: KeptAlert) => boolean,
): AlertChange[] {
  return alerts.filter(alert => !isWatched(alert, slos)).flatMap(alert => closed(alert, atMinute, isTold) ?? []);
}

export function isWatched({ key }: KeptAlert, slos: readonly CountedSlo[]): boolean {
  const slo = slos.find(({ tenant, name }) => tenant === key.tenant && name === key.slo);
  if (slo === undefined || Object.keys(groupOf(key)).join() !== slo.spec.groupBy.join()) return false;
  return conditionsOf(slo).some(
    ({ objective, rule, condition }) =>
      objective === key.objective && rule.name === key.rule && condition.name === key.condition,
  );
}

function closed(
  alert: KeptAlert,
  atMinute: number,
  isTold: (item: OutboxItem, alert: KeptAlert) => boolean,
): AlertChange | undefined {
  const { state, figures, severity } = alert;
  const waiting = alert.outbox.filter(item => !isTold(item, alert));
  if (state.status !== 'firing') {
    const next: AlertState = state.status === 'pending' ? { ...state, status: 'inactive', held: null } : state;
    return changeOf(alert, { severity, figures, state: next, outbox: waiting });
  }
  const minute = Math.max(atMinute, state.lastMinute ?? 0);
  const resolved: AlertState = {
    ...state,
    status: 'resolved',
    lastMinute: minute,
    resolvedMinute: minute,
    resolveCause: 'restated',
    held: null,
  };
  const outbox = figures?.notifyResolved === false ? waiting : [...waiting, itemOf(alert, minute)];
  return changeOf(alert, { severity, figures, state: resolved, outbox });
}

/** Its labels are those it fired with. */
function itemOf({ key, state }: KeptAlert, minute: number): OutboxItem {
  const alertId = state.alertId!;
  const summary = `${key.slo}: over, since what it fired on is not promised any more`;
  const annotations = { summary, description: 'Cause: restated.', cause: 'restated', alert_id: alertId };
  return { kind: 'resolved', alertId, minute, labels: {}, annotations };
}
