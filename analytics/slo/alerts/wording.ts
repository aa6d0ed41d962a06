/** What is said of an alert: labels, which tell alerts apart, and sentences with figures for people. */
import { type AlertRule, type BurnCondition, type SloDefinition, shorthandText } from '../../../schemas/index.js';
import type { AlertKey } from '../../../store/index.js';
import type { AlertFigures, NotificationKind, ResolveCause } from '../math/index.js';
import type { OutboxItem } from './kept-alert.js';

export interface Subject {
  readonly key: AlertKey;
  readonly spec: SloDefinition;
  readonly rule: AlertRule;
  readonly condition: BurnCondition;
}

const isAboutData = (kind: NotificationKind) => kind === 'no_data' || kind === 'data';

/** Without anything that changes while an alert lasts, except by another definition. */
export function labelsOf({ key, spec, rule, condition }: Subject, kind: NotificationKind): Record<string, string> {
  const suffix = isAboutData(kind) ? ' (no data)' : '';
  const labels: Record<string, string> = {
    alertname: `${rule.name}${suffix}`,
    slo: key.slo,
    severity: condition.severity,
    service: spec.service,
    condition: condition.name,
    objective: String(key.objective),
    tenant: key.tenant,
  };
  for (const [name, value] of Object.entries(groupOf(key))) {
    // The dimension `service` is that of the traces, the label that of the SLO.
    labels[name in labels ? `group_${name}` : name] = value;
  }
  return labels;
}

export function groupOf({ groupKey }: Pick<AlertKey, 'groupKey'>): Record<string, string> {
  return JSON.parse(groupKey) as Record<string, string>;
}

export function firingItem(subject: Subject, alertId: string, minute: number, figures: AlertFigures): OutboxItem {
  const { spec, condition, key } = subject;
  const { targetPpm } = spec.objectives[key.objective];
  const [long, short] = [shorthandText(figures.longMinutes), shorthandText(figures.shortMinutes)];
  const rates = `${rateText(figures.longRate)} over ${long} and ${rateText(figures.shortRate)} over ${short}`;
  const summary = `${nameOf(subject)}: the error budget burns at ${rates}`;
  const unknown = figures.unknown === 0 ? '' : `, ${figures.unknown} without a verdict`;
  const description =
    `Of ${figures.total} events in the last ${long}, ${figures.bad} were bad${unknown}. ` +
    `Promised are ${targetPpm / 10_000} % good ones; a burn rate of 1 spends the budget in exactly its window, ` +
    `and this fires ${condition.op === 'gt' ? 'above' : 'from'} ${condition.factorPerMille / 1_000}.`;
  return itemOf(subject, 'firing', alertId, minute, { summary, description });
}

const CAUSES: Readonly<Record<ResolveCause, string>> = {
  recovered: 'the burning has stopped',
  no_data: 'nothing comes in any more over the short window',
  restated: 'late spans, or another definition, changed the counts that it fired on',
};

export function resolvedItem(subject: Subject, alertId: string, minute: number, cause: ResolveCause): OutboxItem {
  const summary = `${nameOf(subject)}: over, ${CAUSES[cause]}`;
  return itemOf(subject, 'resolved', alertId, minute, { summary, description: `Cause: ${cause}.`, cause });
}

export function dataItem(subject: Subject, kind: 'no_data' | 'data', alertId: string, minute: number): OutboxItem {
  const long = shorthandText(subject.condition.longMinutes);
  const summary =
    kind === 'no_data'
      ? `${nameOf(subject)}: no event at all in ${long}`
      : `${nameOf(subject)}: events are coming in again`;
  return itemOf(subject, kind, alertId, minute, { summary, description: `Window: ${long}.` });
}

function itemOf(
  subject: Subject,
  kind: NotificationKind,
  alertId: string,
  minute: number,
  texts: Readonly<Record<string, string>>,
): OutboxItem {
  return { kind, alertId, minute, labels: labelsOf(subject, kind), annotations: { ...texts, alert_id: alertId } };
}

function nameOf({ spec, key }: Subject): string {
  const group = Object.values(groupOf(key)).filter(value => value !== '');
  return `${spec.displayName || spec.name}${group.length > 0 ? ` (${group.join(', ')})` : ''}`;
}

function rateText(rate: number | null): string {
  return rate === null ? 'more than any rate' : String(Math.round(rate * 100) / 100);
}
