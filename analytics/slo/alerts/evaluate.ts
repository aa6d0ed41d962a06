/** One SLO's alerts brought up to a minute: a pure function of where they stood, the counts, and what is known of them. */
import type { AlertRule, BurnCondition } from '../../../schemas/index.js';
import type { AlertChange, AlertKey, CountedSlo, ObjectiveSeries } from '../../../store/index.js';
import {
  type AlertFigures,
  type AlertTransition,
  advanceAlert,
  alertFigures,
  CountSeries,
  evaluator,
  type HoldReasonsAt,
  notificationsOf,
} from '../math/index.js';
import { changeOf, type KeptAlert, keyTextOf, newAlert, type OutboxItem } from './kept-alert.js';
import { dataItem, firingItem, groupOf, resolvedItem, type Subject } from './wording.js';

export interface EvaluationInput {
  readonly slo: CountedSlo;
  /** Those of the SLO that are stored. */
  readonly kept: readonly KeptAlert[];
  readonly series: readonly ObjectiveSeries[];
  /** The first minute that there are counts to evaluate on, and the last one. */
  readonly earliestMinute: number;
  readonly toMinute: number;
  readonly holdReasonsAt: HoldReasonsAt;
  /** What is among the notifications already. */
  readonly isTold: (item: OutboxItem, alert: KeptAlert) => boolean;
  /** Per SLO, all conditions together. */
  readonly maxAlerts: number;
}

export interface Evaluation {
  readonly changes: readonly AlertChange[];
  /** That were not evaluated since there are too many. */
  readonly leftOut: number;
}

const EMPTY = new CountSeries([]);

export function evaluateSlo(input: EvaluationInput): Evaluation {
  const series = new Map(
    input.series.map(({ objective, groupKey, minutes }) => [seriesKey(objective, groupKey), new CountSeries(minutes)]),
  );
  const subjects = subjectsOf(input);
  const evaluated = subjects.slice(0, input.maxAlerts);
  const changes = evaluated.flatMap(({ subject, alert }) => {
    const counts = series.get(seriesKey(subject.key.objective, subject.key.groupKey)) ?? EMPTY;
    return evaluateOne(input, subject, alert, counts) ?? [];
  });
  return { changes, leftOut: subjects.length - evaluated.length };
}

interface Watched {
  readonly subject: Subject;
  readonly alert: KeptAlert;
}

/** Those that live first, so that too many groups never leave one without its end. */
function subjectsOf({ slo, kept, series, earliestMinute }: EvaluationInput): Watched[] {
  const { spec, tenant, name } = slo;
  const byKey = new Map(kept.map(alert => [keyTextOf(alert.key), alert]));
  const watched = conditionsOf(slo).flatMap(({ objective, rule, condition }) => {
    const isOwn = ({ key }: KeptAlert) =>
      key.objective === objective && key.rule === rule.name && key.condition === condition.name;
    const own = kept.filter(isOwn);
    const withEvents = series.filter(each => each.objective === objective).map(({ groupKey }) => groupKey);
    const standing = own.filter(alert => !isQuiet(alert)).map(({ key }) => key.groupKey);
    const groups = new Set([...withEvents, ...standing, ...(spec.groupBy.length === 0 ? ['{}'] : [])]);
    // A group that turns up is evaluated from where the others are: what happened during an outage is told of it, too.
    const lastMinutes = own.flatMap(({ state }) => state.lastMinute ?? []);
    const lastMinute = lastMinutes.length === 0 ? null : Math.max(earliestMinute - 1, maximum(lastMinutes));
    return [...groups]
      .filter(group => hasDimensions(group, spec.groupBy))
      .map(groupKey => {
        const key: AlertKey = { tenant, slo: name, objective, rule: rule.name, condition: condition.name, groupKey };
        const known = byKey.get(keyTextOf(key)) ?? newAlert(key, condition.severity, lastMinute);
        const alert = isQuiet(known) ? passedOver(known, earliestMinute - 1) : known;
        return { subject: { key, spec, rule, condition }, alert };
      });
  });
  const isLive = ({ alert }: Watched) => alert.state.status === 'firing' || alert.state.status === 'pending';
  return [...watched.filter(isLive), ...watched.filter(each => !isLive(each))];
}

/** No event in its windows, and all is said of it: it is looked at again when there are some. */
export function isQuiet({ state, outbox }: KeptAlert): boolean {
  const isOver = state.status === 'inactive' || state.status === 'resolved';
  return isOver && state.noDataSinceMinute !== null && outbox.length === 0;
}

/** Nothing was there to be evaluated until then. */
function passedOver(alert: KeptAlert, minute: number): KeptAlert {
  const { state } = alert;
  return { ...alert, state: { ...state, lastMinute: Math.max(state.lastMinute ?? minute, minute) } };
}

function maximum(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}

/** By another `groupBy` it would be another group. */
function hasDimensions(groupKey: string, groupBy: readonly string[]): boolean {
  return Object.keys(groupOf({ groupKey })).join() === groupBy.join();
}

export function conditionsOf({ spec }: CountedSlo) {
  const rules = spec.alerts.flatMap((rule: AlertRule) =>
    rule.conditions.map((condition: BurnCondition) => ({ rule, condition })),
  );
  return spec.objectives.flatMap((_, objective) => rules.map(each => ({ objective, ...each })));
}

function evaluateOne(
  { toMinute, holdReasonsAt, isTold }: EvaluationInput,
  subject: Subject,
  alert: KeptAlert,
  series: CountSeries,
): AlertChange | undefined {
  const { key, spec, rule, condition } = subject;
  const { slo, objective, rule: ruleName, condition: conditionName } = key;
  const identity = { slo, objective, rule: ruleName, condition: conditionName, group: groupOf(key) };
  const terms = { slo: spec, objective: spec.objectives[objective], condition };
  const { pendingMinutes } = condition;
  const evaluate = evaluator(series, terms, holdReasonsAt);
  const { state, transitions } = advanceAlert({ identity, pendingMinutes, state: alert.state }, toMinute, evaluate);
  const figuresAt = (minute: number) => alertFigures(series, terms, minute);
  const wasJudged = state.lastJudgedMinute !== null && state.lastJudgedMinute !== alert.state.lastJudgedMinute;
  const { notifyResolved } = rule;
  const figures = wasJudged ? { ...figuresAt(state.lastJudgedMinute!), notifyResolved } : alert.figures;
  const told = alert.outbox.filter(item => !isTold(item, alert));
  const outbox = [...told, ...itemsOf(subject, transitions, figuresAt)];
  return changeOf(alert, { severity: condition.severity, state, figures, outbox });
}

function itemsOf(
  subject: Subject,
  transitions: readonly AlertTransition[],
  figuresAt: (minute: number) => AlertFigures,
): OutboxItem[] {
  return notificationsOf(subject.rule, transitions).map(({ kind, alertId, minute }) => {
    if (kind === 'firing') return firingItem(subject, alertId, minute, figuresAt(minute));
    if (kind !== 'resolved') return dataItem(subject, kind, alertId, minute);
    const { cause } = transitions.find(each => each.kind === kind && each.alertId === alertId)!;
    return resolvedItem(subject, alertId, minute, cause!);
  });
}

function seriesKey(objective: number, groupKey: string): string {
  return `${objective} ${groupKey}`;
}
