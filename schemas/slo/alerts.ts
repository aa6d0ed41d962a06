/** Alert policies of an SLO, in line or by reference, with their conditions and targets. */
import { scaled } from './decimals.js';
import { defaultAlerts, shortWindowOf } from './default-alerts.js';
import type { AlertRule, BurnCondition, NotificationTarget, SloWindow } from './definition.js';
import type { ConditionSpec, Metadata, PolicySpec, SloSpec, TargetSpec } from './documents.js';
import { type DocumentIndex, inside, type Located, type Place, type Report } from './report.js';
import { minutesOf, parseShorthand } from './shorthand.js';
import { ANNOTATION_MINIMUM_EVENTS, ANNOTATION_URL, isWebhookUrl, minimumEventsOf } from './value-rules.js';
import { MAX_WINDOW_MINUTES, nominalMinutes } from './windows.js';

/**
 * With three requests in a night, one that fails is a third of them and a burn rate of 66 (at 99.5 %): a page that tells
 * nobody anything. Below ten events each one moves the share of bad ones by more than 10 %.
 */
export const DEFAULT_MINIMUM_EVENTS = 10;

/** Parts per thousand. */
const FACTOR_DIGITS = 3;
const MAX_FACTOR = 1_000_000_000n;

/** An object with its metadata, wherever it stands. */
interface Named<Spec> {
  readonly metadata: Metadata;
  readonly spec: Located<Spec>;
}

export function resolveAlerts(
  { value: spec, place }: Located<SloSpec>,
  metadata: Metadata,
  window: SloWindow,
  index: DocumentIndex,
  report: Report,
): AlertRule[] {
  const context = { window, index, report, minimumEvents: minimumOf(metadata) ?? DEFAULT_MINIMUM_EVENTS };
  if (spec.alertPolicies === undefined) return defaultAlerts(window, context.minimumEvents);
  return spec.alertPolicies.flatMap((policy, position) => {
    const at = inside(place, 'alertPolicies', position);
    const named = policyOf(policy, at, context);
    return named === undefined ? [] : ruleOf(named, context);
  });
}

interface Context {
  readonly window: SloWindow;
  readonly index: DocumentIndex;
  readonly report: Report;
  /** Of the SLO; a condition may have its own. */
  readonly minimumEvents: number;
}

function policyOf(
  policy: NonNullable<SloSpec['alertPolicies']>[number],
  place: Place,
  { index, report }: Context,
): Named<PolicySpec> | undefined {
  if (policy.alertPolicyRef === undefined) return inLine(policy, place);
  return named(index.follow('AlertPolicy', policy.alertPolicyRef, inside(place, 'alertPolicyRef'), report));
}

function inLine<Spec>(
  { metadata, spec }: { readonly metadata?: Metadata | undefined; readonly spec?: Spec | undefined },
  place: Place,
): Named<Spec> | undefined {
  if (metadata === undefined || spec === undefined) return undefined;
  return { metadata, spec: { value: spec, place: inside(place, 'spec') } };
}

function named<Spec>(found: Located<{ metadata: Metadata; spec: Spec }> | undefined): Named<Spec> | undefined {
  return found && inLine(found.value, found.place);
}

function ruleOf({ metadata, spec: { value: spec, place } }: Named<PolicySpec>, context: Context): AlertRule[] {
  const { index, report } = context;
  const conditions = (spec.conditions ?? []).flatMap((condition, position) => {
    const at = inside(place, 'conditions', position);
    const found =
      condition.conditionRef === undefined
        ? inLine<ConditionSpec>(condition, at)
        : named(index.follow('AlertCondition', condition.conditionRef, inside(at, 'conditionRef'), report));
    return found === undefined ? [] : conditionOf(found, context);
  });
  const targets = (spec.notificationTargets ?? []).flatMap((target, position) => {
    const at = inside(place, 'notificationTargets', position);
    const found =
      target.targetRef === undefined
        ? inLine<TargetSpec>(target, at)
        : named(index.follow('AlertNotificationTarget', target.targetRef, inside(at, 'targetRef'), report));
    return found === undefined ? [] : [targetOf(found, report)];
  });
  if (spec.alertWhenBreaching === false) {
    report.add('warning', inside(place, 'alertWhenBreaching'), 'switches this policy off', false);
    return [];
  }
  const { name, displayName = name } = metadata;
  const notifyNoData = spec.alertWhenNoData ?? false;
  return [{ name, displayName, conditions, targets, notifyResolved: spec.alertWhenResolved ?? false, notifyNoData }];
}

function conditionOf(
  { metadata, spec: { value: spec, place } }: Named<ConditionSpec>,
  context: Context,
): BurnCondition[] {
  const { report } = context;
  const { op, threshold, lookbackWindow, alertAfter } = spec.condition;
  const at = (key: string) => inside(place, 'condition', key);
  const factor = scaled(threshold, FACTOR_DIGITS);
  const isFactor = factor !== undefined && factor > 0n && factor <= MAX_FACTOR;
  const isUpward = op === 'gt' || op === 'gte';
  if (!isFactor)
    report.add('problem', at('threshold'), 'give a burn rate above 0 with at most 3 decimals, such as 14.4', threshold);
  if (!isUpward) report.add('problem', at('op'), 'would alert while the budget is hardly spent: give gt or gte', op);
  const longMinutes = minutesIn(lookbackWindow);
  const pendingMinutes = alertAfter === undefined ? 0 : minutesIn(alertAfter);
  checkLength(longMinutes, lookbackWindow, at('lookbackWindow'), context);
  const isTooLong = longMinutes > MAX_WINDOW_MINUTES;
  if (!isFactor || !isUpward || isTooLong) return [];
  return [
    {
      name: metadata.name,
      severity: spec.severity,
      factorPerMille: Number(factor),
      op,
      longMinutes,
      shortMinutes: shortWindowOf(longMinutes),
      pendingMinutes,
      minimumEvents: minimumOf(metadata) ?? context.minimumEvents,
    },
  ];
}

/** The documents' own check has seen to it that it is a shorthand. */
function minutesIn(text: string): number {
  const shorthand = parseShorthand(text);
  return shorthand === undefined ? 0 : minutesOf(shorthand);
}

function checkLength(longMinutes: number, text: string, place: Place, { window, report }: Context): void {
  if (longMinutes > MAX_WINDOW_MINUTES) report.add('problem', place, 'give at most 400d', text);
  else if (longMinutes > nominalMinutes(window))
    report.add('warning', place, 'is longer than the window of the SLO', text);
}

function targetOf({ metadata, spec: { value: spec, place } }: Named<TargetSpec>, report: Report): NotificationTarget {
  const annotated = metadata.annotations?.[ANNOTATION_URL];
  const url = annotated ?? (isWebhookUrl(spec.target) ? spec.target : '');
  if (url === '') {
    const message = `is only named in alerts: to have them sent, give a webhook's URL in the annotation ${ANNOTATION_URL}`;
    report.add('warning', inside(place, 'target'), message, spec.target);
  }
  return { name: metadata.name, url };
}

function minimumOf({ annotations }: Metadata): number | undefined {
  const text = annotations?.[ANNOTATION_MINIMUM_EVENTS];
  return text === undefined ? undefined : minimumEventsOf(text);
}
